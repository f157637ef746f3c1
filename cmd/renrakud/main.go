// Renrakud is the daemon on every server: manager or slave, by the definition file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"renraku/cmd/internal/daemon"
	"renraku/cmd/internal/definition"
	"renraku/cmd/internal/exit"
	"renraku/cmd/internal/version"
	"renraku/slave/runs"
)

func main() {
	if runs.IsParent() {
		os.Exit(runs.Parent())
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := command().Execute(); err != nil {
		complain(os.Args[1:], err)
		os.Exit(exit.Status(err))
	}
}

// complain says on standard error why the daemon ends: for people, or where its log is JSON as lines of the log, one for each of the error.
// The flags may be what is wrong: of the arguments it takes what it finds.
func complain(args []string, err error) {
	found := pflag.NewFlagSet("", pflag.ContinueOnError)
	found.ParseErrorsAllowlist.UnknownFlags = true
	format, host := found.String(formatFlag, textFormat, ""), found.String(hostFlag, "", "")
	found.Usage = func() {}
	_ = found.Parse(args)
	if !strings.EqualFold(*format, jsonFormat) {
		fmt.Fprintln(os.Stderr, exit.Lines("renrakud", err))
		return
	}
	if *host == "" {
		*host, _ = os.Hostname()
	}
	log := newLog(jsonFormat)
	for line := range strings.Lines(err.Error()) {
		log.Error("daemon could not start, or not go on", "host", *host, "error", strings.TrimSpace(line))
	}
}

// gcPercent is the room for garbage, in percent of what is kept: a daemon keeps much, of every slave, and makes little.
const gcPercent = 50

// The flags that complain looks for, and the values of the first.
const (
	formatFlag = "log-format"
	textFormat = "text"
	jsonFormat = "json"
	hostFlag   = "host"
)

type flags struct {
	config, host, dir, logFormat string
}

func command() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:           "renrakud --config FILE [--host NAME] [--dir DIR] [--log-format text|json]",
		Short:         "The renraku daemon of one server: manager or slave, by the definition file",
		Args:          exit.Args(cobra.NoArgs),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return run(c.Context(), f) },
	}
	c.DisableFlagsInUseLine = true
	c.SetFlagErrorFunc(exit.FlagError)
	c.CompletionOptions.DisableDefaultCmd = true
	version.Flag(c)
	c.Flags().StringVar(&f.config, "config", daemon.DefaultDefinition, "the definition `file`, the same on every server")
	c.Flags().StringVar(&f.host, hostFlag, "", "this server's `name` in the definition (default: the machine's host name)")
	c.Flags().StringVar(&f.dir, "dir", daemon.DefaultDir, "the `directory` of this daemon's files and sockets")
	c.Flags().StringVar(&f.logFormat, formatFlag, textFormat, "the form of the log on standard error: `text or json`")
	return c
}

func run(ctx context.Context, f flags) error {
	log, err := logger(f.logFormat)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	if f.host == "" {
		if f.host, err = os.Hostname(); err != nil {
			return fmt.Errorf("find this machine's host name: %w", err)
		}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // one that comes while the daemon starts must not end it
	defer signal.Stop(hangups)
	d, err := definition.Load(f.config)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: --config names another", err)
	}
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	role, _, ok := d.Role(f.host)
	if !ok {
		return exit.With(exit.Usage, fmt.Errorf("host %q is neither the manager nor a slave of %s: --host names another", f.host, f.config))
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ready := func() { // the daemon keeps it: it must not keep this definition, which others may follow
		log.Info("ready", "host", f.host, "role", role.String(), "dir", f.dir, "definition", f.config)
		if _, err := systemd.SdNotify(false, systemd.SdNotifyReady); err != nil {
			log.Warn("systemd not told that the daemon is ready", "host", f.host, "error", err)
		}
		go debug.FreeOSMemory() // of a large definition, reading it takes more than keeping it
	}
	one, err := daemon.Open(daemon.Options{Definition: d, Host: f.host, Dir: f.dir, Ready: ready, Log: log})
	if err != nil {
		return err
	}
	unwatch := context.AfterFunc(ctx, func() {
		log.Info("shutting down", "host", f.host)
		stop() // a second signal ends the daemon at once
		systemd.SdNotify(false, systemd.SdNotifyStopping)
	})
	defer unwatch() // before stop, which ends ctx too
	go readAgain(ctx, hangups, one, f.config, log.With("host", f.host))
	if err := one.Run(ctx); err != nil {
		return err
	}
	log.Info("ended", "host", f.host)
	return nil
}

// readAgain takes the definition over again at each SIGHUP, until ctx ends.
func readAgain(ctx context.Context, hangups <-chan os.Signal, one *daemon.Daemon, config string, log *slog.Logger) {
	for {
		select {
		case <-hangups:
		case <-ctx.Done():
			return
		}
		err := one.ReadAgain(config)
		debug.FreeOSMemory() // as at the start
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				log.Error("definition not read again; everything stays as it was", "definition", config, "error", strings.TrimSpace(line))
			}
		}
	}
}

func logger(format string) (*slog.Logger, error) {
	log := newLog(strings.ToLower(format))
	if log == nil {
		return nil, fmt.Errorf("--%s %q: %s or %s is right", formatFlag, format, textFormat, jsonFormat)
	}
	return log, nil
}

// newLog is the log on standard error; nil: there is no such format.
func newLog(format string) *slog.Logger {
	switch format {
	case textFormat:
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	case jsonFormat:
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return nil
}
