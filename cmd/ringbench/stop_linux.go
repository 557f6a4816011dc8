package main

import (
	"os"
	"os/exec"
	"syscall"
)

// bind lets a process that is to be started end with this one, however this one ends. (The signal comes when the thread
// ends that started it, and no thread of this program ends before the program.)
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// halt stops a process in mid-loop, wherever it is.
func halt(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

// resume lets it go on.
func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
