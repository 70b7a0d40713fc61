/*
 * For tests of results: a script's aggregations without a script, a memory as a target has it, and updates into it as its threads make them.
 */
#ifndef RESULTS_FIXTURE_H
#define RESULTS_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "output.h"
#include "results.h"

enum { FIXTURE_MEMORY = 8 << 20, FIXTURE_THREADS = 4 };

/* In the order of this enum. */
enum {
	A_COUNT, A_SUM, A_MIN, A_MAX, A_AVG, A_STATS, A_HIST, A_LHIST, A_QUANTILES, A_RATE, A_LAST,
	A_PLAIN_COUNT, A_PLAIN_HIST, A_PAIRS, A_SIZES, A_COARSE, A_PLAIN_SUM, A_PLAIN_LHIST, A_PLAIN_STATS, A_NUMBER_HIST, A_DISTINCT, A_PLAIN_DISTINCT, A_EXEMPLARS, A_PLAIN_EXEMPLARS, A_AGGREGATIONS
};

struct fixture {
	struct compiled_aggregation aggregations[A_AGGREGATIONS];
	struct compiled compiled;
	struct jst_program *program;
	struct jst_memory memory;
	unsigned char *base;
	struct memory_view *view;
	struct results *results;
};

static void fixture_memory(struct fixture *f)
{
	free(f->base);
	free(f->view);
	f->base = aligned_alloc(4096, FIXTURE_MEMORY);
	ck_assert(f->base != NULL);
	memset(f->base, 0, FIXTURE_MEMORY);
	ck_assert(jst_memory_init(&f->memory, f->base, f->program, &(struct jst_memory_options){ .size = FIXTURE_MEMORY, .string_size = 256, .ring_size = 4096 }));
	atomic_store(&f->memory.header->permit, FIXTURE_MEMORY);
	f->view = calloc(1, sizeof(*f->view));
	f->view->base = f->base;
	f->view->size = FIXTURE_MEMORY;
	f->view->hostname = "host";
	f->view->pid = 77;
}

static void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	const struct compiled_aggregation rows[A_AGGREGATIONS] = {
		[A_COUNT] = { .name = "@count", .function = JST_AGGREGATION_COUNT, .keys = 1 },
		[A_SUM] = { .name = "@sum", .function = JST_AGGREGATION_SUM, .keys = 1 },
		[A_MIN] = { .name = "@min", .function = JST_AGGREGATION_MIN, .keys = 1, .unit = UNIT_DURATION },
		[A_MAX] = { .name = "@max", .function = JST_AGGREGATION_MAX, .keys = 1 },
		[A_AVG] = { .name = "@avg", .function = JST_AGGREGATION_AVG, .keys = 1 },
		[A_STATS] = { .name = "@stats", .function = JST_AGGREGATION_STATS, .keys = 1, .unit = UNIT_DURATION },
		[A_HIST] = { .name = "@hist", .function = JST_AGGREGATION_HIST, .parameters = { 4 }, .keys = 1, .unit = UNIT_DURATION },
		[A_LHIST] = { .name = "@lhist", .function = JST_AGGREGATION_LHIST, .parameters = { 0, 95, 10 }, .keys = 1 },
		[A_QUANTILES] = { .name = "@quantiles", .function = JST_AGGREGATION_QUANTILES, .parameters = { 4 }, .keys = 1, .unit = UNIT_DURATION },
		[A_RATE] = { .name = "@rate", .function = JST_AGGREGATION_RATE, .keys = 0 },
		[A_LAST] = { .name = "@last", .function = JST_AGGREGATION_LAST, .keys = 1 },
		[A_PLAIN_COUNT] = { .name = "@", .function = JST_AGGREGATION_COUNT },
		[A_PLAIN_HIST] = { .name = "@lat", .function = JST_AGGREGATION_HIST, .parameters = { 4 }, .unit = UNIT_DURATION },
		[A_PAIRS] = { .name = "@pairs", .function = JST_AGGREGATION_COUNT, .keys = 2 },
		[A_SIZES] = { .name = "@sizes", .function = JST_AGGREGATION_SUM, .keys = 1, .unit = UNIT_SIZE },
		[A_COARSE] = { .name = "@coarse", .function = JST_AGGREGATION_HIST, .parameters = { 0 } },
		[A_PLAIN_SUM] = { .name = "@total", .function = JST_AGGREGATION_SUM },
		[A_PLAIN_LHIST] = { .name = "@steps", .function = JST_AGGREGATION_LHIST, .parameters = { -10, 35, 10 } },
		[A_PLAIN_STATS] = { .name = "@numbers", .function = JST_AGGREGATION_STATS },
		[A_NUMBER_HIST] = { .name = "@n", .function = JST_AGGREGATION_HIST, .parameters = { 4 } },
		[A_DISTINCT] = { .name = "@users", .function = JST_AGGREGATION_DISTINCT, .keys = 1 },
		[A_PLAIN_DISTINCT] = { .name = "@distinct", .function = JST_AGGREGATION_DISTINCT },
		[A_EXEMPLARS] = { .name = "@slow", .function = JST_AGGREGATION_HIST, .parameters = { 6, 1 }, .keys = 1 },
		[A_PLAIN_EXEMPLARS] = { .name = "@slowest", .function = JST_AGGREGATION_HIST, .parameters = { 4, 1 }, .unit = UNIT_DURATION, .exemplar = "id" },
	};
	memcpy(f->aggregations, rows, sizeof(rows));
	f->compiled.aggregations = f->aggregations;
	f->compiled.aggregation_count = A_AGGREGATIONS;

	struct jst_builder *builder = jst_builder_new();
	for (int i = 0; i < A_AGGREGATIONS; i++)
		jst_builder_aggregation(builder, f->aggregations[i].function, f->aggregations[i].keys, f->aggregations[i].parameters);
	const char *limit = NULL;
	f->program = jst_builder_finish(builder, &limit);
	ck_assert(f->program != NULL);
	jst_builder_free(builder);
	fixture_memory(f);
	f->results = results_new(&f->compiled);
}

