//go:build linux && !purego

#include "textflag.h"

// func Now() uint64
TEXT ·Now(SB), NOSPLIT, $0-8
	// RDTSC alone may run before earlier loads have their data: a receiver's stamp would be of a
	// moment before it saw the message. LFENCE waits for them (on AMD because Linux makes it wait).
	// RDTSCP would wait too, but not every amd64 has it, and it costs as much as the two together.
	LFENCE
	RDTSC
	// Nothing after this starts until the counter is read, so a sender's stores cannot become
	// visible before its stamp. No MFENCE: earlier stores may still be on their way out.
	LFENCE
	// The counter comes in two halves, and RDTSC clears the upper half of both registers.
	SHLQ $32, DX
	ORQ  DX, AX
	MOVQ AX, ret+0(FP)
	RET
