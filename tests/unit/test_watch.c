/* Sites of objects that come and go while sessions do. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent_wait.h"
#include "builder.h"
#include "compile.h"
#include "install.h"
#include "jstrace.h"
#include "leaf.h"
#include "watch.h"

static void fire(int a)
{
	JSTRACE("watch:site", "a", a);
}

static struct jst_installed *prepare(const char *script)
{
	const struct compile_options options = { .file = "script" };
	struct compiled *compiled = compile(script, strlen(script), &options);
	const char *limit = NULL;
	struct jst_program *program = jst_builder_finish(compiled->target, &limit);
	struct jst_refused refused = { 0 };
	void *copy = mmap(NULL, JST_PROGRAM_MAX_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_nonnull(program);
	ck_assert_ptr_ne(copy, MAP_FAILED);
	memcpy(copy, program, program->size);

	const struct jst_message_load load = { .program_size = program->size, .budget = 10000, .memory = 16 << 20, .string_size = 256, .ring_size = 4096 };
	struct jst_installed *installed = jst_install_prepare(&load, &(struct jst_install_wishes){ .growth = false }, copy, &refused);

	ck_assert_msg(installed != NULL, "%s", refused.reason);
	compiled_free(compiled);
	free(program);
	return installed;
}

/* This program's only site. */
static struct jst_site_span own(void)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span = { 0 };

	jst_sites_lock();
	ck_assert(jst_sites_walk(&cursor, 1, &span));
	jst_sites_unlock();
	ck_assert_str_eq(jst_site_name(span.first).bytes, "watch:site");
	return span;
}

static uint64_t guard(uint32_t id)
{
	_Atomic uint64_t *guards = atomic_load(&jst_process->guards);

	return guards ? atomic_load(&guards[id]) : 0;
}

/* The session's index is another's soon, whose events that guard would refuse. */
START_TEST(a_session_that_ends_leaves_no_guard_at_sites_that_come)
{
	fire(1);
	struct jst_installed *installed = prepare("watch:site /a > 5/ { @n = count() }");
	const struct jst_site_span span = own();

	ck_assert_uint_ne(guard(span.id), 0);
	jst_sites_lock();
	jst_watch_go(&span);
	ck_assert_uint_eq(guard(span.id), 0);
	jst_watch_come(&span);
	ck_assert_uint_ne(guard(span.id), 0);
	jst_watch_go(&span);
	/* As in jst_install_stop(), which lets go of the lock now and then. */
	installed->ending = true;
	jst_watch_come(&span);
	ck_assert_uint_eq(guard(span.id), 0);
	jst_sites_unlock();
	ck_assert_uint_eq(jst_install_stop(installed), 0);
	ck_assert_uint_eq(guard(span.id), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *objects = tcase_create("objects");

	wait_for_agent();
	tcase_add_test(objects, a_session_that_ends_leaves_no_guard_at_sites_that_come);
	suite_add_tcase(suite, objects);

	SRunner *runner = srunner_create(suite);

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
