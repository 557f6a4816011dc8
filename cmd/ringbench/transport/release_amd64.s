//go:build !purego && !race

#include "textflag.h"

// func release(word *uint64, v uint64)
TEXT ·release(SB), NOSPLIT, $0-16
	MOVQ word+0(FP), AX
	MOVQ v+8(FP), BX
	MOVQ BX, (AX) // TSO keeps it behind every earlier store
	RET
