/*
 * Gathering records: order over threads and processes, positions given back, and memories full of garbage.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "builder.h"
#include "gather.h"
#include "pace.h"
#include "report.h"

enum { MEMORY = 7 << 20, RING = 4096, TARGETS = 2 };

static struct compiled_record records[2] = { { .type = RECORD_PRINT, .values = 1 }, { .type = RECORD_CLEAR } };
static struct compiled compiled = { .records = records, .record_count = 2 };
static struct jst_program *program;
static struct target targets[TARGETS];
static struct jst_memory memories[TARGETS];
static struct output output;
static struct gather *gather;
static char *text;
static size_t length;

static void setup(void)
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit;

	program = jst_builder_finish(builder, &limit);
	jst_builder_free(builder);
	for (int i = 0; i < TARGETS; i++) {
		struct target *target = &targets[i];
		/* Mapped, so that a step outside faults. */
		unsigned char *base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ck_assert(jst_memory_init(&memories[i], base, program, &(struct jst_memory_options){ .size = MEMORY, .string_size = 64, .ring_size = RING }));
		atomic_store(&memories[i].header->permit, MEMORY);
		atomic_store(&memories[i].header->slots_used, 4);
		*target = (struct target){ .state = TARGET_RUNNING, .next = i + 1 < TARGETS ? &targets[i + 1] : NULL };
		target->process.pid = 77 + i;
		target->view = calloc(1, sizeof(*target->view));
		target->view->base = base;
		target->view->size = MEMORY;
		target->view->hostname = target->hostname;
		target->tails = calloc(JST_SLOTS, sizeof(*target->tails));
		target->read_tails = calloc(JST_SLOTS, sizeof(*target->read_tails));
		target->read_rings = calloc(JST_SLOTS, sizeof(*target->read_rings));
		target->broken = calloc(JST_SLOTS, sizeof(*target->broken));
	}
	output = (struct output){ .file = open_memstream(&text, &length) };
	gather = gather_new(&compiled, RING);
}

static void teardown(void)
{
	gather_free(gather);
	fclose(output.file);
	free(text);
	free(program);
	for (int i = 0; i < TARGETS; i++) {
		munmap((void *)(uintptr_t)targets[i].view->base, MEMORY);
		free(targets[i].view);
		free(targets[i].tails);
		free(targets[i].read_tails);
		free(targets[i].read_rings);
		free(targets[i].broken);
	}
}

static bool write_record(int target, int slot, int64_t now, int64_t number)
{
	const struct jst_value value = jst_value_int(number);

	return jst_ring_write(&memories[target], &memories[target].slots[slot], targets[target].tails, (struct jst_record){ .index = 0, .now = now }, &value, 1);
}

START_TEST(by_time)
{
	uint32_t filled;

	write_record(0, 0, 50, 5);
	write_record(0, 0, 60, 6);
	write_record(0, 3, 10, 1);
	write_record(1, 1, 20, 2);
	write_record(1, 1, 20, 3); /* equal times of a thread stay in order */
	write_record(1, 2, 40, 4);
	ck_assert_uint_eq(gather_pass(gather, targets, &output, &filled), 6);
	ck_assert_uint_lt(filled, PACE_FULL / 4);
	fflush(output.file);
	ck_assert_str_eq(text, "1\n2\n3\n4\n5\n6\n");
	ck_assert_uint_eq(gather_pass(gather, targets, &output, &filled), 0);
	ck_assert(!targets[0].malformed && !targets[1].malformed);
}
END_TEST

/* Of two threads one prints more than its first ring holds, before the first pass and after it. */
START_TEST(rings_grow)
{
	uint32_t filled;
	size_t count = 0;

	memories[0].header->ring_size = 16 * RING;
	gather_free(gather);
	gather = gather_new(&compiled, 16 * RING);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < (pass ? 700 : 100); i++, count++)
			ck_assert(write_record(0, 1, (int64_t)count, (int64_t)count % 10));
		ck_assert(write_record(0, 2, (int64_t)count, 7));
		ck_assert_uint_eq(gather_pass(gather, targets, &output, &filled), (pass ? 700 : 100) + 1);
		ck_assert_uint_ge(filled, PACE_FULL / 4);
		ck_assert_uint_eq(targets[0].read_rings[1], atomic_load(&memories[0].slots[1].ring));
	}
	fflush(output.file);
	ck_assert_uint_eq(length, 2 * (count + 2));
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(text[2 * (i + (i >= 100))], '0' + (int)(i % 10));
	ck_assert(!targets[0].malformed);
}
END_TEST

START_TEST(positions_are_given_back)
{
	uint32_t filled;
	int64_t number = 0;

	/* Many times around the ring, without a loss. */
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 30; i++)
			ck_assert(write_record(0, 0, number, number)), number++;
		ck_assert_uint_eq(gather_pass(gather, targets, &output, &filled), 30);
		ck_assert_uint_ge(filled, PACE_FULL / 4);
		ck_assert_uint_eq(atomic_load(&targets[0].tails[0]), targets[0].read_tails[0]);
	}
	/* What the target writes there is not believed. */
	atomic_store(&targets[0].tails[0], 12345);
	write_record(0, 0, number, number);
	ck_assert_uint_eq(gather_pass(gather, targets, &output, &filled), 1);
	ck_assert_uint_lt(filled, PACE_FULL / 4);
}
END_TEST

START_TEST(ended_targets_too)
{
	targets[0].state = TARGET_ENDED;
	targets[1].state = TARGET_FAILED;
	write_record(0, 0, 1, 1);
	write_record(1, 0, 2, 2);
	gather_rest(gather, targets, &targets[0], &output);
	fflush(output.file);
	ck_assert_str_eq(text, "1\n");
}
END_TEST

