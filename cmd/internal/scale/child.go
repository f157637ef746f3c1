package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"renraku/cmd/internal/trial"
)

// start starts a child with a role on a processor, and waits until it serves.
func start(ctx context.Context, cpu int, role string, args ...string) (*trial.Child, error) {
	return trial.Start(ctx, role, os.Stderr, append([]string{"-role", role, "-cpu", strconv.Itoa(cpu)}, args...)...)
}

// serveRole is the child's side.
func serveRole(role string, args []string) error {
	switch role {
	case "echo", "echo-single":
		return serveEcho(role == "echo-single")
	case "asker", "asker-single":
		return serveAsker(args[0], role == "asker-single")
	case "simulation":
		return serveSimulation(args[0], mode(args[1]), args[2:]...)
	case "poll":
		return servePoll(args[0], mode(args[1]), args[2], args[3])
	}
	return fmt.Errorf("no such role")
}
