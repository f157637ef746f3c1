// Package duration reads durations as the definition, the flags and the daemon take them: those of Go, and days of 24 hours before them.
//
//	90s   1h30m   7d   1d12h
package duration

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"renraku/slave"
)

const (
	day = 24 * time.Hour

	// mostDays bounds a duration, and both parts of one with days, so that no sum overflows.
	mostDays = 100 * 366
)

// Example is what a person is told of the syntax.
const Example = "20s, 1h30m or 7d"

// errSyntax is what is wrong with a text that is no duration.
var errSyntax = errors.New("no duration such as " + Example)

// Parse reads a duration. What has days is not negative.
func Parse(s string) (time.Duration, error) {
	before, after, hasDays := strings.Cut(s, "d")
	if !hasDays {
		d, err := time.ParseDuration(s)
		if err != nil || d.Abs() > mostDays*day {
			return 0, fmt.Errorf("%q: %w", s, errSyntax)
		}
		return d, nil
	}
	days, err := strconv.ParseUint(before, 10, 64)
	if err != nil || days > mostDays {
		return 0, fmt.Errorf("%q: %w", s, errSyntax)
	}
	rest := time.Duration(0)
	if after != "" {
		rest, err = time.ParseDuration(after)
	}
	if err != nil || rest < 0 || rest > mostDays*day {
		return 0, fmt.Errorf("%q: %w", s, errSyntax)
	}
	return time.Duration(days)*day + rest, nil
}

// Text is a duration as a person may give it: in days where it is whole days.
func Text(d time.Duration) string {
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return slave.AsWritten(d)
}

// Flag has the command line give a duration; what stands in it is the default.
func Flag(flags *pflag.FlagSet, d *time.Duration, name, usage string) {
	flags.Var((*value)(d), name, usage)
}

// value is a pflag.Value.
type value time.Duration

// Set reads the value.
func (v *value) Set(s string) error {
	d, err := Parse(s)
	if err == nil {
		*v = value(d)
	}
	return err
}

// String is the value as it may be given; "0" is what pflag takes for no default.
func (v *value) String() string {
	if *v == 0 {
		return "0"
	}
	return slave.AsWritten(time.Duration(*v))
}

// Type is what the value is in a usage, where its text does not say it.
func (v *value) Type() string { return "duration" }