static int written;

/* A living target that prints as fast as it is read. */
static ssize_t print_more(void *cookie, const char *bytes, size_t size)
{
	(void)cookie;
	(void)bytes;
	if (++written < 1000)
		write_record(0, 0, written, written);
	return (ssize_t)size;
}

/* What an ended target left is read to its end, however much the others print. */
START_TEST(others_go_on)
{
	struct output endless = { .file = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = print_more }) };

	targets[1].state = TARGET_ENDED;
	write_record(0, 0, 1, 1);
	for (int64_t i = 0; i < 20; i++)
		write_record(1, 0, i, i);
	gather_rest(gather, targets, &targets[1], &endless);
	ck_assert_int_lt(written, 10);
	ck_assert_uint_eq(targets[1].read_tails[0], atomic_load(&((const struct jst_ring *)jst_memory_at(&memories[1], atomic_load(&memories[1].slots[0].ring)))->head));
	fclose(endless.file);
}
END_TEST

START_TEST(local_records_are_refused)
{
	uint32_t filled;

	/* A target must not be able to clear what was counted. */
	jst_ring_write(&memories[0], &memories[0].slots[0], NULL, (struct jst_record){ .index = 1 }, NULL, 0);
	gather_pass(gather, targets, &output, &filled);
	ck_assert(targets[0].malformed);
}
END_TEST

static uint32_t seed;

static uint32_t any(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

START_TEST(garbage)
{
	struct report *report = report_new(&compiled);

	seed = (uint32_t)_i + 1;
	for (int round = 0; round < 400; round++) {
		struct target *target = &targets[0];
		uint32_t filled;

		for (int i = 0; round % 50 == 0 && i < 40; i++) /* while the memory is sound: the writer relies on it */
			write_record(0, i % 4, i, i);
		for (uint32_t i = 0; i < 1 + any() % 4; i++) {
			struct jst_slot *slot = &memories[0].slots[any() % 4];
			struct jst_memory_header *header = memories[0].header;
			const jst_ref ring = atomic_load(&slot->ring);
			uint32_t *word = (uint32_t *)(void *)header + any() % 64;

			switch (any() % 6) {
			case 0: /* anywhere in the header */
				*word = any() % 3 ? any() : ~0U;
				break;
			case 1: /* a ring elsewhere */
				atomic_store(&slot->ring, any() % 2 ? any() : MEMORY / 8 - any() % 4);
				break;
			case 2: /* inside a ring */
				if ((uint64_t)ring * 8 + RING < MEMORY)
					((uint32_t *)(void *)(memories[0].base + (uint64_t)ring * 8))[any() % (RING / 4)] = any();
				break;
			case 3:
				atomic_store(&header->sites, any() % (MEMORY / 8 + 4));
				break;
			case 4:
				atomic_store(&header->slots_used, any());
				break;
			default: /* anywhere in the memory */
				((uint32_t *)(void *)memories[0].base)[any() % (MEMORY / 4)] = any();
				break;
			}
		}
		gather_pass(gather, targets, &output, &filled);
		target->state = TARGET_ENDED;
		report_sites(report, target);
		report_losses(report, target);
		target->state = TARGET_RUNNING;
		if (round % 50 == 49) { /* begin again with a sound memory */
			memset(memories[0].base, 0, MEMORY);
			jst_memory_init(&memories[0], memories[0].base, program, &(struct jst_memory_options){ .size = MEMORY, .string_size = 64, .ring_size = RING });
			atomic_store(&memories[0].header->permit, MEMORY);
			atomic_store(&memories[0].header->slots_used, 4);
			memset(target->read_tails, 0, JST_SLOTS * sizeof(*target->read_tails));
			memset(target->read_rings, 0, JST_SLOTS * sizeof(*target->read_rings));
			memset(target->broken, 0, JST_SLOTS * sizeof(*target->broken));
		}
	}
	/* The other one was not disturbed. */
	fflush(output.file);
	const size_t before = length;

	uint32_t filled;
	write_record(1, 0, 1, 123456789);
	gather_pass(gather, &targets[1], &output, &filled);
	fflush(output.file);
	ck_assert_str_eq(text + before, "123456789\n");
	report_free(report);
}
END_TEST

/* A list of sites that never ends, of many names: looked at for a moment, not for as long as the target likes. */
START_TEST(ring_of_sites)
{
	struct report *report = report_new(&compiled);
	char name[32];
	jst_ref oldest = 0, newest = 0;

	for (int i = 0; i < 4000; i++) {
		const struct jst_probe probe = { .name = { name, (uint32_t)snprintf(name, sizeof(name), "some:thing:%d", i) } };

		newest = jst_site_write(&memories[0], &probe);
		ck_assert(newest);
		oldest = oldest ? oldest : newest;
	}
	((struct jst_site_entry *)jst_memory_at(&memories[0], oldest))->next = newest;
	targets[0].state = TARGET_ENDED;

	const clock_t before = clock();

	report_sites(report, &targets[0]);
	ck_assert_int_lt((clock() - before) / CLOCKS_PER_SEC, 2);
	report_free(report);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gather");
	TCase *tests = tcase_create("gather");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, by_time);
	tcase_add_test(tests, rings_grow);
	tcase_add_test(tests, positions_are_given_back);
	tcase_add_test(tests, ended_targets_too);
	tcase_add_test(tests, others_go_on);
	tcase_add_test(tests, local_records_are_refused);
	tcase_add_loop_test(tests, garbage, 0, 20);
	tcase_add_test(tests, ring_of_sites);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
