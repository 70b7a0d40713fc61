/* The registry of sites, and the words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent_wait.h"
#include "jstrace.h"
#include "process.h"
#include "sites.h"

static int evaluated;

static int count(int x)
{
	evaluated++;
	return x;
}

static void fire(const char *path)
{
	JSTRACE("test:site", "a", count(1), "u", 7UL, "ok", (_Bool)1, "d", 0.5f, "path", path, "raw", JSTRACE_BYTES(path, 2), "at", (void *)path);
	if (JSTRACE_ENABLED("test:guard"))
		evaluated += 100;
}

/* What a session would do as it finds a site. */
static void look(void (*see)(struct jst_site_record *record, uint32_t id, void *context), void *context)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span;

	jst_sites_lock();
	while (jst_sites_walk(&cursor, 3, &span)) {
		ck_assert(span.count > 0 && span.count <= 3);
		for (uint32_t i = 0; i < span.count; i++)
			see(&span.first[i], span.id + i, context);
	}
	jst_sites_unlock();
}

struct sought {
	const char *name;
	bool guard;
	struct jst_site_record *found;
};

static void seek(struct jst_site_record *record, uint32_t id, void *context)
{
	struct sought *sought = context;

	ck_assert_uint_gt(id, 0);
	if (jst_site_sound(record) && record->kind == (sought->guard ? JST_SITE_GUARD : JST_SITE_EVENT) && strcmp(jst_site_name(record).bytes, sought->name) == 0)
		sought->found = record;
}

/* The record of a name; guard: that of JSTRACE_ENABLED. */
static struct jst_site_record *find(const char *name, bool guard)
{
	struct sought sought = { .name = name, .guard = guard };

	look(seek, &sought);
	return sought.found;
}

START_TEST(test_record)
{
	static const struct {
		const char *name;
		uint8_t type, word;
	} field[] = {
		{ "a", JST_FIELD_INT, 0 },       { "u", JST_FIELD_UINT, 1 },  { "ok", JST_FIELD_BOOL, 2 },  { "d", JST_FIELD_DOUBLE, 3 },
		{ "path", JST_FIELD_STRING, 4 }, { "raw", JST_FIELD_BYTES, 5 }, { "at", JST_FIELD_POINTER, 7 },
	};
	const struct jst_site_record *record = find("test:site", false);
	struct jst_probe probe;

	ck_assert_ptr_nonnull(record);
	jst_site_describe(record, &probe);
	ck_assert_uint_eq(probe.fields, 7);
	ck_assert_uint_gt(probe.line, 0);
	ck_assert_ptr_nonnull(memmem(probe.file.bytes, probe.file.length, "test_site.c", 11));
	for (unsigned i = 0; i < 7; i++) {
		ck_assert_uint_eq(probe.field[i].name.length, strlen(field[i].name));
		ck_assert(memcmp(probe.field[i].name.bytes, field[i].name, strlen(field[i].name)) == 0);
		ck_assert_uint_eq(probe.field[i].type, field[i].type);
		ck_assert_uint_eq(probe.field[i].word, field[i].word);
	}
	ck_assert_ptr_nonnull(find("test:guard", true));
	ck_assert_ptr_null(find("test:guard", false));
}
END_TEST

START_TEST(test_word)
{
	struct jst_site_record *record = find("test:site", false);
	uint16_t *word = (uint16_t *)((char *)&record->word + record->word);

	jst_sites_expect();
	evaluated = 0;
	fire("x");
	ck_assert_int_eq(evaluated, 0);

	jst_site_switch(record, 3, true);
	ck_assert_uint_eq(word[1], 8);
	jst_site_switch(record, 15, true);
	ck_assert_uint_eq(jst_site_watchers(record), 0x8008);
	fire("x");
	ck_assert_int_eq(evaluated, 1);
	jst_site_switch(record, 3, false);
	jst_site_switch(record, 3, false);
	ck_assert_uint_eq(word[1], 0x8000);

	/* The lower half is an SDT tool's. */
	__atomic_fetch_add(&word[0], 1, __ATOMIC_RELAXED);
	jst_sites_off();
	ck_assert_uint_eq(word[0], 1);
	ck_assert_uint_eq(word[1], 0);
	fire("x");
	ck_assert_int_eq(evaluated, 2);
	__atomic_fetch_sub(&word[0], 1, __ATOMIC_RELAXED);
	fire("x");
	ck_assert_int_eq(evaluated, 2);

	jst_site_switch(find("test:guard", true), 0, true);
	fire("x");
	ck_assert_int_eq(evaluated, 102);
	jst_sites_off();
}
END_TEST

