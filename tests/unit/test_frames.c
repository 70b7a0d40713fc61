/*
 * Frames: names that are demangled within bounds, frames that look the same are the same, stacks as text and as JSON, and the addresses of this process told from what it has mapped.
 */
#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demangle.h"
#include "frames.h"
#include "json_check.h"
#include "mappings.h"
#include "output.h"
#include "symbols.h"

static void demangles(const char *symbol, const char *name)
{
	char text[256];

	demangle(symbol, text, sizeof(text));
	ck_assert_str_eq(text, name);
}

START_TEST(test_demangle)
{
	char text[64], symbol[8192];

	demangles("main", "main");
	demangles("_start", "_start");
	demangles("", "");
	demangles("_Z", "_Z");
	demangles("_Z6handlei", "handle");
	demangles("_ZN4shop6serverIlE6handleERKSt6vectorIlSaIlEE", "shop::server<long>::handle");
	demangles("_RNvCs1234_7mycrate4main", "mycrate::main");
	/* Cut, never more than the room. */
	memset(symbol, 'x', sizeof(symbol) - 1);
	symbol[sizeof(symbol) - 1] = 0;
	demangle(symbol, text, sizeof(text));
	ck_assert_uint_eq(strlen(text), sizeof(text) - 1);
}
END_TEST

/* One doubling for every few bytes: the name would be longer than any memory. */
START_TEST(test_bomb)
{
	char symbol[2048], text[512];
	/* f<p<int, int>, p<p<int, int>, p<int, int> >, …: S_ is f, S0_ is p, S1_ the first argument. */
	size_t used = (size_t)snprintf(symbol, sizeof(symbol), "_Z1fI1pIiiE");

	for (int i = 1; i <= 34; i++) {
		const char digit = (char)(i < 10 ? '0' + i : 'A' + i - 10);

		used += (size_t)snprintf(symbol + used, sizeof(symbol) - used, "S0_IS%c_S%c_E", digit, digit);
	}
	snprintf(symbol + used, sizeof(symbol) - used, "EvT_");
	demangle(symbol, text, sizeof(text));
	/* Cut, and not left as it is. */
	ck_assert_uint_eq(strlen(text), sizeof(text) - 1);
	ck_assert(strncmp(text, "_Z", 2) != 0);
}
END_TEST

static char *printed(struct jst_value stack, bool json, bool fresh)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (json)
		frames_print_json(file, stack);
	else
		frames_print(file, stack, 2, fresh);
	fclose(file);
	return text;
}

static struct jst_value stack_of(const uint64_t *numbers, uint32_t count)
{
	return jst_value_stack(numbers, count * 8);
}

static void expect(struct jst_value stack, const char *text, const char *json)
{
	char *actual = printed(stack, false, true);

	ck_assert_str_eq(actual, text);
	free(actual);
	actual = printed(stack, true, false);
	ck_assert_str_eq(actual, json);
	ck_assert(json_valid(actual, strlen(actual)));
	free(actual);
}

