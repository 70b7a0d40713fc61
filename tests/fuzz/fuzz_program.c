/*
 * Bytes → loader → verifier → virtual machine, under a budget, on guarded memory (guarded.h), with quick instructions and without.
 *
 * The first byte says what of the rest is made right, so that what lies deeper is reached: the sizes and places of the sections, the flags, the checksum. The second makes the events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregation.h"
#include "fuzz.h"
#include "guarded.h"
#include "vm.h"

enum { RIGHT_PLACES = 1, RIGHT_CHECKSUM = 2, RIGHT_FLAGS = 4 };

static unsigned long accepted, tried;

void fuzz_begin(void)
{
	guarded_begin();
}

/* Sections one behind the other, with as many elements as there is room for. */
static void place(struct jst_program *program, size_t size)
{
	uint64_t end = sizeof(*program);

	program->magic = JST_PROGRAM_MAGIC;
	program->version = JST_PROGRAM_VERSION;
	program->size = (uint32_t)size;
	for (int id = 0; id < JST_SECTIONS; id++) {
		struct jst_section *section = &program->sections[id];
		const uint64_t start = (end + 7) & ~7ULL, room = start < size ? size - start : 0;

		section->offset = (uint32_t)start;
		if (section->count > room / jst_section_info[id].size || id == JST_SECTION_CODE)
			section->count = (uint32_t)(room / jst_section_info[id].size);
		if (start < size)
			memset((char *)program + end, 0, start - end);
		end = start + (uint64_t)section->count * jst_section_info[id].size;
	}
}

/* The flags that the code asks for, as far as its operands make sense. */
static void set_flags(struct jst_program *program, size_t size)
{
	const struct jst_section code = program->sections[JST_SECTION_CODE], aggregations = program->sections[JST_SECTION_AGGREGATIONS];
	const uint64_t most = sizeof(struct jst_aggregation_decl);

	program->flags = 0;
	if (code.offset % 8 || aggregations.offset % 8 || code.offset + (uint64_t)code.count * sizeof(struct jst_insn) > size || aggregations.offset + aggregations.count * most > size)
		return;
	for (uint32_t i = 0; i < code.count; i++) {
		const struct jst_insn *insn = (const struct jst_insn *)jst_program_section(program, JST_SECTION_CODE) + i;

		if (insn->op != JST_OP_AGGREGATE || (uint32_t)insn->imm < aggregations.count)
			program->flags |= jst_program_insn_flags(program, insn);
	}
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	if (size < 2 || size - 2 > JST_PROGRAM_MAX_SIZE)
		return;

	const unsigned right = bytes[0];
	const uint64_t seed = bytes[1];
	const size_t length = right & RIGHT_PLACES ? (size - 2) / 8 * 8 : size - 2;
	struct jst_program *program = guarded_copy(bytes + 2, length);

	if (length >= sizeof(*program)) {
		if (right & RIGHT_PLACES)
			place(program, length);
		if (right & RIGHT_FLAGS)
			set_flags(program, length);
		if (right & RIGHT_CHECKSUM)
			fuzz_seal(program, length);
	}
	tried++;
	if (guarded_verify(program, length)) {
		accepted++;
		guarded_run(program, seed);
	}
}

void fuzz_seeds(fuzz_take *take, void *context)
{
	for (int i = 0; fuzz_scripts[i]; i++) {
		for (int local = 0; local < 2; local++) {
			struct jst_program *program = fuzz_compile(fuzz_scripts[i], local);
			char name[32];

			if (!program)
				continue;
			uint8_t *input = malloc(program->size + 2);

			if (!input)
				fuzz_fail("no memory");
			input[0] = RIGHT_PLACES | RIGHT_CHECKSUM | RIGHT_FLAGS;
			input[1] = (uint8_t)i;
			memcpy(input + 2, program, program->size);
			snprintf(name, sizeof(name), "script-%d%s", i, local ? "-local" : "");
			take(context, name, input, program->size + 2);
			free(input);
			free(program);
		}
	}
}

void fuzz_end(void)
{
	printf("program: the verifier accepted %lu of %lu programs (%.1f %%)\n", accepted, tried, tried ? 100.0 * (double)accepted / (double)tried : 0);
}
