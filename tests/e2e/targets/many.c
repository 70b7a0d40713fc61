/*
 * A program with the sites of many_part.c, 40 times 2,500 of them, which does what it is told on its standard input, one command a line, and answers each with a line:
 *
 *     loaded     how long the constructors took that register the sites                                    NANOSECONDS
 *     fire N     each site N times, in the first thread                                                    done
 *     both N     each site N times in each of two threads at once                                          done
 *     open, hit, close   the object that the first argument names: opens it, fires its sites once, closes it       done
 *     churn N    the three of them N times                                                                 NANOSECONDS of the slowest opening or closing
 *     crowd N    makes N sites known that nobody wrote                                                     done
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <jstrace.h>

#define EACH(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) \
	X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39)
#define DECLARE(part) void many_part##part(int64_t n);
#define NAME(part) many_part##part,
EACH(DECLARE)

static void (*const parts[])(int64_t n) = { EACH(NAME) };
static int64_t begun;
static const char *path;
static void *object;
static void (*object_part[4])(int64_t n);

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Behind the library's own, before those of sites. */
__attribute__((constructor(200))) static void begin(void)
{
	begun = now();
}

static void fire(long count)
{
	for (long i = 0; i < count; i++)
		for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++)
			parts[part](i);
}

static void *fire_too(void *count)
{
	fire(*(const long *)count);
	return NULL;
}

static void open_object(void)
{
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	for (int i = 0; i < 4; i++)
		*(void **)&object_part[i] = dlsym(object, (const char *[]){ "many_part0", "many_part40", "many_part41", "many_part42" }[i]);
}

static void hit(int64_t n)
{
	for (int i = 0; i < 4; i++)
		object_part[i](n);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t churn(long count)
{
	int64_t slowest = 0;

	for (long i = 0; i < count; i++) {
		const int64_t start = now();

		open_object();
		slowest = larger(slowest, now() - start);
		hit(i);
		const int64_t end = now();

		dlclose(object);
		slowest = larger(slowest, now() - end);
	}
	return slowest;
}

/* Records that are all zeros: of no version that anybody knows. */
static void crowd(size_t count)
{
	static struct jstrace_object place;
	const size_t size = count * 40;
	char *records = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (records == MAP_FAILED)
		exit(1);
	jstrace_object_register(&place, records, records + size);
}

int main(int argc, char **argv)
{
	const int64_t loaded = now() - begun;
	char line[64];
	long count;

	path = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "loaded\n") == 0) {
			printf("%lld\n", (long long)loaded);
			continue;
		}
		if (sscanf(line, "churn %ld", &count) == 1) {
			printf("%lld\n", (long long)churn(count));
			continue;
		}
		if (sscanf(line, "both %ld", &count) == 1) {
			pthread_t thread;

			pthread_create(&thread, NULL, fire_too, &count);
			fire(count);
			pthread_join(thread, NULL);
		} else if (sscanf(line, "crowd %ld", &count) == 1) {
			crowd((size_t)count);
		} else if (sscanf(line, "fire %ld", &count) == 1) {
			fire(count);
		} else if (strcmp(line, "open\n") == 0) {
			open_object();
		} else if (strcmp(line, "hit\n") == 0) {
			hit(0);
		} else if (strcmp(line, "close\n") == 0) {
			dlclose(object);
		}
		puts("done");
	}
	return 0;
}