START_TEST(test_print)
{
	const struct frame known = { .module = "/usr/bin/server", .offset = 1, .names = 2, .name = { { "parse", "/src/a/parse.c", 12 }, { "handle", "/src/a/server.c", 120 } } };
	const struct frame bare = { .module = "/lib/libc.so.6", .offset = 0x1234 }, symbol = { .module = "/lib/libc.so.6", .offset = 9, .names = 1, .name = { { "qsort_r", NULL, 0 } } };
	const struct frame nowhere = { .offset = 0x7f0000001000 }, bad = { .module = "/x/\33[1m", .names = 1, .name = { { "f\n\"g", "a\33.c", 3 } } };
	const struct frame start = { .module = "/usr/bin/server", .names = 1, .name = { { "main", "/src/a/main.c", 7 } } };
	const uint64_t a = frames_add(&known), b = frames_add(&bare), c = frames_add(&symbol), d = frames_add(&nowhere), e = frames_add(&bad), m = frames_add(&start);
	struct frame same = known;

	/* What looks the same is the same, whatever its offset. */
	same.offset = 77;
	ck_assert_uint_eq(frames_add(&same), a);
	same.name[0].line++;
	ck_assert_uint_ne(frames_add(&same), a);
	ck_assert_uint_ne(frames_add(&(struct frame){ .module = "/lib/libc.so.6", .offset = 0x1235 }), b);

	expect(stack_of((uint64_t[]){ a, b }, 2), "  parse  parse.c:12\n  handle  server.c:120\n  libc.so.6+0x1234",
	       "[{\"function\":\"parse\",\"file\":\"/src/a/parse.c\",\"line\":12,\"module\":\"/usr/bin/server\"},{\"function\":\"handle\",\"file\":\"/src/a/server.c\",\"line\":120,\"module\":\"/usr/bin/server\"},"
	       "{\"function\":null,\"file\":null,\"line\":null,\"module\":\"/lib/libc.so.6\",\"offset\":4660}]");
	expect(stack_of((uint64_t[]){ c, d, 0 }, 3), "  qsort_r  libc.so.6\n  0x7f0000001000\n  …",
	       "[{\"function\":\"qsort_r\",\"file\":null,\"line\":null,\"module\":\"/lib/libc.so.6\"},{\"function\":null,\"file\":null,\"line\":null,\"module\":null,\"address\":139637976731648},{\"cut\":true}]");
	expect(stack_of((uint64_t[]){ e }, 1), "  f\\x0a\"g  a\\x1b.c:3", "[{\"function\":\"f\\n\\\"g\",\"file\":\"a\\u001b.c\",\"line\":3,\"module\":\"/x/\\u001b[1m\"}]");
	/* Behind main there is nothing that is missed. */
	expect(stack_of((uint64_t[]){ m, b, 0 }, 3), "  main  main.c:7\n  libc.so.6+0x1234",
	       "[{\"function\":\"main\",\"file\":\"/src/a/main.c\",\"line\":7,\"module\":\"/usr/bin/server\"},{\"function\":null,\"file\":null,\"line\":null,\"module\":\"/lib/libc.so.6\",\"offset\":4660}]");
	expect(stack_of((uint64_t[]){ 0 }, 1), "  …", "[{\"cut\":true}]");
	expect(stack_of(NULL, 0), "", "[]");
	/* Numbers that there are none of, as if a target's words had come here. */
	expect(stack_of((uint64_t[]){ UINT64_MAX }, 1), "  0x0", "[{\"function\":null,\"file\":null,\"line\":null,\"module\":null,\"address\":0}]");

	char *text = printed(stack_of((uint64_t[]){ c }, 1), false, false);

	ck_assert_str_eq(text, "\n  qsort_r  libc.so.6");
	free(text);
	ck_assert_int_lt(frames_compare(stack_of((uint64_t[]){ m }, 1), stack_of((uint64_t[]){ a }, 1)), 0);
	ck_assert_int_gt(frames_compare(stack_of((uint64_t[]){ a }, 1), stack_of((uint64_t[]){ m }, 1)), 0);
	ck_assert_int_eq(frames_compare(stack_of((uint64_t[]){ a, 0 }, 2), stack_of((uint64_t[]){ a, 0 }, 2)), 0);
	ck_assert_int_lt(frames_compare(stack_of((uint64_t[]){ a }, 1), stack_of((uint64_t[]){ a, 0 }, 2)), 0);
}
END_TEST