/* How often an id is that of a record from first on, and what is wrong with it. */
struct seen {
	const struct jst_site_record *first;
	uint32_t count, times, base;
};

static void tally(struct jst_site_record *record, uint32_t id, void *context)
{
	struct seen *seen = context;

	if (record < seen->first || record >= seen->first + seen->count)
		return;
	seen->times++;
	ck_assert_uint_eq(id, seen->base + (uint32_t)(record - seen->first));
}

static uint32_t times(const struct jst_site_record *first, uint32_t count, const struct jstrace_object *object)
{
	struct seen seen = { .first = first, .count = count, .base = jst_sites_base(object) };

	look(tally, &seen);
	return seen.times;
}

/* Records made by hand: what comes is found under ids in a row, what goes leaves them to the next. */
START_TEST(test_objects)
{
	static struct jst_site_record record[8];
	struct jstrace_object object[3] = { { { NULL } } };
	const uint32_t before = jst_sites_count();

	jstrace_object_register(&object[0], &record[0], &record[2]);
	jstrace_object_register(&object[1], &record[2], &record[5]);
	jstrace_object_register(&object[1], &record[2], &record[5]);
	ck_assert_uint_eq(jst_sites_count(), before + 5);
	ck_assert_uint_eq(times(&record[0], 2, &object[0]), 2);
	ck_assert_uint_eq(times(&record[2], 3, &object[1]), 3);
	const uint32_t first = jst_sites_base(&object[0]), second = jst_sites_base(&object[1]);

	ck_assert_uint_eq(second, first + 2);
	for (int i = 0; i < 8; i++)
		ck_assert_uint_eq(record[i].id, 0); /* nobody has asked */

	/* Three do not fit where two were. Then the two do. */
	jstrace_object_unregister(&object[0]);
	ck_assert_uint_eq(jst_sites_base(&object[0]), 0);
	ck_assert_uint_eq(times(&record[0], 2, &object[0]), 0);
	jstrace_object_register(&object[2], &record[5], &record[8]);
	ck_assert_uint_eq(jst_sites_base(&object[2]), second + 3);
	jstrace_object_register(&object[0], &record[0], &record[2]);
	ck_assert_uint_eq(jst_sites_base(&object[0]), first);

	/* An id that was put down goes with the object. */
	jst_sites_expect();
	ck_assert_uint_eq(jst_site_id(&record[1]), first + 1);
	ck_assert_uint_eq(record[1].id, first + 1);
	ck_assert_uint_eq(record[0].id, 0);
	for (int i = 0; i < 3; i++) {
		jstrace_object_unregister(&object[i]);
		jstrace_object_unregister(&object[i]);
	}
	ck_assert_uint_eq(record[1].id, 0);
	ck_assert_uint_eq(jst_site_id(&record[1]), 0);
	ck_assert_uint_eq(jst_sites_count(), before);
}
END_TEST

