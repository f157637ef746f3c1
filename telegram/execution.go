package telegram

import "fmt"

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
	if err := executionError(XQ, &q.Host, q.Control, &q.Process); err != nil {
		return b, err
	}
	b, w := room(b, ExecutionOrderLength)
	putHeader(w, XQ, &q.Host, q.Control)
	q.Process.put(w)
	return b, nil
}

// Append appends the 212 bytes to b; with an error b is returned as it was. It allocates only where b has no room.
func (r ExecutionResponse) Append(b []byte) ([]byte, error) {
	if err := executionError(XR, &r.Host, r.Control, &r.Process); err != nil {
		return b, err
	}
	b, w := room(b, ExecutionResponseLength)
	putHeader(w, XR, &r.Host, r.Control)
	r.Process.put(w)
	r.Status.put(w[resultStatusOffset:])
	r.Text.put(w[resultTextOffset:])
	return b, nil
}

// Decode has q be what the bytes of one XQ say, no more and no fewer; with an error, the zero value. Its error is a *FieldError.
func (q *ExecutionOrder) Decode(b []byte) error {
	if len(b) == ExecutionOrderLength {
		if b := (*[ExecutionOrderLength]byte)(b); hasType(b[:], XQ) && validHost((*[HostLength]byte)(b[hostOffset:])) &&
			validProcess((*[ProcessLength]byte)(b[processOffset:])) {
			q.Host.take(b[:])
			q.Control = controlIn(b[:])
			q.Process.take(b[:])
			return nil
		}
	}
	*q = ExecutionOrder{}
	return fault(b, XQ)
}

// DecodeExecutionOrder is Decode into a new value.
func DecodeExecutionOrder(b []byte) (q ExecutionOrder, err error) {
	err = q.Decode(b)
	return q, err
}

// Decode has r be what the bytes of one XR say, no more and no fewer; with an error, the zero value. Its error is a *FieldError.
func (r *ExecutionResponse) Decode(b []byte) error {
	if len(b) == ExecutionResponseLength {
		if b := (*[ExecutionResponseLength]byte)(b); hasType(b[:], XR) && validHost((*[HostLength]byte)(b[hostOffset:])) &&
			validProcess((*[ProcessLength]byte)(b[processOffset:])) &&
			validStatus((*[StatusLength]byte)(b[resultStatusOffset:])) && r.Text.takeValid(b[resultTextOffset:]) {
			r.Host.take(b[:])
			r.Control = controlIn(b[:])
			r.Process.take(b[:])
			r.Status.take(b[resultStatusOffset:])
			return nil
		}
	}
	*r = ExecutionResponse{}
	return fault(b, XR)
}

// DecodeExecutionResponse is Decode into a new value.
func DecodeExecutionResponse(b []byte) (r ExecutionResponse, err error) {
	err = r.Decode(b)
	return r, err
}
