package slave

import (
	"fmt"
	"regexp"
	"slices"

	"renraku/contactfile"
	"renraku/telegram"
)

// The text of an XR may end with a mark: who asked for the run, and when it ended, such as " (MESSAGE 10:43:05.123)". XR has no
// other field for that. Every run that the manager did not order has one. One that it did has a mark, with ORDER, only where the
// manager could take it for something else without: for an earlier result come again, or, since a process prints what it likes,
// for a run that it did not order.
var markOf = regexp.MustCompile(` \((OPERATOR|TIME|MESSAGE|ORDER) [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\)$`)

// marked is the result as the manager is told of it. One that the manager ordered has its mark already, where it needs one.
func (r *Result) marked() *Result {
	if r.Trigger == ByOrder {
		return r
	}
	m := *r
	m.mark()
	return &m
}

// mark puts the mark at the end of the text, which is cut for it.
func (r *Result) mark() {
	end := fmt.Sprintf(" (%s %s)", r.Trigger, r.Time.UTC().Format("15:04:05.000"))
	r.Text = telegram.Cut(r.Text, telegram.TextLength-len(end)) + end
}

// Unmarked is the text without the mark.
func (r *Result) Unmarked() string { return markOf.ReplaceAllString(r.Text, "") }

// AskedThere says who on the slave itself asked for the run that an XR tells of; it is not ok where the manager's order did.
func (r *Result) AskedThere() (by Trigger, ok bool) {
	found := markOf.FindStringSubmatch(r.Text)
	if found == nil || Trigger(found[1]) == ByOrder {
		return "", false
	}
	return Trigger(found[1]), true
}

// distinguisher marks the results of ordered runs that the manager could take for something else. It is used with the lock over
// the executions held.
type distinguisher struct {
	earlier map[telegram.ProcessID][]content // of ordered runs, without marks, the newest last
}

// maxEarlier is how many earlier results of a process a result is compared with. Many more would have to wait for their delivery
// for one to be mistaken.
const maxEarlier = 64

// content is what makes two responses of a process the same.
type content struct {
	outcome     Outcome
	application telegram.Status
	text        string
}

func contentOf(r *Result, text string) content {
	return content{r.Outcome, r.Application, telegram.Cut(text, telegram.TextLength)}
}

// tells says whether an ordered run was started, and so the result is one that may not be mistaken.
func (d *distinguisher) tells(r *Result) bool {
	return r.Trigger == ByOrder && (r.Outcome == Launched || r.Outcome == Failed || r.Outcome == Ended)
}

// distinguish marks the result where that is needed. It is called once for each, in their order.
func (d *distinguisher) distinguish(r *Result) {
	if !d.tells(r) {
		return
	}
	text := telegram.Cut(r.Text, telegram.TextLength)
	c := contentOf(r, text)
	earlier := d.earlier[r.Process]
	if slices.Contains(earlier, c) || markOf.MatchString(text) {
		r.mark()
	}
	if len(earlier) == maxEarlier {
		earlier = slices.Delete(earlier, 0, 1)
	}
	d.earlier[r.Process] = append(earlier, c)
}

// restoreLimit is how many records of the history, the newest first, are looked through for earlier results.
const restoreLimit = 1 << 16

// restore takes the earlier results of ordered runs from the history.
func (d *distinguisher) restore(h *contactfile.History) {
	seen := 0
	for _, record := range h.Backwards() {
		if seen++; seen > restoreLimit {
			return
		}
		r, err := ResultOfRecord(&record)
		if err != nil || !d.tells(&r) {
			continue
		}
		if earlier := d.earlier[r.Process]; len(earlier) < maxEarlier {
			d.earlier[r.Process] = slices.Insert(earlier, 0, contentOf(&r, r.Unmarked()))
		}
	}
}
