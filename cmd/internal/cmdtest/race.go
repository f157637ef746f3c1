//go:build race

package cmdtest

const race = true
