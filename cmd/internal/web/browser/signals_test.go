//go:build interop

package browser

import "syscall"

const (
	stopSignal     = syscall.SIGSTOP
	rereadSignal   = syscall.SIGHUP
	continueSignal = syscall.SIGCONT
)
