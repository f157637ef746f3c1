package slave

// lastError is what was wrong with something the last time, so that the log has it once and not again while it stays the same. The zero
// value is that nothing was.
type lastError string

// changed takes what is wrong this time, nil where nothing is, and says whether that is something else.
func (l *lastError) changed(err error) bool {
	before := *l
	*l = ""
	if err != nil {
		*l = lastError(err.Error())
	}
	return *l != before
}
