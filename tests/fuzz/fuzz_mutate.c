/*
 * Programs that the compiler made, of scripts.c or of random scripts (tests/differential), with one thing changed in each: what the verifier lets pass is run as in fuzz_program.c.
 *
 *     input: the number of the script, 2 bytes; then, for each change, what, where and to what, 8 bytes
 *
 * The change keeps the sizes of all sections, so most of them concern one instruction or declaration. How many the verifier accepts is told at the end: if nearly none were, nothing would be tested.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differential.h"
#include "fuzz.h"
#include "guarded.h"
#include "vm.h"

enum { CHANGES = 32, BASES = 1024 };

static unsigned long accepted, tried;
static struct jst_program *base;
static struct { struct jst_program *program; bool made; } bases[BASES]; /* by number: to make one takes longer than all that is done with it */

void fuzz_begin(void)
{
	guarded_begin();
}

static uint32_t scripts(void)
{
	uint32_t count = 0;

	while (fuzz_scripts[count])
		count++;
	return count;
}

/* Even numbers are those of scripts.c and their clauses for the CLI; odd ones random scripts. */
static struct jst_program *make_base(uint64_t number)
{
	struct program random;
	struct jst_program *program;
	size_t length;

	if (number % 2 == 0) {
		const char *script = fuzz_scripts[number / 2 % scripts()];

		program = fuzz_compile(script, number / 2 / scripts() % 2);
		return program ? program : fuzz_compile(script, false);
	}
	program_generate(&random, number);
	char *text = write_script(&random.script, &length);

	program = fuzz_compile(text, false);
	free(text);
	program_free(&random);
	return program;
}

static void choose(unsigned number)
{
	if (!bases[number].made) {
		bases[number].program = make_base(number);
		bases[number].made = true;
		if (bases[number].program && !guarded_verify(bases[number].program, bases[number].program->size))
			fuzz_fail("the verifier refused what the compiler made of script %u", number);
	}
	base = bases[number].program;
}

/* An operand near one that is in range, or anything. */
static uint32_t operand(uint32_t value, uint32_t limit)
{
	if (value % 8 == 0)
		return value >> 3;
	if (value % 8 == 1)
		return limit;
	return limit ? (value >> 3) % limit : 0;
}

static void change_insn(struct jst_program *program, unsigned what, uint32_t where, uint32_t value)
{
	const uint32_t count = jst_program_count(program, JST_SECTION_CODE);
	struct jst_insn *code = (struct jst_insn *)jst_program_section(program, JST_SECTION_CODE), *insn = &code[where % count], *other = &code[value % count];
	struct jst_insn kept = *insn;

	switch (what % 10) {
	case 0:
		insn->op = (uint8_t)operand(value, JST_OPCODES);
		break;
	case 1:
		insn->a = (uint8_t)operand(value, 16);
		break;
	case 2:
		insn->b = (uint8_t)operand(value, 16);
		break;
	case 3:
		insn->c = (uint8_t)operand(value, 16);
		break;
	case 4:
		insn->imm = (int32_t)operand(value, 8);
		break;
	case 5:
		insn->imm = (int32_t)operand(value, count);
		break;
	case 6: /* two change places */
		*insn = *other;
		*other = kept;
		break;
	case 7: /* one is doubled */
		*insn = *other;
		break;
	case 8: /* one is left out */
		*insn = (struct jst_insn){ .op = JST_OP_JUMP, .imm = 0 };
		for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_CLAUSES); i++) {
			const struct jst_clause_decl *clause = (const struct jst_clause_decl *)jst_program_section(program, JST_SECTION_CLAUSES) + i;

			if (where % count >= clause->first_insn && where % count - clause->first_insn < clause->insns)
				insn->imm = (int32_t)(where % count - clause->first_insn + 1);
		}
		break;
	default: /* another instruction that reads and writes the same */
		insn->op = (uint8_t)(insn->op + 1 + value % 3);
	}
}

/* A declaration, or a byte of the strings: four bytes become something near what they were, or anything. */
static void change_section(struct jst_program *program, unsigned what, uint32_t where, uint32_t value)
{
	const enum jst_section_id id = what % JST_SECTIONS;
	const uint32_t size = jst_program_count(program, id) * jst_section_info[id].size;
	unsigned char *bytes = (unsigned char *)program + program->sections[id].offset;
	uint32_t word;

	if (size < 4)
		return;
	bytes += id == JST_SECTION_STRINGS ? where % (size - 3) : where % (size / 4) * 4;
	memcpy(&word, bytes, 4);
	word = value % 4 == 0 ? value >> 2 : value % 4 == 1 ? word + (value >> 2) % 5 - 2 : value % 4 == 2 ? (value >> 2) % 8 : word ^ 1U << (value >> 2) % 32;
	memcpy(bytes, &word, 4);
}

static void change(struct jst_program *program, uint64_t change)
{
	const unsigned what = (unsigned)change & 0xff;
	const uint32_t where = (uint32_t)(change >> 8) & 0xffffff, value = (uint32_t)(change >> 32);

	if (what % 4 && jst_program_count(program, JST_SECTION_CODE))
		change_insn(program, what >> 2, where, value);
	else if (what & 64)
		change_section(program, what >> 2 & 15, where, value);
	else /* the header */
		((unsigned char *)program)[where % sizeof(*program)] ^= (unsigned char)(1U << value % 8);
}

/* The flags that the code asks for, unless an operand makes no sense. */
static void set_flags(struct jst_program *program)
{
	program->flags = 0;
	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_CODE); i++) {
		const struct jst_insn *insn = (const struct jst_insn *)jst_program_section(program, JST_SECTION_CODE) + i;

		if (insn->op != JST_OP_AGGREGATE || (uint32_t)insn->imm < jst_program_count(program, JST_SECTION_AGGREGATIONS))
			program->flags |= jst_program_insn_flags(program, insn);
	}
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };

	choose((unsigned)fuzz_number(&input, 2) % BASES);
	if (!base)
		return;
	for (int i = 0; i < CHANGES && input.left; i++) {
		const uint64_t number = fuzz_number(&input, 8);
		struct jst_program *program = guarded_copy(base, base->size);

		change(program, number);
		if (memcmp(program->sections, base->sections, sizeof(base->sections)) == 0 && number >> 40 & 7)
			set_flags(program);
		fuzz_seal(program, base->size);
		tried++;
		if (guarded_verify(program, base->size)) {
			accepted++;
			guarded_run(program, number);
		}
	}
}

void fuzz_seeds(fuzz_take *take, void *context)
{
	uint64_t state = fuzz_seed(1);

	for (uint16_t number = 0; number < 400; number++) {
		uint64_t changes[CHANGES / 4];
		uint8_t input[2 + sizeof(changes)];
		char name[32];

		for (int i = 0; i < CHANGES / 4; i++)
			changes[i] = fuzz_random(&state);
		memcpy(input, &number, 2);
		memcpy(input + 2, changes, sizeof(changes));
		snprintf(name, sizeof(name), "script-%d", number);
		take(context, name, input, sizeof(input));
	}
}

void fuzz_end(void)
{
	printf("mutate: the verifier accepted %lu of %lu programs (%.1f %%)\n", accepted, tried, tried ? 100.0 * (double)accepted / (double)tried : 0);
}
