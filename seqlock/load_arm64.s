//go:build !purego && !race

#include "textflag.h"

// Armv8 may perform plain loads in any order.
//
//   R1→R2: LDAR of the version: it is performed before every load after it.
//   R2→R3: DMB ISHLD ($0x9): the payload is loaded before the version is looked at again. A
//          load-acquire of the version would not do: it orders what follows it, and lets the payload
//          loads before it be performed later.

// func load(version, payload, dst unsafe.Pointer, words uintptr, want uint64) uint64
TEXT ·load(SB), NOSPLIT, $0-48
	MOVD version+0(FP), R0
	MOVD want+32(FP), R4
	LDAR (R0), R5          // R1
	CMP  R4, R5
	BNE  done
	MOVD payload+8(FP), R1
	MOVD dst+16(FP), R2
	MOVD words+24(FP), R3

words:
	MOVD.P 8(R1), R6       // R2
	MOVD.P R6, 8(R2)
	SUBS   $1, R3, R3
	BNE    words
	DMB    $0x9
	MOVD   (R0), R5        // R3

done:
	MOVD R5, ret+40(FP)
	RET

// func LoadFence()
TEXT ·LoadFence(SB), NOSPLIT, $0-0
	DMB $0x9
	RET
