package slave

import "time"

// MaxInquiries is how many datagrams of the manager's address reach a slave's parser: so many a second, and at once. A manager asks
// a hundred times a second at most (the shortest response wait is 10 ms).
const MaxInquiries = 1000

// Rate is how many datagrams may be looked at, or results be taken: so many a second, and so many at once where none came for a while.
type Rate struct {
	PerSecond float64
	AtOnce    float64
}

// Allowance is what is left of a Rate: a bucket of tokens, kept as the one time at which it is full again. It takes two additions
// and no clock. One goroutine at a time uses it; nil has no bound.
type Allowance struct {
	each time.Duration // of one
	most time.Duration // of AtOnce
	full time.Duration
}

// Allowance is full; a Rate of less than one a second counts as one.
func (r Rate) Allowance() Allowance {
	each := max(time.Duration(float64(time.Second)/max(r.PerSecond, 1)), 1)
	return Allowance{each: each, most: time.Duration(max(r.AtOnce, 1) * float64(each))}
}

// Take says whether there was one for what came at the given time, counted from whenever; it never goes back.
func (a *Allowance) Take(now time.Duration) bool {
	if a == nil {
		return true
	}
	full := max(a.full, now) + a.each
	if full-now > a.most {
		return false
	}
	a.full = full
	return true
}
