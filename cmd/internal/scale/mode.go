package main

import (
	"fmt"

	"renraku/telegram"
	"renraku/telegram/seal"
)

// mode is [security] mode: how status telegrams go over UDP.
type mode string

const (
	plain  mode = "plain"
	sealed mode = "sealed"
)

// Set makes mode a flag.
func (m *mode) Set(s string) error {
	switch mode(s) {
	case plain, sealed:
		*m = mode(s)
		return nil
	}
	return fmt.Errorf("plain or sealed is right")
}

// String is the word of the definition.
func (m *mode) String() string { return string(*m) }

// Both sides of a measured poll know these.
var (
	managerHost = mustHost("mgr01")
	masters     = []seal.Master{{ID: 1, Secret: seal.Secret{0: 1, 31: 32}}}
)

// term is that of the poll, which starts once.
const term = 1

func mustHost(name string) telegram.Host {
	h, err := telegram.NewHost(name)
	if err != nil {
		panic(err)
	}
	return h
}
