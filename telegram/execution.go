package telegram

import (
	"fmt"
	"slices"
)

// ExecutionOrder is XQ (Fig. 8, 88–91): 84 bytes, manager to slave. Control is Launch or Taken.
type ExecutionOrder struct {
	Host    Host      // the slave's
	Control Control   // (90)
	Process ProcessID // (91)
}

// ExecutionResponse is XR (Fig. 8, 92–96): 212 bytes, slave to manager. Control is Ended, Launched, Failed, Already or
// Refused.
type ExecutionResponse struct {
	Host    Host      // the slave's
	Control Control   // (94)
	Process ProcessID // (95)
	Status  Status    // the slave's field 133 afterwards, in the additional message (96)
	Text    Text      // why, exit status, last line of output, in the additional message (96)
}

// Type is XQ.
func (ExecutionOrder) Type() Type { return XQ }

// Type is XR.
func (ExecutionResponse) Type() Type { return XR }

// String reads like "XQ LAUNCH app01 ONLINE".
func (q ExecutionOrder) String() string {
	return fmt.Sprintf("XQ %v %v %v", q.Control, q.Host, q.Process)
}

// String reads like "XR LAUNCHED app01 ONLINE ONLINE".
func (r ExecutionResponse) String() string {
	return fmt.Sprintf("XR %v %v %v %v %q", r.Control, r.Host, r.Process, r.Status, r.Text)
}

// Append appends the 84 bytes to b; with an error b is returned as it was. It allocates only where b has no room.
func (q ExecutionOrder) Append(b []byte) ([]byte, error) {
	if err := checkExecution(XQ, &q.Host, q.Control, &q.Process); err != nil {
		return b, err
	}
	b = appendHeader(slices.Grow(b, ExecutionOrderLength), XQ, &q.Host, q.Control)
	return append(b, q.Process.b[:]...), nil
}

// Append appends the 212 bytes to b; with an error b is returned as it was. It allocates only where b has no room.
func (r ExecutionResponse) Append(b []byte) ([]byte, error) {
	if err := checkExecution(XR, &r.Host, r.Control, &r.Process); err != nil {
		return b, err
	}
	b = appendHeader(slices.Grow(b, ExecutionResponseLength), XR, &r.Host, r.Control)
	b = append(b, r.Process.b[:]...)
	b = appendPadded(b, r.Status.b[:])
	return appendPadded(b, r.Text.b[:]), nil
}

// DecodeExecutionOrder decodes the bytes of one XQ, no more and no fewer. Its error is a *FieldError.
func DecodeExecutionOrder(b []byte) (q ExecutionOrder, err error) {
	if err = decodeHeader(b, XQ, &q.Host, &q.Control); err != nil {
		return ExecutionOrder{}, err
	}
	if err = q.Process.decode(b, XQ); err != nil {
		return ExecutionOrder{}, err
	}
	return q, nil
}

// DecodeExecutionResponse decodes the bytes of one XR, no more and no fewer. Its error is a *FieldError.
func DecodeExecutionResponse(b []byte) (r ExecutionResponse, err error) {
	if err = decodeHeader(b, XR, &r.Host, &r.Control); err != nil {
		return ExecutionResponse{}, err
	}
	if err = r.Process.decode(b, XR); err != nil {
		return ExecutionResponse{}, err
	}
	if err = r.Status.decode(b, XR, resultStatusOffset); err != nil {
		return ExecutionResponse{}, err
	}
	if err = r.Text.decode(b, XR, resultTextOffset); err != nil {
		return ExecutionResponse{}, err
	}
	return r, nil
}

func checkExecution(t Type, h *Host, c Control, p *ProcessID) error {
	if err := checkHeader(t, h, c); err != nil {
		return err
	}
	if p.IsZero() {
		return &FieldError{Type: t, Field: FieldProcess, Offset: processOffset, Err: ErrEmpty}
	}
	return nil
}
