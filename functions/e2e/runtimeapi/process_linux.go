package runtimeapi

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// diesWithUs makes the kernel kill the process when the thread that started it ends.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// peakRSS gives VmHWM of a process in bytes, or 0 if it cannot be read.
func peakRSS(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	number, _, _ := bytes.Cut(rest, []byte("kB"))
	kb, _ := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64) // 0 if there is none
	return kb << 10
}
