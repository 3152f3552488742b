//go:build unix && !linux

package pgtest

import "syscall"

// attributes make the child run as owner (nil: as ourselves), in a process group of
// its own, so that Ctrl-C at the terminal reaches the tests first. Only Linux can
// promise that the child ends when the test process is killed.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true}
}
