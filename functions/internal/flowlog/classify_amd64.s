//go:build !purego

#include "textflag.h"

// func classifyBlocks(text *byte, blocks int, delimiters, controls *uint64) (high uint64)
TEXT ·classifyBlocks(SB), NOSPLIT, $0-40
	MOVQ text+0(FP), SI
	MOVQ blocks+8(FP), CX
	MOVQ delimiters+16(FP), DI
	MOVQ controls+24(FP), DX
	MOVQ $0x2020202020202020, AX
	MOVQ AX, X6
	PUNPCKLQDQ X6, X6 // sixteen spaces
	MOVQ $0x1f1f1f1f1f1f1f1f, AX
	MOVQ AX, X7
	PUNPCKLQDQ X7, X7 // sixteen times the greatest control character
	PXOR X5, X5       // the union of all bytes

block:
	TESTQ CX, CX
	JZ done
	MOVOU (SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	POR X0, X5
	POR X1, X5
	POR X2, X5
	POR X3, X5

	// A byte is a delimiter where it is the lesser of itself and a space.
	MOVO X0, X4
	PMINUB X6, X4
	PCMPEQB X0, X4
	PMOVMSKB X4, AX
	MOVO X1, X4
	PMINUB X6, X4
	PCMPEQB X1, X4
	PMOVMSKB X4, BX
	SHLQ $16, BX
	ORQ BX, AX
	MOVO X2, X4
	PMINUB X6, X4
	PCMPEQB X2, X4
	PMOVMSKB X4, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVO X3, X4
	PMINUB X6, X4
	PCMPEQB X3, X4
	PMOVMSKB X4, BX
	SHLQ $48, BX
	ORQ BX, AX
	MOVQ AX, (DI)

	// Most blocks have no control character: look for any first.
	MOVO X0, X4
	PMINUB X1, X4
	PMINUB X2, X4
	PMINUB X3, X4
	MOVO X4, X8
	PMINUB X7, X8
	PCMPEQB X4, X8
	PMOVMSKB X8, AX
	TESTQ AX, AX
	JZ store
	MOVO X0, X4
	PMINUB X7, X4
	PCMPEQB X0, X4
	PMOVMSKB X4, AX
	MOVO X1, X4
	PMINUB X7, X4
	PCMPEQB X1, X4
	PMOVMSKB X4, BX
	SHLQ $16, BX
	ORQ BX, AX
	MOVO X2, X4
	PMINUB X7, X4
	PCMPEQB X2, X4
	PMOVMSKB X4, BX
	SHLQ $32, BX
	ORQ BX, AX
	MOVO X3, X4
	PMINUB X7, X4
	PCMPEQB X3, X4
	PMOVMSKB X4, BX
	SHLQ $48, BX
	ORQ BX, AX

store:
	MOVQ AX, (DX)
	ADDQ $64, SI
	ADDQ $8, DI
	ADDQ $8, DX
	DECQ CX
	JMP block

done:
	PMOVMSKB X5, AX
	MOVQ AX, high+32(FP)
	RET