/* Stacks as the clauses of the CLI see them, and back. */
START_TEST(test_text)
{
	const struct frame handle = { .module = "/x/server", .names = 2, .name = { { "parse", "/src/parse.c", 12 }, { "handle", "/src/server.c", 120 } } };
	const struct frame start = { .module = "/x/server", .names = 1, .name = { { "main", "/src/main.c", 7 } } }, bare = { .module = "/lib/libc.so.6", .offset = 0x1234 };
	const uint64_t h = frames_add(&handle), m = frames_add(&start), b = frames_add(&bare);
	const uint64_t whole[] = { h, m }, cut[] = { h, b, 0 }, marked[] = { h, m, 0 };
	const struct jst_value text = frames_text(stack_of(whole, 2)), other = frames_text(stack_of(cut, 3));

	ck_assert_str_eq(text.s, "main main.c:7;handle server.c:120;parse parse.c:12");
	ck_assert_uint_eq(text.length, strlen(text.s));
	ck_assert_str_eq(other.s, "…;libc.so.6+0x1234;handle server.c:120;parse parse.c:12");
	ck_assert_ptr_eq(frames_text(stack_of(whole, 2)).s, text.s);
	/* The same to look at: the first one is what the text stands for. */
	ck_assert_str_eq(frames_text(stack_of(marked, 3)).s, text.s);

	struct jst_value values[] = { jst_value_int(1), other, jst_value_string("main", 4), text, jst_value_nil() };

	ck_assert(frames_restore(values, 5));
	ck_assert_int_eq(values[0].i, 1);
	ck_assert_uint_eq(values[1].kind, JST_STACK);
	ck_assert_mem_eq(values[1].s, cut, sizeof(cut));
	ck_assert_uint_eq(values[2].kind, JST_STRING);
	ck_assert_uint_eq(values[3].length, sizeof(whole));
	ck_assert_mem_eq(values[3].s, whole, sizeof(whole));
	ck_assert(!frames_restore(values, 5));
}
END_TEST

/* Nothing is known of whose stack it is: the addresses themselves. */
START_TEST(test_without_mappings)
{
	uint64_t words[3] = { 0x1000, 0x2000, 0 }, numbers[2] = { 1, 2 };
	const struct jst_value values[] = { jst_value_stack(words, sizeof(words)), jst_value_int(5), jst_value_string((const char *)numbers, sizeof(numbers)) };

	mappings_resolve(NULL, values, 3);
	expect(values[0], "  0x1000\n  0x2000\n  …",
	       "[{\"function\":null,\"file\":null,\"line\":null,\"module\":null,\"address\":4096},{\"function\":null,\"file\":null,\"line\":null,\"module\":null,\"address\":8192},{\"cut\":true}]");
	ck_assert_uint_eq(numbers[0], 1);
}
END_TEST

static __attribute__((noinline)) uint64_t here(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

/* As what a file at path says of an address of this process, instead of the file that holds it; NULL: that one. */
static uint64_t resolved(uint64_t address, const char *path)
{
	/* The line of the maps that holds it. */
	char line[4096 + 128];
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t number = 0;

	while (!number && fgets(line, sizeof(line), maps)) {
		struct symbols_mapping mapping;
		struct stat stat;
		int place = 0;

		sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %" SCNu64 " %n", &mapping.low, &mapping.high, &mapping.offset, &mapping.inode, &place);
		line[strcspn(line, "\n")] = 0;
		if (address < mapping.low || address >= mapping.high)
			continue;
		mapping.path = path ? path : line + place;
		mapping.device = 1;
		if (path) {
			ck_assert_int_eq(lstat(path, &stat), 0);
			mapping.inode = stat.st_ino;
		}
		struct symbols_file *file = symbols_open(getpid(), &mapping);

		ck_assert(file != NULL);
		number = symbols_frame(file, address - mapping.low + mapping.offset);
	}
	fclose(maps);
	return number;
}

static void expect_here(uint64_t number, const char *function, int line)
{
	char expected[128], *text = printed(stack_of(&number, 1), false, true);

	snprintf(expected, sizeof(expected), "  %s  test_frames.c:%d", function, line);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(test_symbols)
{
	expect_here(resolved(here(), NULL), "test_symbols_fn", __LINE__);
}
END_TEST

/* This program without the table of which unit has which code: then the units are asked themselves. */
START_TEST(test_without_table)
{
	static const char name[] = ".debug_aranges";
	char path[] = "/tmp/jstrace-frames-XXXXXX";
	const int self = open("/proc/self/exe", O_RDONLY), fd = mkstemp(path);
	struct stat stat;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(self, &stat), 0);
	const size_t size = (size_t)stat.st_size;
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, self, 0);

	ck_assert(bytes != MAP_FAILED);
	for (char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), name, sizeof(name)));)
		at[1] = 'x';
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	expect_here(resolved(here(), path), "test_without_table_fn", __LINE__);
	munmap(bytes, size);
	close(self);
	close(fd);
	unlink(path);
}
END_TEST

