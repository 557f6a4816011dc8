//go:build linux && !purego

#include "textflag.h"
#include "funcdata.h"

// R0: the counter, which may be read speculatively, out of program order. The first ISB keeps the read behind every earlier
// branch, and so behind each load whose value was tested, as a receiver's was. The second keeps later loads and
// stores from being started before the counter is read.
#define COUNTER \
	ISB $15            \
	MRS CNTVCT_EL0, R0 \
	ISB $15

// func Now() uint64
TEXT ·Now(SB), NOSPLIT, $0-8
	COUNTER
	MOVD R0, ret+0(FP)
	RET

// func Stamp(wall bool) uint64
TEXT ·Stamp(SB), NOSPLIT, $0-16
	MOVBU wall+0(FP), R1
	CBNZ  R1, other
	COUNTER
	MOVD R0, ret+8(FP)
	RET

other: // with the same arguments, and the same place to return to
	B ·stampWall(SB)

// func stampWall(wall bool) uint64
TEXT ·stampWall(SB), 0, $24-16
	NO_LOCAL_POINTERS
	CALL ·wall(SB)
	MOVD 8(RSP), R0
	MOVD R0, ret+8(FP)
	RET

// func Until(wall bool, moment uint64) uint64
TEXT ·Until(SB), NOSPLIT, $0-24
	MOVBU wall+0(FP), R1
	CBNZ  R1, other
	MOVD  moment+8(FP), R2

again:
	COUNTER
	SUBS R2, R0, R3
	BMI  again
	MOVD R0, ret+16(FP)
	RET

other:
	B ·untilWall(SB)

// func untilWall(wall bool, moment uint64) uint64
TEXT ·untilWall(SB), 0, $24-24
	NO_LOCAL_POINTERS
	MOVD moment+8(FP), R0
	MOVD R0, 8(RSP)
	CALL ·wallUntil(SB)
	MOVD 16(RSP), R0
	MOVD R0, ret+16(FP)
	RET
