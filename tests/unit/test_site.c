/* The registry of sites, and the words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

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

/* The record of a name; guard: that of JSTRACE_ENABLED. */
static struct jst_site_record *find(const char *name, bool guard)
{
	struct jst_site_record *found = NULL;

	jst_sites_lock();
	for (uint32_t id = 1; id < jst_sites_end(); id++) {
		struct jst_site_record *record = jst_sites_at(id);

		if (record && record->kind == (guard ? JST_SITE_GUARD : JST_SITE_EVENT) && jst_site_name(record).length == strlen(name) && memcmp(jst_site_name(record).bytes, name, strlen(name)) == 0)
			found = record;
	}
	jst_sites_unlock();
	return found;
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
	ck_assert_uint_gt(record->id, 0);
	ck_assert_ptr_eq(jst_sites_at(record->id), record);
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

/* Records made by hand: what comes is found, what goes leaves its id to the next, nonsense gets none. */
START_TEST(test_objects)
{
	static struct {
		struct jst_site_record record[4];
		uint32_t word;
		char name[300], keys[16], file[8];
	} data = { .name = "made:up", .keys = "x\001yy\001", .file = "f.c" };
	struct jstrace_object object = { { NULL } };

	for (int i = 0; i < 4; i++) {
		struct jst_site_record *record = &data.record[i];

		*record = (struct jst_site_record){ .version = JST_SITE_VERSION, .fields = 2, .types = 0x51, .line = 7 };
		record->name = (int32_t)((char *)data.name - (char *)&record->name);
		record->keys = (int32_t)((char *)data.keys - (char *)&record->keys);
		record->file = (int32_t)((char *)data.file - (char *)&record->file);
		record->word = (int32_t)((char *)&data.word - (char *)&record->word);
	}
	data.record[1].version++;
	data.record[2].fields = 3;   /* than there are keys */
	data.record[3].types = 0x81; /* no such type */
	jstrace_object_register(&object, data.record, data.record + 4);
	jstrace_object_register(&object, data.record, data.record + 4);
	const uint32_t id = data.record[0].id;

	ck_assert_uint_gt(id, 0);
	ck_assert_ptr_eq(jst_sites_at(id), &data.record[0]);
	for (int i = 1; i < 4; i++)
		ck_assert_uint_eq(data.record[i].id, 0);
	jstrace_object_unregister(&object);
	ck_assert_ptr_null(jst_sites_at(id));
	ck_assert_uint_eq(data.record[0].id, 0);
	jstrace_object_unregister(&object);
	jstrace_object_register(&object, data.record, data.record + 1);
	ck_assert_uint_eq(data.record[0].id, id);
	jstrace_object_unregister(&object);

	memset(data.name, 'n', 256);
	jstrace_object_register(&object, data.record, data.record + 1);
	ck_assert_uint_eq(data.record[0].id, 0);
	jstrace_object_unregister(&object);
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
