//go:build linux && !purego

#include "textflag.h"
#include "funcdata.h"

// AX: the counter. RDTSC alone may run before earlier loads have their data: a receiver's stamp would be of a
// moment before it saw the message. The first LFENCE waits for them (on AMD because Linux makes it wait). RDTSCP would wait
// too, but not every amd64 has it, and it costs as much as the two together. Behind the second, nothing starts until
// the counter is read, so a sender's stores cannot become visible before its stamp. No MFENCE: earlier stores may still
// be on their way out. The counter comes in two halves, and RDTSC clears the upper half of both registers.
#define COUNTER \
	LFENCE        \
	RDTSC         \
	LFENCE        \
	SHLQ $32, DX  \
	ORQ  DX, AX

// func Now() uint64
TEXT ·Now(SB), NOSPLIT, $0-8
	COUNTER
	MOVQ AX, ret+0(FP)
	RET

// func Stamp(wall bool) uint64
TEXT ·Stamp(SB), NOSPLIT, $0-16
	CMPB wall+0(FP), $0
	JNE  other
	COUNTER
	MOVQ AX, ret+8(FP)
	RET

other: // with the same arguments, and the same place to return to
	JMP ·stampWall(SB)

// func stampWall(wall bool) uint64
TEXT ·stampWall(SB), 0, $8-16
	NO_LOCAL_POINTERS
	CALL ·wall(SB)
	MOVQ 0(SP), AX
	MOVQ AX, ret+8(FP)
	RET

// func Until(wall bool, moment uint64) uint64
TEXT ·Until(SB), NOSPLIT, $0-24
	CMPB wall+0(FP), $0
	JNE  other
	MOVQ moment+8(FP), CX

again:
	COUNTER
	MOVQ AX, DX
	SUBQ CX, DX
	JMI  again
	MOVQ AX, ret+16(FP)
	RET

other:
	JMP ·untilWall(SB)

// func untilWall(wall bool, moment uint64) uint64
TEXT ·untilWall(SB), 0, $16-24
	NO_LOCAL_POINTERS
	MOVQ moment+8(FP), AX
	MOVQ AX, 0(SP)
	CALL ·wallUntil(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+16(FP)
	RET
