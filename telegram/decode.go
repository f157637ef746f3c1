package telegram

// Telegram is one of StatusInquiry, StatusResponse, ExecutionOrder and ExecutionResponse.
type Telegram interface {
	// Type is the telegram's type.
	Type() Type
	// Append appends the telegram's bytes to b.
	Append(b []byte) ([]byte, error)
	// String is one line for a person.
	String() string

	telegram()
}

func (StatusInquiry) telegram()     {}
func (StatusResponse) telegram()    {}
func (ExecutionOrder) telegram()    {}
func (ExecutionResponse) telegram() {}

// Decode decodes the bytes of one telegram of any type, no more and no fewer. Its error is a *FieldError.
func Decode(b []byte) (Telegram, error) {
	t, err := typeOf(b)
	if err != nil {
		return nil, err
	}
	var decoded Telegram
	switch t {
	case SQ:
		decoded, err = DecodeStatusInquiry(b)
	case SR:
		decoded, err = DecodeStatusResponse(b)
	case XQ:
		decoded, err = DecodeExecutionOrder(b)
	case XR:
		decoded, err = DecodeExecutionResponse(b)
	}
	if err != nil {
		return nil, err
	}
	return decoded, nil
}

// PeekHost is the host name in the first 64 bytes of a telegram, as they stand: only where it is that of a host that one has can it
// be relied on to be one. ok says whether there are so many bytes.
func PeekHost(b []byte) (h Host, ok bool) {
	if len(b) < hostOffset+HostLength {
		return Host{}, false
	}
	h.take(b)
	return h, true
}

// PeekType reads the type out of the first 68 bytes of a telegram, and so tells how long it is. Its error is a *FieldError.
func PeekType(header []byte) (Type, error) { return typeOf(header) }