/* A file that is no ELF file, or a broken one, and paths that lead to no regular file. */
START_TEST(test_hostile_files)
{
	char path[] = "/tmp/jstrace-frames-XXXXXX", fifo[64], bytes[4096];
	const int self = open("/proc/self/exe", O_RDONLY), fd = mkstemp(path);
	uint64_t random = 4711;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(read(self, bytes, sizeof(bytes)), sizeof(bytes));
	for (int round = 0; round < 200; round++) {
		char broken[sizeof(bytes)];
		struct stat stat;

		memcpy(broken, bytes, sizeof(bytes));
		for (int i = 0; i < 1 + round / 10; i++) {
			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			broken[random >> 40 & (round % 2 ? 0x3f : 0x3ff)] = (char)(random >> 32);
		}
		ck_assert_int_eq(pwrite(fd, broken, sizeof(broken), 0), sizeof(broken));
		fstat(fd, &stat);
		const struct symbols_mapping mapping = { .low = 0x1000, .high = 0x9000, .inode = stat.st_ino, .device = 100 + (uint64_t)round, .path = path };
		struct symbols_file *file = symbols_open(getpid(), &mapping);

		ck_assert(file != NULL);
		ck_assert_uint_ne(symbols_frame(file, 0x1234), 0);
	}
	close(self);
	close(fd);
	unlink(path);
	/* Opening a FIFO for reading would wait for ever. */
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	struct stat stat;

	ck_assert_int_eq(lstat(fifo, &stat), 0);
	const uint64_t number = symbols_frame(symbols_open(getpid(), &(struct symbols_mapping){ .low = 0x1000, .high = 0x9000, .inode = stat.st_ino, .device = 99, .path = fifo }), 0x10);
	char *text = printed(stack_of(&number, 1), false, true);

	ck_assert_ptr_nonnull(strstr(text, ".fifo+0x10"));
	free(text);
	unlink(fifo);
	ck_assert(symbols_open(getpid(), &(struct symbols_mapping){ .path = "[vdso]" }) == NULL);
	ck_assert(symbols_open(getpid(), &(struct symbols_mapping){ .path = "" }) == NULL);
}
END_TEST

/* However many files a target has mapped, there are descriptors left. */
START_TEST(test_descriptors)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 100; i++) {
		char path[] = "/tmp/jstrace-frames-XXXXXX";
		const int fd = mkstemp(path);
		struct stat stat;

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fstat(fd, &stat), 0);
		close(fd);
		/* Those that are not to be had are known all the same. */
		ck_assert_ptr_nonnull(symbols_open(getpid(), &(struct symbols_mapping){ .low = 0x1000, .high = 0x9000, .inode = stat.st_ino, .device = 1000 + (uint64_t)i, .path = path }));
		unlink(path);
	}
}
END_TEST

/* A file can make up any number of functions with long names: at some point they share a frame that says nothing. Last, for the table is full then. */
START_TEST(test_volume)
{
	static char name[FRAME_TEXT];
	struct frame frame = { .module = "made-up", .names = FRAME_NAMES };
	uint64_t number = 0, before = 0;
	int added = 0;

	memset(name, 'x', sizeof(name) - 1);
	for (uint32_t i = 0; i < FRAME_NAMES; i++)
		frame.name[i] = (struct frame_name){ .function = name, .file = name };
	do {
		frame.name[0].line = ++added;
		before = number;
		number = frames_add(&frame);
	} while (number != before && added < 100000);
	ck_assert_int_gt(added, 1000);
	ck_assert_int_lt(added, 20000);
	/* What was there stays known. */
	frame.name[0].line = 1;
	ck_assert_uint_eq(frames_add(&frame), frames_add(&frame));
	ck_assert_uint_ne(frames_add(&frame), number);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frames");
	TCase *tests = tcase_create("frames");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_demangle);
	tcase_add_test(tests, test_bomb);
	tcase_add_test(tests, test_print);
	tcase_add_test(tests, test_text);
	tcase_add_test(tests, test_without_mappings);
	tcase_add_test(tests, test_symbols);
	tcase_add_test(tests, test_without_table);
	tcase_add_test(tests, test_hostile_files);
	tcase_add_test(tests, test_descriptors);
	tcase_add_test(tests, test_volume);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
