package telegram

import "fmt"

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
	if err := headerError(SQ, &q.Host, q.Control); err != nil {
		return b, err
	}
	b, w := room(b, StatusInquiryLength)
	putHeader(w, SQ, &q.Host, q.Control)
	return b, nil
}

// Append appends the 196 bytes to b; with an error b is returned as it was. It allocates only where b has no room.
func (r StatusResponse) Append(b []byte) ([]byte, error) {
	if err := headerError(SR, &r.Host, r.Control); err != nil {
		return b, err
	}
	b, w := room(b, StatusResponseLength)
	putHeader(w, SR, &r.Host, r.Control)
	r.Status.put(w[responseStatusOffset:])
	r.Text.put(w[responseTextOffset:])
	return b, nil
}

// Decode has q be what the bytes of one SQ say, no more and no fewer; with an error, the zero value. Its error is a *FieldError.
func (q *StatusInquiry) Decode(b []byte) error {
	if len(b) == StatusInquiryLength {
		if b := (*[StatusInquiryLength]byte)(b); hasType(b[:], SQ) && validHost((*[HostLength]byte)(b[hostOffset:])) {
			q.Host.take(b[:])
			q.Control = controlIn(b[:])
			return nil
		}
	}
	*q = StatusInquiry{}
	return fault(b, SQ)
}

// DecodeStatusInquiry is Decode into a new value.
func DecodeStatusInquiry(b []byte) (q StatusInquiry, err error) {
	err = q.Decode(b)
	return q, err
}

// Decode has r be what the bytes of one SR say, no more and no fewer; with an error, the zero value. Its error is a *FieldError.
func (r *StatusResponse) Decode(b []byte) error {
	if len(b) == StatusResponseLength {
		if b := (*[StatusResponseLength]byte)(b); hasType(b[:], SR) && validHost((*[HostLength]byte)(b[hostOffset:])) &&
			validStatus((*[StatusLength]byte)(b[responseStatusOffset:])) && r.Text.takeValid(b[responseTextOffset:]) {
			r.Host.take(b[:])
			r.Control = controlIn(b[:])
			r.Status.take(b[responseStatusOffset:])
			return nil
		}
	}
	*r = StatusResponse{}
	return fault(b, SR)
}

// DecodeStatusResponse is Decode into a new value.
func DecodeStatusResponse(b []byte) (r StatusResponse, err error) {
	err = r.Decode(b)
	return r, err
}
