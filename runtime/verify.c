/*
 * The verifier's entry: the header, the checksum and the bounds of the sections; then the parts that look inside them.
 */
#include <string.h>

#include "verify_internal.h"
#include "vm.h"

/* Instructions visited and states joined, over all clauses: a hundred times what a program of 1 MiB needs, and still some tens of milliseconds. */
enum { STEPS = 16 << 20 };

bool jst_verify_refuse(const struct jst_verifier *verifier, int clause, int insn, const char *reason, int64_t number)
{
	struct jst_verify_error *error = verifier->error;
	const struct jst_value value = jst_value_int(number);
	char text[32];
	const uint32_t digits = jst_value_text(&value, text);
	size_t used = 0;

	for (; *reason && used < sizeof(error->reason) - sizeof(text) - 1; reason++) {
		if (*reason == '#') {
			memcpy(error->reason + used, text, digits);
			used += digits;
		} else {
			error->reason[used++] = *reason;
		}
	}
	error->reason[used] = '\0';
	error->clause = clause;
	error->insn = insn;
	return false;
}

static bool refuse(const struct jst_verifier *verifier, const char *reason, int64_t number)
{
	return jst_verify_refuse(verifier, -1, -1, reason, number);
}

static bool verify_header(const struct jst_verifier *verifier, const void *data, size_t size)
{
	const struct jst_program *program = data;

	if (WRONG((uintptr_t)data % 8))
		return refuse(verifier, "the program is not aligned to 8 bytes", 0);
	if (WRONG(size < sizeof(*program)))
		return refuse(verifier, "# bytes are no program: the header is cut", (int64_t)size);
	if (WRONG(size > JST_PROGRAM_MAX_SIZE))
		return refuse(verifier, "# bytes are more than a program may have", (int64_t)size);
	if (WRONG(program->magic != JST_PROGRAM_MAGIC))
		return refuse(verifier, "no program: the magic number is wrong", 0);
	if (WRONG(program->version != JST_PROGRAM_VERSION))
		return refuse(verifier, "program format # is not known here", program->version);
	if (WRONG(program->size != size))
		return refuse(verifier, "the header tells another size, # bytes", program->size);
	if (WRONG(program->checksum != jst_program_checksum(program, size)))
		return refuse(verifier, "the checksum is wrong", 0);
	return true;
}

/* Sections lie one after the other, with gaps of zeros up to the next multiple of 8, and end with the program. */
static bool verify_sections(const struct jst_verifier *verifier)
{
	const struct jst_program *program = verifier->program;
	const unsigned char *bytes = (const unsigned char *)program;
	uint64_t end = sizeof(*program);

	for (int id = 0; id < JST_SECTIONS; id++) {
		const struct jst_section section = program->sections[id];
		const uint64_t start = (end + 7) & ~7ULL;

		if (WRONG(section.offset != start))
			return refuse(verifier, "section # does not follow the one before", id);
		if (WRONG(section.count > jst_section_info[id].max))
			return refuse(verifier, "section # has too many elements", id);
		for (; end < start && end < program->size; end++) {
			if (WRONG(bytes[end]))
				return refuse(verifier, "the gap before section # is not zero", id);
		}
		end = start + (uint64_t)section.count * jst_section_info[id].size;
		if (WRONG(end > program->size))
			return refuse(verifier, "section # ends beyond the program", id);
	}
	_Static_assert(sizeof(struct jst_insn) % 8 == 0, "there is no gap after the last section");
	if (WRONG(program->size != end))
		return refuse(verifier, "# bytes follow the last section", (int64_t)(program->size - end));
	return true;
}

static bool verify_flags(const struct jst_verifier *verifier)
{
	const struct jst_program *program = verifier->program;
	const struct jst_insn *code = jst_program_section(program, JST_SECTION_CODE);
	const uint32_t count = jst_program_count(program, JST_SECTION_CODE);
	uint32_t flags = 0;

	for (uint32_t i = 0; i < count; i++)
		flags |= jst_program_insn_flags(program, &code[i]);
	if (WRONG(program->flags != flags))
		return refuse(verifier, "the flags do not agree with the code, which has #", flags);
	return true;
}

bool jst_verify(const void *data, size_t size, void *scratch, size_t scratch_size, struct jst_verify_error *error)
{
	const size_t misaligned = -(uintptr_t)scratch & 7;
	struct jst_verifier verifier = { .program = data, .steps = STEPS, .error = error };

	*error = (struct jst_verify_error){ .clause = -1, .insn = -1 };
	if (scratch_size > misaligned) {
		verifier.scratch = (char *)scratch + misaligned;
		verifier.scratch_size = scratch_size - misaligned;
	}
	if (!verify_header(&verifier, data, size) || !verify_sections(&verifier) || !jst_verify_structure(&verifier) || !verify_flags(&verifier))
		return false;
	for (uint32_t clause = 0; clause < jst_program_count(verifier.program, JST_SECTION_CLAUSES); clause++) {
		if (!jst_verify_code(&verifier, clause))
			return false;
	}
	return true;
}
