package slave

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"renraku/contactfile"
	"renraku/slave/runs"
	"renraku/telegram"
)

// Outcome says what became of an order, in the words of the history.
type Outcome string

// The outcomes. The first five are a slave's and stand in XR; the others are the manager's.
const (
	Launched Outcome = "LAUNCHED"
	Failed   Outcome = "FAILED"
	Already  Outcome = "ALREADY"
	Refused  Outcome = "REFUSED"
	Ended    Outcome = "ENDED"

	Skipped     Outcome = "SKIPPED"     // the manager's check (54) sent nothing
	Unreachable Outcome = "UNREACHABLE" // no connection, nothing was sent
	Unknown     Outcome = "UNKNOWN"     // sent, and no response

	Lost Outcome = "LOST" // a check found that the application is no longer there
	Set  Outcome = "SET"  // the operator corrected field 133
)

// Trigger says who asked for a process (50), in the words of the history.
type Trigger string

// The triggers.
const (
	ByOperator Trigger = "OPERATOR"
	ByTime     Trigger = "TIME"    // a preset time
	ByMessage  Trigger = "MESSAGE" // a message of another process
	ByOrder    Trigger = "ORDER"   // at a slave: its manager
	ByCheck    Trigger = "CHECK"   // a check that found the application lost
)

// Order asks a server for a process.
type Order struct {
	Process telegram.ProcessID
	Trigger Trigger
	Message string // ByMessage, on the server that the message came to: what it said
}

// Result is what became of one order at one server.
type Result struct {
	Host        telegram.Host
	Process     telegram.ProcessID
	Trigger     Trigger
	Outcome     Outcome
	Application telegram.Status // field 133 afterwards
	Text        string          // why, exit status, last line of output; of any length
	Time        time.Time       // of the outcome
}

// Record is the result as a record of the history, its text cut to that of XR, so that both sides keep the same.
func (r *Result) Record() contactfile.HistoryRecord {
	return contactfile.HistoryRecord{
		Time:        r.Time,
		Host:        r.Host.String(),
		Process:     r.Process.String(),
		Trigger:     string(r.Trigger),
		Outcome:     string(r.Outcome),
		Application: r.Application.String(),
		Text:        telegram.Cut(r.Text, telegram.TextLength),
	}
}

// ResultOfRecord is the result that a record of the history tells of.
func ResultOfRecord(h *contactfile.HistoryRecord) (Result, error) {
	r := Result{Trigger: Trigger(h.Trigger), Outcome: Outcome(h.Outcome), Text: h.Text, Time: h.Time}
	var err error
	if r.Host, err = telegram.NewHost(h.Host); err != nil {
		return Result{}, err
	}
	if h.Process != "" {
		if r.Process, err = telegram.NewProcessID(h.Process); err != nil {
			return Result{}, err
		}
	}
	if r.Application, err = telegram.NewStatus(h.Application); err != nil {
		return Result{}, err
	}
	return r, nil
}

// Log logs the result in one line such as "ONLINE@app01 FAILED", as an error where the order did not do what it was for.
func (r *Result) Log(log *slog.Logger) {
	level := slog.LevelError
	switch r.Outcome {
	case Launched, Already:
		level = slog.LevelInfo
	case Ended:
		if strings.HasPrefix(r.Text, runs.EndedNormally) {
			level = slog.LevelInfo
		}
	case Refused, Skipped:
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, fmt.Sprintf("%v@%v %s", r.Process, r.Host, r.Outcome), "host", r.Host.String(),
		"process", r.Process.String(), "outcome", string(r.Outcome), "application", r.Application.String(), "reason", r.Text)
}

// Event is what the triggers are told of the result: "ONLINE@app01 ended normally", "ONLINE@app01 failed: exit status 3", and
// for a process of type simple that is up "NIGHTBATCH@app01 launched"; nothing where no process was launched or ended.
func (r *Result) Event(simple bool) string {
	what := ""
	switch {
	case r.Outcome == Launched && simple:
		what = "launched"
	case r.Outcome == Launched, r.Outcome == Ended && strings.HasPrefix(r.Text, runs.EndedNormally):
		what = runs.EndedNormally
	case r.Outcome == Ended, r.Outcome == Failed:
		what = "failed: " + r.Text
	case r.Outcome == Lost:
		what = "lost: " + r.Text
	default:
		return ""
	}
	return fmt.Sprintf("%v@%v %s", r.Process, r.Host, what)
}

var outcomeControls = map[Outcome]telegram.Control{
	Launched: telegram.Launched,
	Failed:   telegram.Failed,
	Already:  telegram.Already,
	Refused:  telegram.Refused,
	Ended:    telegram.Ended,
}

// Response is the result as XR, its text cut to the field. Only a slave's own outcomes have one.
func (r *Result) Response() telegram.ExecutionResponse {
	return telegram.ExecutionResponse{
		Host:    r.Host,
		Control: outcomeControls[r.Outcome],
		Process: r.Process,
		Status:  r.Application,
		Text:    telegram.CutText(r.Text),
	}
}

// ResultOf is the result that an XR carries.
func ResultOf(x *telegram.ExecutionResponse) Result {
	r := Result{Host: x.Host, Process: x.Process, Application: x.Status, Text: x.Text.String()}
	for outcome, control := range outcomeControls {
		if control == x.Control {
			r.Outcome = outcome
		}
	}
	return r
}
