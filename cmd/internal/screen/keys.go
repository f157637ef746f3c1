package screen

// Key is what was typed, by what it is for.
type Key int

// The keys. Each may be typed in several ways.
const (
	Up Key = iota + 1
	Down
	PageUp
	PageDown
	Home
	End
	Quit
)

// typedKeys are what terminals send; those of one letter are as in less.
var typedKeys = map[string]Key{
	"q": Quit, "Q": Quit, "\x03": Quit, // Ctrl-C
	"k": Up, "\x1b[A": Up, "\x1bOA": Up,
	"j": Down, "\x1b[B": Down, "\x1bOB": Down,
	"b": PageUp, "\x1b[5~": PageUp,
	" ": PageDown, "\x1b[6~": PageDown,
	"g": Home, "\x1b[H": Home, "\x1bOH": Home, "\x1b[1~": Home, "\x1b[7~": Home,
	"G": End, "\x1b[F": End, "\x1bOF": End, "\x1b[4~": End, "\x1b[8~": End,
}

// maxKey is the largest number of bytes that are waited for to be one key.
const maxKey = 16

// decodeKeys gives the keys in what was typed, and the begin of one whose rest is still to come. What is no key is left out.
func decodeKeys(typed []byte) (keys []Key, rest []byte) {
	for len(typed) > 0 {
		n := keyLength(typed)
		if n == 0 {
			if len(typed) < maxKey {
				return keys, typed
			}
			n = 1
		}
		if k, ok := typedKeys[string(typed[:n])]; ok {
			keys = append(keys, k)
		}
		typed = typed[n:]
	}
	return keys, nil
}

// keyLength is the number of bytes of the first key, 0 where its end is still to come.
func keyLength(typed []byte) int {
	const escape = 0x1B
	switch {
	case typed[0] != escape:
		return 1
	case len(typed) == 1:
		return 0
	case typed[1] == 'O':
		if len(typed) < 3 {
			return 0
		}
		return 3
	case typed[1] != '[':
		return 1 // Escape alone, and then another key
	}
	for i, c := range typed[2:] {
		if c >= 0x40 && c <= 0x7E {
			return i + 3
		}
	}
	return 0
}
