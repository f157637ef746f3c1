package telegram

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/testdata/vectors"
)

// vectorsAtLeast is how many vectors of telegrams there are at least: a reader that finds none proves nothing.
const vectorsAtLeast = 500

// The words of the specification for fields and kinds of errors.
var (
	vectorFields = map[string]Field{
		"length": FieldLength, "type": FieldType, "control": FieldControl, "host": FieldHost, "process": FieldProcess,
		"application": FieldStatus, "text": FieldText,
	}
	vectorKinds = map[string]error{
		"length": ErrLength, "unknown-type": ErrUnknownType, "wrong-type": ErrType, "control": ErrControl,
		"empty": ErrEmpty, "byte": ErrByte, "space": ErrSpace, "utf8": ErrUTF8, "control-char": ErrControlChar,
		"too-long": ErrTooLong, "trailing-space": ErrTrailingSpace,
	}
)

func readVectors(t *testing.T) []vectors.Vector {
	t.Helper()
	all, err := vectors.Read("SQ.txt", "SR.txt", "XQ.txt", "XR.txt", "any.txt", "refused.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), vectorsAtLeast)
	return all
}

// decodeTaken decodes as an end does that takes one type only, or any.
func decodeTaken(taken string, b []byte) (Telegram, error) {
	var decoded Telegram
	var err error
	switch taken {
	case "SQ":
		decoded, err = DecodeStatusInquiry(b)
	case "SR":
		decoded, err = DecodeStatusResponse(b)
	case "XQ":
		decoded, err = DecodeExecutionOrder(b)
	case "XR":
		decoded, err = DecodeExecutionResponse(b)
	default:
		return Decode(b)
	}
	return decoded, err
}

// valueOf makes the telegram of a vector's value; the error is that of the first field that refuses it.
func valueOf(v *vectors.Vector) (Telegram, error) {
	host, errHost := NewHost(v.Value["host"])
	control, errControl := controlOf(v.Value["control"])
	if errControl != nil {
		return nil, errControl
	}
	var process ProcessID
	var errProcess error
	if strings.HasPrefix(v.Of, "X") {
		process, errProcess = NewProcessID(v.Value["process"])
	}
	status, errStatus := NewStatus(v.Value["application"])
	text, errText := NewText(v.Value["text"])
	if err := errors.Join(errHost, errProcess, errStatus, errText); err != nil {
		return nil, err
	}
	switch v.Of {
	case "SQ":
		return StatusInquiry{host, control}, nil
	case "SR":
		return StatusResponse{host, control, status, text}, nil
	case "XQ":
		return ExecutionOrder{host, control, process}, nil
	case "XR":
		return ExecutionResponse{host, control, process, status, text}, nil
	}
	return nil, fmt.Errorf("no telegram is called %q", v.Of)
}

func controlOf(written string) (Control, error) {
	if number, ok := strings.CutPrefix(written, "0x"); ok {
		n, err := strconv.ParseUint(number, 16, 16)
		return Control(n), err
	}
	for c, name := range controlNames {
		if name == written {
			return c, nil
		}
	}
	return 0, fmt.Errorf("no control code is called %q", written)
}

func TestEveryVectorDecodesOrFailsAsItSays(t *testing.T) {
	counts := map[string]int{}
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			counts[v.Expect]++
			var wrong *FieldError
			switch v.Expect {
			case vectors.Value:
				want, err := valueOf(&v)
				require.NoError(t, err)
				decoded, err := decodeTaken(v.Taken, v.Bytes)
				require.NoError(t, err)
				assert.Equal(t, want, decoded)
				encoded, err := want.Append(nil)
				require.NoError(t, err)
				assert.Equal(t, v.Bytes, encoded)
			case vectors.Error:
				decoded, err := decodeTaken(v.Taken, v.Bytes)
				require.ErrorAs(t, err, &wrong)
				assert.Zero(t, decoded)
				assert.Equal(t, vectorFields[v.Field], wrong.Field)
				assert.ErrorIs(t, err, vectorKinds[v.Kind])
				assert.Equal(t, v.Offset, wrong.Offset)
			case vectors.Refused:
				value, err := valueOf(&v)
				if err == nil {
					_, err = value.Append(nil)
				}
				require.ErrorAs(t, err, &wrong)
				assert.Equal(t, vectorFields[v.Field], wrong.Field)
				assert.ErrorIs(t, err, vectorKinds[v.Kind])
			default:
				require.Fail(t, "expects nothing", v.Expect)
			}
		})
	}
	for _, expect := range []string{vectors.Value, vectors.Error, vectors.Refused} {
		assert.Positive(t, counts[expect], expect)
	}
}

// A vector for each control bit, each field and each kind of error, and no name twice.
func TestVectorsLeaveNothingOfTheFormatOut(t *testing.T) {
	names, fields, kinds, controls := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, v := range readVectors(t) {
		assert.False(t, names[v.Name], v.Name)
		names[v.Name] = true
		fields[v.Of+" "+v.Field], kinds[v.Of+" "+v.Kind], controls[v.Of+" "+v.Value["control"]] = true, true, true
	}
	for _, typ := range []Type{SQ, SR, XQ, XR} {
		for c, name := range controlNames {
			if c.valid(typ) {
				assert.True(t, controls[typ.String()+" "+name], "%v %s", typ, name)
			}
		}
	}
	for _, want := range []string{"SQ", "SR", "XQ", "XR"} {
		for _, field := range []string{"length", "type", "host", "control"} {
			assert.True(t, fields[want+" "+field], "%s %s", want, field)
		}
		for _, kind := range []string{"length", "wrong-type", "control", "empty", "byte", "space", "too-long"} {
			assert.True(t, kinds[want+" "+kind], "%s %s", want, kind)
		}
	}
	for _, kind := range []string{"utf8", "control-char", "trailing-space"} {
		assert.True(t, kinds["SR "+kind] && kinds["XR "+kind], kind)
	}
	assert.True(t, kinds["any unknown-type"])
}
