//go:build !purego && !race

#include "textflag.h"
#include "funcdata.h"
#include "go_asm.h"

// x86-TSO makes stores visible in program order, so W1→W2→W3 of the package comment needs no
// fence and no locked instruction here: every shared store below is a plain one, and what matters is
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

// A slot of three words, the size of TradingData, at AX: no loop, and one store for two of the words. Its halves
// may become visible one after the other, in either order: W2 asks for none. They are loaded one by one: a load of two
// words that were stored one by one a moment ago, as those of a record are, would wait until both stores have reached the
// cache. X1 and R12: masks. Leaves the words in X0 and DX.
#define STORE_SLOT3 \
	MOVQ   0(SI), X0  \
	MOVHPS 8(SI), X0  \
	MOVQ   16(SI), DX \
	PAND   X1, X0     \
	ANDQ   R12, DX    \
	MOVQ   BX, 0(AX)  \ // W1
	MOVOU  X0, 8(AX)  \ // W2
	MOVQ   DX, 24(AX) \
	INCQ   BX         \
	MOVQ   BX, 0(AX)    // W3

// The view of the same words. Programs from before the ring read it without a version, and rely on words of 8 bytes being
// whole. It lies at an address that 16 divides, where processors with AVX store both words as one, and those before each of
// them as one (docs/adr/0012).
#define STORE_VIEW3 \
	MOVQ  Publisher_ViewVersion(DI), AX \
	MOVQ  Publisher_View(DI), R11       \
	MOVQ  BX, (AX)                      \ // W1
	MOVOU X0, 0(R11)                    \ // W2
	MOVQ  DX, 16(R11)                   \
	INCQ  BX                            \
	MOVQ  BX, (AX)                        // W3

// The head and Next are R8. The head comes after every slot that it counts: a reader or a successor that sees it sees them.
#define STORE_HEAD \
	MOVQ Publisher_Head(DI), AX \
	MOVQ R8, (AX)               \
	MOVQ R8, Publisher_Next(DI)

// AX: slot of value R8; BX: its odd version.
#define SLOT \
	MOVQ  R8, AX                     \
	ANDQ  Publisher_SlotMask(DI), AX \
	IMULQ Publisher_Stride(DI), AX   \
	ADDQ  Publisher_Slots(DI), AX    \
	LEAQ  1(R8)(R8*1), BX

// func Publish(p *Publisher, src unsafe.Pointer)
TEXT ·Publish(SB), NOSPLIT, $0-16
	MOVQ  p+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  Publisher_Next(DI), R8
	MOVQ  Publisher_Masks(DI), R9
	CMPQ  Publisher_Direct(DI), $3
	JNE   any
	MOVOU 0(R9), X1
	MOVQ  16(R9), R12
	SLOT
	STORE_SLOT3
	DECQ  BX
	STORE_VIEW3

head:
	INCQ R8
	STORE_HEAD
	MOVQ Publisher_Waiting(DI), AX
	CMPL (AX), $0 // after the head
	JNE  more
	RET

any:
	MOVQ Publisher_Direct(DI), R10
	TESTQ R10, R10
	JEQ  more
	SLOT
	LEAQ 8(AX), R11
	STORE_CELL(AX, R11, slotwords)
	DECQ BX
	MOVQ Publisher_ViewVersion(DI), AX
	MOVQ Publisher_View(DI), R11
	STORE_CELL(AX, R11, viewwords)
	JMP  head

more: // with the same arguments, and the same place to return to
	JMP ·attend(SB)

// func attend(p *Publisher, src unsafe.Pointer)
TEXT ·attend(SB), 0, $16-16
	NO_LOCAL_POINTERS
	MOVQ p+0(FP), AX
	MOVQ src+8(FP), BX
	MOVQ AX, 0(SP)
	MOVQ BX, 8(SP)
	CALL ·attendTo(SB)
	RET

// func PublishRun(p *Publisher, src unsafe.Pointer, n int)
TEXT ·PublishRun(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ Publisher_Next(DI), R8
	MOVQ Publisher_Masks(DI), R9
	MOVQ Publisher_Words(DI), R10
	CMPQ R10, $3
	JNE  slots
	MOVOU 0(R9), X1
	MOVQ  16(R9), R12
	MOVQ  Publisher_Stride(DI), R11
	SLOT

lap3: // R10: how many of the CX values come before the array's end, from slot AX on
	MOVQ    Publisher_SlotMask(DI), R10
	MOVQ    R8, DX
	ANDQ    R10, DX
	SUBQ    DX, R10
	INCQ    R10
	CMPQ    R10, CX
	CMOVQGT CX, R10
	ADDQ    R10, R8
	SUBQ    R10, CX

slots3:
	STORE_SLOT3
	INCQ  BX
	ADDQ  $24, SI
	ADDQ  R11, AX
	DECQ  R10
	JNZ   slots3
	MOVQ  Publisher_Slots(DI), AX
	TESTQ CX, CX
	JNZ   lap3

	SUBQ $2, BX // of the last value again
	STORE_VIEW3
	STORE_HEAD
	RET

slots:
	SLOT
	LEAQ 8(AX), R11
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
	STORE_HEAD
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
