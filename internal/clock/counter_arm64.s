//go:build linux && !purego

#include "textflag.h"

// func Now() uint64
TEXT ·Now(SB), NOSPLIT, $0-8
	// The counter may be read speculatively, out of program order. ISB keeps the read behind every
	// earlier branch, and so behind each load whose value was tested, as a receiver's was.
	ISB $15
	MRS CNTVCT_EL0, R0
	// A second one keeps later loads and stores from being started before the counter is read.
	ISB $15
	MOVD R0, ret+0(FP)
	RET
