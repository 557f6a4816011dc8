//go:build !purego && !race

#include "textflag.h"

// func release(word *uint64, v uint64)
TEXT ·release(SB), NOSPLIT, $0-16
	MOVD word+0(FP), R0
	MOVD v+8(FP), R1
	STLR R1, (R0)
	RET
