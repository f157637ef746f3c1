package credentials

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"renraku/telegram/seal"
)

// MaxKeyIDs is how many key IDs a server holds: the one that the manager uses, and the one before it or after it.
const MaxKeyIDs = 2

// The words of the file of keys.
const (
	masterWord    = "master"
	toSlaveWord   = "to-slave"
	toManagerWord = "to-manager"
)

const (
	keysHeader = "# renraku keys of "
	maxLine    = 200     // bytes
	maxKeysLen = 6 << 10 // bytes: more than any right file has
)

// Keys is what a file of keys holds: masters or keys of a slave, ascending by ID.
type Keys struct {
	Masters   []seal.Master
	SlaveKeys []seal.SlaveKeys
}

// FileError is what is wrong with a file of keys. It has nothing of the file's contents.
type FileError struct {
	File string
	Line int    // from 1
	Text string // what is wrong, and what would be right
}

// Error reads like "keys:2: the key ID is no number: one of 1 to 65535 is right".
func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// ParseKeys reads a file of keys; name stands in errors, which are *FileError. What it takes, Append writes again.
func ParseKeys(name string, text []byte) (Keys, error) {
	p := &keyParser{file: name}
	if err := p.parse(text); err != nil {
		return Keys{}, err
	}
	return p.keys, nil
}

// keyParser reads a file of keys line by line.
type keyParser struct {
	file string
	line int
	keys Keys
	open bool // the last slave's key has no to-manager yet
}

func (p *keyParser) parse(text []byte) error {
	if len(text) > maxKeysLen {
		p.line = 1
		return p.wrong("the file is too long: %d key IDs at most are right", MaxKeyIDs)
	}
	for len(text) > 0 {
		p.line++
		line, rest, ended := bytes.Cut(text, []byte{'\n'})
		switch {
		case !ended:
			return p.wrong("the line has no end: a line feed after each line is right")
		case len(line) > maxLine:
			return p.wrong("the line is too long: at most %d bytes are right", maxLine)
		}
		if err := p.parseLine(line); err != nil {
			return err
		}
		text = rest
	}
	p.line++
	switch {
	case p.line == 1:
		return p.wrong("the file is empty: a line of comment and keys after it are right")
	case len(p.keys.Masters)+len(p.keys.SlaveKeys) == 0:
		return p.wrong("no key: at least one is right")
	case p.open:
		return p.wrong("the file ends after to-slave: a line to-manager of the same ID is right")
	}
	return nil
}

func (p *keyParser) parseLine(line []byte) error {
	if p.line == 1 {
		if len(line) == 0 || line[0] != '#' {
			return p.wrong("no comment: a first line that begins with # is right")
		}
		return nil
	}
	fields := bytes.Split(line, []byte{' '})
	if len(fields) != 3 {
		return p.wrong("not three words: a key ID, %s or %s or %s, and 64 hexadecimal digits are right", masterWord, toSlaveWord, toManagerWord)
	}
	id, err := strconv.ParseUint(string(fields[0]), 10, 16)
	if err != nil || id == 0 || strconv.FormatUint(id, 10) != string(fields[0]) {
		return p.wrong("the key ID is no number: one of 1 to 65535 is right")
	}
	secret, ok := parseSecret(fields[2])
	if !ok {
		return p.wrong("the key is not right: 64 hexadecimal digits in small letters are right")
	}
	return p.add(uint16(id), string(fields[1]), secret)
}

func parseSecret(text []byte) (secret seal.Secret, ok bool) {
	if len(text) != hex.EncodedLen(len(secret)) || !bytes.Equal(text, bytes.ToLower(text)) {
		return seal.Secret{}, false
	}
	if _, err := hex.Decode(secret[:], text); err != nil {
		return seal.Secret{}, false
	}
	return secret, true
}

// add adds one line.
func (p *keyParser) add(id uint16, word string, secret seal.Secret) error {
	k := &p.keys
	if word == toManagerWord {
		last := len(k.SlaveKeys) - 1
		if !p.open || k.SlaveKeys[last].ID != id {
			return p.wrong("%s without %s: the line after %s, with the same ID, is right", toManagerWord, toSlaveWord, toSlaveWord)
		}
		k.SlaveKeys[last].ToManager, p.open = secret, false
		return nil
	}
	if p.open {
		return p.wrong("no %s after %s: a line of the same ID is right", toManagerWord, toSlaveWord)
	}
	if err := p.checkID(id); err != nil {
		return err
	}
	switch {
	case word == masterWord && len(k.SlaveKeys) == 0:
		k.Masters = append(k.Masters, seal.Master{ID: id, Secret: secret})
	case word == toSlaveWord && len(k.Masters) == 0:
		k.SlaveKeys = append(k.SlaveKeys, seal.SlaveKeys{ID: id, ToSlave: secret})
		p.open = true
	case word == masterWord || word == toSlaveWord:
		return p.wrong("keys of the manager and of a slave: those of one server are right")
	default:
		return p.wrong("the second word is not known: %s, %s or %s is right", masterWord, toSlaveWord, toManagerWord)
	}
	return nil
}

// checkID says whether a key with this ID may be the next.
func (p *keyParser) checkID(id uint16) error {
	ids := p.keys.IDs()
	switch {
	case len(ids) == MaxKeyIDs:
		return p.wrong("more than %d key IDs: at most %d are right", MaxKeyIDs, MaxKeyIDs)
	case len(ids) > 0 && id <= ids[len(ids)-1]:
		return p.wrong("the key ID is not above the one before it: ascending IDs are right")
	}
	return nil
}

func (p *keyParser) wrong(format string, args ...any) error {
	return &FileError{p.file, p.line, fmt.Sprintf(format, args...)}
}

// IDs is the key IDs, ascending.
func (k *Keys) IDs() []uint16 {
	var ids []uint16
	for i := range k.Masters {
		ids = append(ids, k.Masters[i].ID)
	}
	for i := range k.SlaveKeys {
		ids = append(ids, k.SlaveKeys[i].ID)
	}
	return ids
}

// Equal says whether both are the same keys.
func (k *Keys) Equal(other Keys) bool {
	return slices.Equal(k.Masters, other.Masters) && slices.Equal(k.SlaveKeys, other.SlaveKeys)
}

// Append appends the file of keys; owner stands in its comment.
func (k *Keys) Append(b []byte, owner string) []byte {
	b = fmt.Appendf(b, "%s%s\n", keysHeader, owner)
	for i := range k.Masters {
		b = appendKey(b, k.Masters[i].ID, masterWord, &k.Masters[i].Secret)
	}
	for i := range k.SlaveKeys {
		b = appendKey(b, k.SlaveKeys[i].ID, toSlaveWord, &k.SlaveKeys[i].ToSlave)
		b = appendKey(b, k.SlaveKeys[i].ID, toManagerWord, &k.SlaveKeys[i].ToManager)
	}
	return b
}

func appendKey(b []byte, id uint16, word string, secret *seal.Secret) []byte {
	return fmt.Appendf(b, "%d %s %s\n", id, word, hex.EncodeToString(secret[:]))
}
