package telegram

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// StatusInquiry is SQ (Fig. 7, 81–83): 68 bytes, manager to slave. Control is Check, Start or End.
type StatusInquiry struct {
	Host    Host    // the slave's
	Control Control // (83)
}

// StatusResponse is SR (Fig. 7, 84–87): 196 bytes, slave to manager. Control is Running or Stopped.
type StatusResponse struct {
	Host    Host    // the slave's
	Control Control // (86)
	Status  Status  // the slave's field 133, in the additional message (87)
	Text    Text    // in the additional message (87)
}

// Type is SQ.
func (StatusInquiry) Type() Type { return SQ }

// Type is SR.
func (StatusResponse) Type() Type { return SR }

// String reads like "SQ START app01".
func (q StatusInquiry) String() string { return fmt.Sprintf("SQ %v %v", q.Control, q.Host) }

// String reads like "SR RUNNING app01 ONLINE".
func (r StatusResponse) String() string {
	return fmt.Sprintf("SR %v %v %v %q", r.Control, r.Host, r.Status, r.Text)
}

// Append appends the 68 bytes to b; with an error b is returned as it was. It allocates only where b has no room.
func (q StatusInquiry) Append(b []byte) ([]byte, error) {
	if err := checkHeader(SQ, &q.Host, q.Control); err != nil {
		return b, err
	}
	return appendHeader(slices.Grow(b, StatusInquiryLength), SQ, &q.Host, q.Control), nil
}

// Append appends the 196 bytes to b; with an error b is returned as it was. It allocates only where b has no room.
func (r StatusResponse) Append(b []byte) ([]byte, error) {
	if err := checkHeader(SR, &r.Host, r.Control); err != nil {
		return b, err
	}
	b = appendHeader(slices.Grow(b, StatusResponseLength), SR, &r.Host, r.Control)
	b = appendPadded(b, r.Status.b[:])
	return appendPadded(b, r.Text.b[:]), nil
}

// DecodeStatusInquiry decodes the bytes of one SQ, no more and no fewer. Its error is a *FieldError.
func DecodeStatusInquiry(b []byte) (q StatusInquiry, err error) {
	if err = decodeHeader(b, SQ, &q.Host, &q.Control); err != nil {
		return StatusInquiry{}, err
	}
	return q, nil
}

// DecodeStatusResponse decodes the bytes of one SR, no more and no fewer. Its error is a *FieldError.
func DecodeStatusResponse(b []byte) (r StatusResponse, err error) {
	if err = decodeHeader(b, SR, &r.Host, &r.Control); err != nil {
		return StatusResponse{}, err
	}
	if err = r.Status.decode(b, SR, responseStatusOffset); err != nil {
		return StatusResponse{}, err
	}
	if err = r.Text.decode(b, SR, responseTextOffset); err != nil {
		return StatusResponse{}, err
	}
	return r, nil
}

// checkHeader checks what an encoder cannot take for granted: that there is a host name, and a control bit of the type.
func checkHeader(t Type, h *Host, c Control) error {
	if h.IsZero() {
		return &FieldError{Type: t, Field: FieldHost, Offset: hostOffset, Err: ErrEmpty}
	}
	return checkControl(t, c)
}

func checkControl(t Type, c Control) error {
	if !c.valid(t) {
		return &FieldError{Type: t, Field: FieldControl, Offset: controlOffset, Err: ErrControl,
			Got: fmt.Sprintf("0x%04X (%v)", uint16(c), c)}
	}
	return nil
}

func appendHeader(b []byte, t Type, h *Host, c Control) []byte {
	b = append(b, h.b[:]...)
	return append(b, byte(t>>8), byte(t), byte(c>>8), byte(c))
}

// decodeHeader checks type and length and decodes the fields that all telegrams share.
func decodeHeader(b []byte, want Type, h *Host, c *Control) error {
	t, err := typeOf(b)
	if err != nil {
		return err
	}
	if t != want {
		return &FieldError{Type: want, Field: FieldType, Offset: typeOffset, Err: ErrType, Got: t.String()}
	}
	if len(b) != t.Length() {
		return lengthError(t, len(b), t.Length())
	}
	if err := h.decode(b, t); err != nil {
		return err
	}
	*c = Control(binary.BigEndian.Uint16(b[controlOffset:]))
	return checkControl(t, *c)
}