static void fixture_fini(struct fixture *f)
{
	results_free(f->results);
	free(f->view);
	free(f->base);
	free(f->program);
}

/* One update by thread, as of its event at timestamp. Where exemplars are kept, one lies behind the keys. */
static void fixture_update_at(struct fixture *f, uint32_t thread, uint32_t aggregation, const struct jst_value *keys, struct jst_value value, int64_t timestamp)
{
	static _Alignas(8) unsigned char scratch[4096];
	struct jst_slot *slot = &f->memory.slots[thread];

	if (atomic_load(&f->memory.header->slots_used) <= thread)
		atomic_store(&f->memory.header->slots_used, thread + 1);
	jst_slot_open(&f->memory, slot);
	const struct jst_update update = {
		.memory = &f->memory, .slot = slot, .bank = jst_slot_bank(&f->memory, slot), .decl = results_decl(f->results, aggregation), .index = (uint16_t)aggregation,
		.timestamp = timestamp, .tid = (int32_t)(1000 + thread), .scratch = scratch, .room = sizeof(scratch),
	};
	jst_aggregation_update(&update, keys, value);
}

__attribute__((unused)) static void fixture_update(struct fixture *f, uint32_t thread, uint32_t aggregation, struct jst_value key, struct jst_value value)
{
	fixture_update_at(f, thread, aggregation, &key, value, 0);
}

/* The other bank is written from now on, and the old ones are closed, as the agent does it. */
__attribute__((unused)) static void fixture_flip(struct fixture *f)
{
	const uint32_t old = atomic_fetch_add(&f->memory.header->generation, 1);

	for (uint32_t i = 0; i < atomic_load(&f->memory.header->slots_used); i++)
		if (atomic_load(&f->memory.slots[i].banks[old & 1].generation) == old)
			atomic_store(&f->memory.slots[i].banks[old & 1].state, JST_BANK_CLOSED);
}

/* The closed banks are given back, as after RELEASE. */
__attribute__((unused)) static void fixture_release(struct fixture *f)
{
	const uint32_t next = atomic_load(&f->memory.header->generation) + 1;

	for (uint32_t i = 0; i < atomic_load(&f->memory.header->slots_used); i++)
		for (uint32_t b = 0; b < JST_BANKS; b++)
			if (atomic_load(&f->memory.slots[i].banks[b].state) == JST_BANK_CLOSED)
				jst_memory_recycle(&f->memory, &f->memory.slots[i].banks[b], next);
}

__attribute__((unused)) static struct jst_value text_value(const char *text)
{
	return jst_value_string(text, (uint32_t)strlen(text));
}

/* The state under a key, or NULL. */
__attribute__((unused)) static const struct jst_result *fixture_get(const struct results *results, uint32_t aggregation, struct jst_value key)
{
	_Alignas(8) unsigned char buffer[512];
	bool cut = false;
	const uint32_t keys = results_decl(results, aggregation)->keys;
	const uint32_t size = keys ? jst_key_encode(buffer, sizeof(buffer), &key, 1, 256, &cut) : 0;

	return results_get(results, aggregation, buffer, size);
}

__attribute__((unused)) static struct jst_result *fixture_find(struct results *results, uint32_t aggregation, struct jst_value key)
{
	_Alignas(8) unsigned char buffer[512];
	bool cut = false;
	const uint32_t keys = results_decl(results, aggregation)->keys;
	const uint32_t size = keys ? jst_key_encode(buffer, sizeof(buffer), &key, 1, 256, &cut) : 0;

	return results_find(results, aggregation, buffer, size);
}

#define FIXTURE_MAIN(name, ...)                                                                   \
	int main(void)                                                                            \
	{                                                                                         \
		Suite *suite = suite_create(name);                                                \
		TCase *tcase = tcase_create(name);                                                \
		const TTest *const tests[] = { __VA_ARGS__ };                                     \
                                                                                                  \
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)                     \
			tcase_add_test(tcase, tests[i]);                                          \
		tcase_set_timeout(tcase, 60);                                                     \
		suite_add_tcase(suite, tcase);                                                    \
		SRunner *runner = srunner_create(suite);                                          \
		srunner_run_all(runner, CK_ENV);                                                  \
		const int failed = srunner_ntests_failed(runner);                                 \
		srunner_free(runner);                                                             \
		return failed != 0;                                                               \
	}

#endif
