package trial

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
)

// Serve is the whole of a child that serves already.
func Serve(address string, answer func(question []string) (any, error)) error {
	if err := SayServing(address); err != nil {
		return err
	}
	return Answer(answer)
}

// SayServing is a child's first line; the address may be empty.
func SayServing(address string) error { return json.NewEncoder(os.Stdout).Encode(address) }

// Answer answers the lines of standard input until it ends. A question is the words of one.
func Answer(answer func(question []string) (any, error)) error {
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		a, err := answer(strings.Fields(lines.Text()))
		if err == nil {
			err = out.Encode(a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
