//go:build !linux

package main

import (
	"errors"
	"os"
	"os/exec"
)

func bind(*exec.Cmd) {}

func halt(*os.Process) error { return errors.ErrUnsupported }

func resume(*os.Process) error { return errors.ErrUnsupported }
