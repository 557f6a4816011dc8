//go:build !purego && !race

#include "textflag.h"
#include "go_asm.h"

// x86-TSO makes stores visible in program order, so W1→W2→W3 of the package comment needs no
// fence and no locked instruction here: every shared store below is a plain MOVQ, and what matters is
// that none of them changes places.

// One cell. SI: values; R9: masks; R10: words (counted in R13); BX: odd version, even after.
// VERSION and PAYLOAD are base registers. Clobbers DX and R13.
#define STORE_CELL(VERSION, PAYLOAD, LOOP) \
	MOVQ BX, (VERSION)          \ // W1
	XORL R13, R13               \
LOOP:                           \
	MOVQ (SI)(R13*8), DX        \
	ANDQ (R9)(R13*8), DX        \
	MOVQ DX, (PAYLOAD)(R13*8)   \ // W2
	INCQ R13                    \
	CMPQ R13, R10               \
	JNE  LOOP                   \
	INCQ BX                     \
	MOVQ BX, (VERSION)            // W3

// The same for three words, the size of TradingData: no loop.
#define STORE_CELL3(VERSION, PAYLOAD) \
	MOVQ BX, (VERSION)   \ // W1
	MOVQ 0(SI), DX       \
	ANDQ 0(R9), DX       \
	MOVQ DX, 0(PAYLOAD)  \ // W2
	MOVQ 8(SI), DX       \
	ANDQ 8(R9), DX       \
	MOVQ DX, 8(PAYLOAD)  \
	MOVQ 16(SI), DX      \
	ANDQ 16(R9), DX      \
	MOVQ DX, 16(PAYLOAD) \
	INCQ BX              \
	MOVQ BX, (VERSION)     // W3

// AX: slot of value R8; R11: its payload; BX: the odd version of value R8.
#define SLOT \
	MOVQ  R8, AX                    \
	ANDQ  Publisher_SlotMask(DI), AX \
	IMULQ Publisher_Stride(DI), AX  \
	ADDQ  Publisher_Slots(DI), AX   \
	LEAQ  8(AX), R11                \
	LEAQ  1(R8)(R8*1), BX

// func Publish(p *Publisher, src unsafe.Pointer, n int)
TEXT ·Publish(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ Publisher_Next(DI), R8
	MOVQ Publisher_Masks(DI), R9
	MOVQ Publisher_Words(DI), R10
	CMPQ R10, $3
	JNE  slots

slots3:
	SLOT
	STORE_CELL3(AX, R11)
	INCQ R8
	DECQ CX
	JZ   view3
	ADDQ $24, SI
	JMP  slots3

view3: // the last value again; BX is its even version
	DECQ BX
	MOVQ Publisher_ViewVersion(DI), AX
	MOVQ Publisher_View(DI), R11
	STORE_CELL3(AX, R11)
	JMP  head

slots:
	SLOT
	STORE_CELL(AX, R11, slotwords)
	INCQ R8
	DECQ CX
	JZ   view
	LEAQ (SI)(R10*8), SI
	JMP  slots

view:
	DECQ BX
	MOVQ Publisher_ViewVersion(DI), AX
	MOVQ Publisher_View(DI), R11
	STORE_CELL(AX, R11, viewwords)

head: // after every slot that it counts: a reader or a successor that sees it sees them
	MOVQ Publisher_Head(DI), AX
	MOVQ R8, (AX)
	MOVQ R8, Publisher_Next(DI)
	RET

// func store(version, payload, src, masks unsafe.Pointer, words uintptr, odd uint64)
TEXT ·store(SB), NOSPLIT, $0-48
	MOVQ version+0(FP), AX
	MOVQ payload+8(FP), R11
	MOVQ src+16(FP), SI
	MOVQ masks+24(FP), R9
	MOVQ words+32(FP), R10
	MOVQ odd+40(FP), BX
	STORE_CELL(AX, R11, words)
	RET
