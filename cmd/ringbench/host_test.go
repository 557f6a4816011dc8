package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCPUModel(t *testing.T) {
	assert.Equal(t, "AMD EPYC", cpuModel("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu\n"))
	assert.Equal(t, "Arm implementer 0x41 part 0xd40", cpuModel("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"))
	assert.Equal(t, "unknown", cpuModel(""))
}

func TestVirtualised(t *testing.T) {
	assert.Equal(t, "no", virtualised("flags : fpu sse", "", "Dell Inc."))
	assert.Equal(t, "yes", virtualised("flags : fpu hypervisor sse", "", ""))
	assert.Equal(t, "yes (QEMU)", virtualised("flags : fpu hypervisor", "", "QEMU"))
	assert.Equal(t, "xen", virtualised("flags : fpu hypervisor", "xen", "Amazon EC2"))
	assert.Equal(t, "unknown", virtualised("Features : fp asimd", "", "Amazon EC2"))
}
