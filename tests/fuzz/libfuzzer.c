/*
 * What libFuzzer calls. FUZZ_SEEDS=FOLDER in the environment: the seeds are written there before the first input.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void keep(void *folder, const char *name, const uint8_t *bytes, size_t size)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", (const char *)folder, name);
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(2);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *folder = getenv("FUZZ_SEEDS");

	(void)argc;
	(void)argv;
	fuzz_begin();
	if (folder)
		fuzz_seeds(keep, folder);
	atexit(fuzz_end);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	fuzz_one(bytes, size);
	return 0;
}
