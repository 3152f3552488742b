package pgtest

import "syscall"

// attributes make the child run as owner (nil: as ourselves), in a process group of
// its own, so that Ctrl-C at the terminal reaches the tests first, and make the
// kernel end it at once when the test process is killed: nothing is left running.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
