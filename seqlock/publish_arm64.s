//go:build !purego && !race

#include "textflag.h"
#include "funcdata.h"
#include "go_asm.h"

// Armv8 may make plain stores visible in any order.
//
//   W1→W2: DMB ISHST ($0xA) between them: stores before it are visible before stores after it. A
//          store-release of the odd version would not do: it orders what precedes it, and lets
//          the payload stores that follow become visible first.
//   W2→W3: STLR of the even version: everything before it is visible first.
//
// The same DMB of the next cell also keeps an earlier STLR before the payload that follows.

// One cell. R1: values; R5: masks; R6: words; R4: odd version, even after. VERSION and PAYLOAD
// are registers. Clobbers R10, R11, R12, R13, R14, R15.
#define STORE_CELL(VERSION, PAYLOAD, LOOP) \
	MOVD R4, (VERSION)          \ // W1
	DMB  $0xA                   \
	MOVD R1, R10                \
	MOVD R5, R11                \
	MOVD PAYLOAD, R12           \
	MOVD R6, R13                \
LOOP:                           \
	MOVD.P 8(R10), R14          \
	MOVD.P 8(R11), R15          \
	AND  R15, R14, R14          \
	MOVD.P R14, 8(R12)          \ // W2
	SUBS $1, R13, R13           \
	BNE  LOOP                   \
	ADD  $1, R4, R4             \
	STLR R4, (VERSION)            // W3

// R8: slot of value R3; R9: its payload; R4: its odd version.
#define SLOT \
	AND  R16, R3, R8 \
	MUL  R7, R8, R8  \
	ADD  R17, R8, R8 \
	ADD  $8, R8, R9  \
	ADD  R3, R3, R4  \
	ADD  $1, R4, R4

#define PUBLISHER \
	MOVD p+0(FP), R0               \
	MOVD src+8(FP), R1             \
	MOVD Publisher_Next(R0), R3     \
	MOVD Publisher_Masks(R0), R5    \
	MOVD Publisher_Stride(R0), R7   \
	MOVD Publisher_SlotMask(R0), R16 \
	MOVD Publisher_Slots(R0), R17

// The value at R1 again, of which R4 is the even version; then the head, after every slot that it counts.
#define STORE_VIEW_AND_HEAD(LOOP) \
	SUB  $1, R4, R4                    \
	MOVD Publisher_ViewVersion(R0), R8 \
	MOVD Publisher_View(R0), R9        \
	STORE_CELL(R8, R9, LOOP)           \
	MOVD Publisher_Head(R0), R8        \
	STLR R3, (R8)                      \
	MOVD R3, Publisher_Next(R0)

// func Publish(p *Publisher, src unsafe.Pointer)
TEXT ·Publish(SB), NOSPLIT, $0-16
	PUBLISHER
	MOVD Publisher_Direct(R0), R6
	CBZ  R6, more
	SLOT
	STORE_CELL(R8, R9, slotwords)
	ADD  $1, R3, R3
	STORE_VIEW_AND_HEAD(viewwords)
	MOVD Publisher_Waiting(R0), R8
	LDARW (R8), R9
	CBNZ R9, more
	RET

more: // with the same arguments, and the same place to return to
	B ·attend(SB)

// func attend(p *Publisher, src unsafe.Pointer)
TEXT ·attend(SB), 0, $24-16
	NO_LOCAL_POINTERS
	MOVD p+0(FP), R0
	MOVD src+8(FP), R1
	MOVD R0, 8(RSP)
	MOVD R1, 16(RSP)
	CALL ·attendTo(SB)
	RET

// func PublishRun(p *Publisher, src unsafe.Pointer, n int)
TEXT ·PublishRun(SB), NOSPLIT, $0-24
	PUBLISHER
	MOVD n+16(FP), R2
	MOVD Publisher_Words(R0), R6

slots:
	SLOT
	STORE_CELL(R8, R9, slotwords)
	ADD  $1, R3, R3
	SUBS $1, R2, R2
	BEQ  view
	MOVD R10, R1       // behind the value just copied
	B    slots

view:
	STORE_VIEW_AND_HEAD(viewwords)
	RET

// func store(version, payload, src, masks unsafe.Pointer, words uintptr, odd uint64)
TEXT ·store(SB), NOSPLIT, $0-48
	MOVD version+0(FP), R8
	MOVD payload+8(FP), R9
	MOVD src+16(FP), R1
	MOVD masks+24(FP), R5
	MOVD words+32(FP), R6
	MOVD odd+40(FP), R4
	STORE_CELL(R8, R9, words)
	RET
