package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// goVariable is a variable that Go or its linker may read. Some of them change what is built, such as GOFLAGS, GOAMD64, GOEXPERIMENT,
// GOFIPS140 and GOWORK, and each version of Go may have more.
var goVariable = regexp.MustCompile(`^(GO[A-Z0-9]*|GO_[A-Z0-9_]*|CGO_[A-Z0-9_]*)=`)

// goPlaces are those that say where modules, the compiler and what is built already are, and change nothing of what is built.
var goPlaces = []string{"GOPATH", "GOMODCACHE", "GOCACHE", "GOCACHEPROG", "GOTMPDIR", "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE",
	"GOINSECURE", "GOVCS", "GOAUTH", "GOTOOLCHAIN"}

// goEnvironment is what Go is run with: of what the user has said about Go, in his environment or by go env -w, the places alone.
func goEnvironment(ctx context.Context) ([]string, error) {
	text, err := output(ctx, ".", "go", append([]string{"env", "-json"}, goPlaces...)...)
	if err != nil {
		return nil, fmt.Errorf("ask Go for its places: %w", err)
	}
	var places map[string]string
	if err := json.Unmarshal([]byte(text), &places); err != nil {
		return nil, fmt.Errorf("ask Go for its places: %w", err)
	}
	var env []string
	for _, variable := range os.Environ() {
		if !goVariable.MatchString(variable) || strings.HasPrefix(variable, "GOROOT=") {
			env = append(env, variable)
		}
	}
	for _, name := range goPlaces {
		if value := places[name]; value != "" {
			env = append(env, name+"="+value)
		}
	}
	// An empty GOFLAGS in the environment does not go before one of the file that GOENV names.
	return append(env, "GOENV=off", "GOWORK=off"), nil
}

// goOutput is what Go prints, run with env.
func goOutput(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir, c.Env = dir, env
	return outputOf(c)
}
