package store_test

import (
	"runtime"
	"syscall"
	"testing"
)

// asNobody runs a function as a user whom file permissions bind, even where the test runs as root:
// only the thread's identity towards the file system changes.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if syscall.Geteuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
	defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
	f()
}
