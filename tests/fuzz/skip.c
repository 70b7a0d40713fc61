/*
 * For builds with JST_VERIFY_SKIP: the environment's JST_VERIFY_SKIP=N leaves out check N of the verifier, and JST_VERIFY_SKIP=list prints all of them, a line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef JST_VERIFY_SKIP
#define JST_VERIFY_SKIP
#endif
#include "verify_internal.h"

const struct jst_verify_check *jst_verify_skipped;

/* The linker makes these. */
extern const struct jst_verify_check __start_jst_verify_checks[] __attribute__((visibility("hidden")));
extern const struct jst_verify_check __stop_jst_verify_checks[] __attribute__((visibility("hidden")));

__attribute__((constructor)) static void skip(void)
{
	const char *wanted = getenv("JST_VERIFY_SKIP");
	const long count = __stop_jst_verify_checks - __start_jst_verify_checks;

	if (!wanted)
		return;
	if (strcmp(wanted, "list") == 0) {
		for (long i = 0; i < count; i++)
			printf("%ld %s:%ld: %s\n", i, __start_jst_verify_checks[i].file, __start_jst_verify_checks[i].line, __start_jst_verify_checks[i].condition);
		exit(0);
	}
	const long number = strtol(wanted, NULL, 10);

	if (number < 0 || number >= count) {
		fprintf(stderr, "there is no check %s\n", wanted);
		exit(2);
	}
	jst_verify_skipped = &__start_jst_verify_checks[number];
}
