/*
 * replay [FILE|FOLDER…]: the fuzzer without libFuzzer. Runs each seed and each file once; one that fails ends the process, and its name is the last that was printed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned long inputs;
static char last[512];

static void run(void *context, const char *name, const uint8_t *bytes, size_t size)
{
	/* A copy of just this size, so that valgrind and AddressSanitizer see where it ends. */
	uint8_t *copy = malloc(size ? size : 1);

	(void)context;
	if (!copy)
		exit(2);
	if (size)
		memcpy(copy, bytes, size);
	snprintf(last, sizeof(last), "%s", name);
	if (getenv("FUZZ_VERBOSE"))
		fprintf(stderr, "%s\n", name);
	fuzz_one(copy, size);
	free(copy);
	inputs++;
}

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *bytes;
	size_t size;
	FILE *copy = open_memstream(&bytes, &size);
	int c;

	if (!file || !copy) {
		perror(path);
		exit(2);
	}
	while ((c = getc(file)) != EOF)
		putc(c, copy);
	fclose(file);
	fclose(copy);
	run(NULL, path, (const uint8_t *)bytes, size);
	free(bytes);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_path(const char *path)
{
	struct dirent **entries;
	struct stat stat_of;

	if (stat(path, &stat_of) == 0 && !S_ISDIR(stat_of.st_mode)) {
		run_file(path);
		return;
	}
	const int count = scandir(path, &entries, visible, alphasort);

	for (int i = 0; i < count; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		run_file(file);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void tell(void)
{
	if (*last)
		fprintf(stderr, "the input was %s\n", last);
}

int main(int argc, char **argv)
{
	atexit(tell);
	fuzz_begin();
	fuzz_seeds(run, NULL);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	fuzz_end();
	*last = '\0';
	/* Each was a test; the first that is none ends the process. */
	printf("%lu passed, 0 failed\n", inputs);
	return inputs == 0;
}
