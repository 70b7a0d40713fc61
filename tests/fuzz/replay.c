/*
 * replay [FILE|FOLDER…]: the fuzzer without libFuzzer. Runs each seed and each file once; one that fails ends the process, which tells its name.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#endif

/* However it ends. */
static void tell(void)
{
	if (*last && (write(2, "the input was ", 14) < 0 || write(2, last, strlen(last)) < 0 || write(2, "\n", 1) < 0))
		_exit(2);
}

static void fault(int number)
{
	tell();
	raise(number); /* as it would have ended */
}

/* A sanitizer has handlers of its own for faults, and tells when it is done. */
static void tell_at_the_end(void)
{
	const struct sigaction action = { .sa_handler = fault, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };

	sigaction(SIGABRT, &action, NULL);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	__sanitizer_set_death_callback(tell);
#else
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
#endif
	atexit(tell);
}

int main(int argc, char **argv)
{
	tell_at_the_end();
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
