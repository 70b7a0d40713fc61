/* See fuzz.h. */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "compile.h"
#include "program.h"

void fuzz_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("FOUND: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	abort();
}

uint64_t fuzz_number(struct fuzz_input *input, unsigned bytes)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < bytes && input->left; i++, input->left--)
		number |= (uint64_t)*input->at++ << 8 * i;
	return number;
}

const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t *size)
{
	const uint8_t *bytes = input->at;

	if (*size > input->left)
		*size = input->left;
	input->at += *size;
	input->left -= *size;
	return bytes;
}

uint64_t fuzz_hash(const uint8_t *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

struct jst_program *fuzz_compile(const char *script, bool local)
{
	const struct compile_options options = { .file = "script" };
	struct compiled *compiled = compile(script, strlen(script), &options);
	const char *limit = NULL;
	struct jst_program *program = NULL;

	if (!compiled->errors && (local ? compiled->local_clauses : compiled->target_clauses))
		program = jst_builder_finish(local ? compiled->local : compiled->target, &limit);
	compiled_free(compiled);
	return program;
}

void fuzz_seal(void *bytes, size_t size)
{
	struct jst_program *program = bytes;

	if (size >= sizeof(*program))
		program->checksum = jst_program_checksum(program, size);
}
