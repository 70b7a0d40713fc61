/*
 * What the fuzzers share. Each is a file fuzz_NAME.c that defines the three functions below, and is linked in two ways:
 *
 *     make fuzz     with libFuzzer (clang, AddressSanitizer and UndefinedBehaviorSanitizer), which calls fuzz_one() with ever new inputs
 *     make check    with replay.c, by any compiler: fuzz_one() once for each seed and each file of tests/fuzz/corpus/NAME
 *
 * A finding is a crash: a sanitizer's report, a fault, or fuzz_fail(). Single-threaded but for what a fuzzer starts by itself.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before the first input. */
void fuzz_begin(void);

/* One input, which may be anything. */
void fuzz_one(const uint8_t *bytes, size_t size);

/* Calls take with each input that is made rather than kept in the corpus: what the compiler makes of scripts.c, say. */
typedef void fuzz_take(void *context, const char *name, const uint8_t *bytes, size_t size);
void fuzz_seeds(fuzz_take *take, void *context);

/* Called at the end: what the fuzzer has counted, in one line. */
void fuzz_end(void);

/* Ends the process with what is wrong. */
__attribute__((noreturn, format(printf, 1, 2))) void fuzz_fail(const char *format, ...);

/*
 * An input that is read from its front: when it is used up, all that comes is zero.
 */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};
uint64_t fuzz_number(struct fuzz_input *input, unsigned bytes);
/* Up to size bytes; how many there were is in *size. */
const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t *size);

/* A generator of numbers for what need not be in the input. Its state is never 0. */
static inline uint64_t fuzz_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
static inline uint64_t fuzz_seed(uint64_t seed)
{
	return seed * 0x9e3779b97f4a7c15ULL | 1;
}

/* A hash of the bytes, to make numbers of. */
uint64_t fuzz_hash(const uint8_t *bytes, size_t size);

/* scripts.c: scripts that between them have all that the language has. NULL ends them. */
extern const char *const fuzz_scripts[];

struct jst_program;
struct compiled;

/* The target's and the CLI's own program of a script; NULL: it has none, or the compiler refuses it. To be freed. */
struct jst_program *fuzz_compile(const char *script, bool local);

/* Recomputes the header's checksum. */
void fuzz_seal(void *program, size_t size);

#endif