START_TEST(test_records_without_sense)
{
	static struct {
		struct jst_site_record record;
		uint32_t word;
		char name[300], keys[16], file[8];
	} data = { .name = "made:up", .keys = "x\001yy\001", .file = "f.c" };
	struct jst_site_record *record = &data.record;
	const struct jst_site_record good = { .version = JST_SITE_VERSION, .fields = 2, .types = 0x51, .line = 7,
		.name = (int32_t)((char *)data.name - (char *)&record->name), .keys = (int32_t)((char *)data.keys - (char *)&record->keys),
		.file = (int32_t)((char *)data.file - (char *)&record->file), .word = (int32_t)((char *)&data.word - (char *)&record->word) };

	*record = good;
	ck_assert(jst_site_sound(record));
	record->version++;
	ck_assert(!jst_site_sound(record));
	*record = good;
	record->fields = 3; /* than there are keys */
	ck_assert(!jst_site_sound(record));
	*record = good;
	record->types = 0x81; /* no such type */
	ck_assert(!jst_site_sound(record));
	*record = good;
	memset(data.name, 'n', 255);
	ck_assert(jst_site_sound(record));
	memset(data.name, 'n', 256);
	ck_assert(!jst_site_sound(record));
	data.name[0] = 0;
	ck_assert(!jst_site_sound(record));
}
END_TEST

/* What is more than the ids has none, and is counted. */
START_TEST(test_limit)
{
	enum { LEFT = 1000 };
	const size_t size = (size_t)JST_MAX_SITES * sizeof(struct jst_site_record);
	struct jst_site_record *records = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct jstrace_object object[3] = { { { NULL } } };
	const uint32_t before = jst_sites_count(), room = JST_MAX_SITES - 1 - before;

	ck_assert_ptr_ne(records, MAP_FAILED);
	ck_assert_uint_ge(JST_MAX_SITES, 1000000);
	ck_assert_uint_eq(jst_sites_refused(), 0);
	jstrace_object_register(&object[0], records, records + room - LEFT);
	ck_assert_uint_eq(jst_sites_refused(), 0);
	jstrace_object_register(&object[1], records, records + LEFT + 7);
	ck_assert_uint_eq(jst_sites_refused(), 7);
	ck_assert_uint_eq(jst_sites_count(), before + room);
	jstrace_object_register(&object[2], records, records + 3);
	ck_assert_uint_eq(jst_sites_base(&object[2]), 0);
	ck_assert_uint_eq(jst_sites_refused(), 10);
	jstrace_object_unregister(&object[1]);
	ck_assert_uint_eq(jst_sites_refused(), 3);
	jstrace_object_unregister(&object[2]);
	jstrace_object_unregister(&object[0]);
	ck_assert_uint_eq(jst_sites_refused(), 0);
	ck_assert_uint_eq(jst_sites_count(), before);
	munmap(records, size);
}
END_TEST

START_TEST(test_more_objects_than_places)
{
	enum { MORE = 5 };
	static struct jstrace_object object[JST_MAX_OBJECTS + MORE];
	static struct jst_site_record record;
	const uint32_t before = jst_sites_count();

	for (size_t i = 0; i < sizeof(object) / sizeof(object[0]); i++)
		jstrace_object_register(&object[i], &record, &record + 1);
	ck_assert_uint_ge(jst_sites_refused(), MORE);
	ck_assert_uint_eq(jst_sites_count() + jst_sites_refused(), before + JST_MAX_OBJECTS + MORE);
	for (size_t i = 0; i < sizeof(object) / sizeof(object[0]); i++)
		jstrace_object_unregister(&object[i]);
	ck_assert_uint_eq(jst_sites_refused(), 0);
	ck_assert_uint_eq(jst_sites_count(), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("site");
	TCase *tests = tcase_create("site");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_record);
	tcase_add_test(tests, test_word);
	tcase_add_test(tests, test_objects);
	tcase_add_test(tests, test_records_without_sense);
	tcase_add_test(tests, test_limit);
	tcase_add_test(tests, test_more_objects_than_places);
	tcase_add_checked_fixture(tests, wait_for_agent, NULL);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);

#ifdef __SANITIZE_THREAD__
	srunner_set_fork_status(runner, CK_NOFORK); /* there is no agent in a child of fork() */
#endif
	wait_for_agent();
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
