/*
 * How the instructions look, one entry an opcode, out of opcode.def: for the verifier's operand checks and the disassembler.
 */
#include "vm.h"

const struct jst_opcode_info jst_opcode_info[JST_OPCODES] = {
#define OPCODE(name, text, shape, meaning) [JST_OP_##name] = { text, JST_OPERANDS_##shape, meaning },
#include "opcode.def"
#undef OPCODE
};
