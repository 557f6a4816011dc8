//go:build !purego && !race

#include "textflag.h"

// func LoadRun3(slots unsafe.Pointer, stride uintptr, slotMask uint64, dst unsafe.Pointer, n uint64, most int) (count int, version uint64)
//
// TSO performs loads in program order, so R1→R2→R3 of the package comment needs no fence. The halves of the wide load
// may be performed in either order: R2 asks for none.
TEXT ·LoadRun3(SB), NOSPLIT, $0-64
	MOVQ slots+0(FP), DI
	MOVQ stride+8(FP), R11
	MOVQ slotMask+16(FP), R12
	MOVQ dst+24(FP), SI
	MOVQ n+32(FP), R8
	MOVQ most+40(FP), CX
	LEAQ 2(R8)(R8*1), BX // the version of a finished value R8
	MOVQ R8, AX
	ANDQ R12, AX
	IMULQ R11, AX
	ADDQ DI, AX

lap: // R10: how many of the CX values come before the array's end, from slot AX on
	MOVQ    R12, R10
	MOVQ    R8, DX
	ANDQ    R10, DX
	SUBQ    DX, R10
	INCQ    R10
	CMPQ    R10, CX
	CMOVQGT CX, R10
	ADDQ    R10, R8
	SUBQ    R10, CX

slots:
	MOVQ  0(AX), DX // R1
	CMPQ  DX, BX
	JNE   done
	MOVQ  8(AX), R13 // R2
	MOVOU 16(AX), X0
	MOVQ  0(AX), DX // R3
	CMPQ  DX, BX
	JNE   done
	MOVQ  R13, 0(SI)
	MOVOU X0, 8(SI)
	ADDQ  $2, BX
	ADDQ  $24, SI
	ADDQ  R11, AX
	DECQ  R10
	JNZ   slots
	MOVQ  DI, AX
	TESTQ CX, CX
	JNZ   lap

done: // BX is the version of the value behind the last one copied
	MOVQ n+32(FP), R8
	LEAQ 2(R8)(R8*1), R8
	SUBQ R8, BX
	SHRQ $1, BX
	MOVQ BX, count+48(FP)
	MOVQ DX, version+56(FP)
	RET
