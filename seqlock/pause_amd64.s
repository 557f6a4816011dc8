//go:build !purego

#include "textflag.h"

// PAUSE tells the core that this is a spin loop: it takes some 40–140 cycles, leaves the execution
// units to an SMT sibling, and avoids the memory-order machine clear on leaving the loop.

// func Pause(n uint32)
TEXT ·Pause(SB), NOSPLIT, $0-4
	MOVL  n+0(FP), AX
	TESTL AX, AX
	JZ    done

again:
	PAUSE
	DECL AX
	JNZ  again

done:
	RET
