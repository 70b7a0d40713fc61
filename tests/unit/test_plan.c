/*
 * Plans: whatever quick instructions and shortcuts do, the plain instructions of the clause do the same. Each script runs twice on the same events, and all that the two leave in their memory must be equal to the byte: entries, cells, records, losses.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "compile.h"
#include "map_inline.h"
#include "plan.h"
#include "verify.h"
#include "vm.h"

enum { PROBES = 2, FIELDS = 5, MEMORY = 12 << 20, STRINGS = 64, RING = 1 << 16, EVENTS = 3000, BUDGET = 10000 };

static const struct { const char *name; enum jst_field_type type; } fields[FIELDS] = {
	{ "id", JST_FIELD_INT }, { "status", JST_FIELD_INT }, { "path", JST_FIELD_STRING }, { "ratio", JST_FIELD_DOUBLE }, { "size", JST_FIELD_UINT },
};
static const char *const probes[PROBES] = { "request:start", "request:end" };

/* One of the two. */
struct side {
	struct jst_session session;
	struct jst_runner runner;
	struct jst_binding bindings[PROBES];
	struct jst_field_binding bound[PROBES][JST_MAX_FIELDS];
	void *plans[PROBES];
	unsigned char *base;
};

static struct jst_program *program_of(const char *script)
{
	static uint64_t scratch[JST_VERIFY_SCRATCH / sizeof(uint64_t)];
	const struct compile_options options = { .file = "script" };
	struct compiled *compiled = compile(script, strlen(script), &options);
	struct jst_verify_error error;
	const char *limit = NULL;

	ck_assert_msg(!compiled->errors, "%s", script);
	struct jst_program *program = jst_builder_finish(compiled->target, &limit);

	compiled_free(compiled);
	ck_assert_ptr_nonnull(program);
	ck_assert(jst_verify(program, program->size, scratch, JST_VERIFY_SCRATCH, &error));
	return program;
}

static void open_side(struct side *side, const struct jst_program *program, bool quick)
{
	const struct jst_memory_options options = { .size = MEMORY, .string_size = STRINGS, .ring_size = RING };

	memset(side, 0, sizeof(*side));
	side->base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(side->base, MAP_FAILED);
	side->session = (struct jst_session){ .program = program, .string_size = STRINGS, .budget = BUDGET, .work_size = jst_session_work_size(STRINGS) };
	side->session.work = aligned_alloc(64, (side->session.work_size + 63) / 64 * 64);
	memset(side->session.work, 0, side->session.work_size);
	ck_assert(jst_memory_init(&side->session.memory, side->base, program, &options));
	jst_session_initialise(&side->session);
	side->runner = (struct jst_runner){ .slot = 0, .tid = 1, .serial = 1 };
	jst_session_claim(&side->session, &side->runner);
	for (unsigned p = 0; p < PROBES; p++) {
		struct jst_binding *binding = &side->bindings[p];
		uint16_t clause[JST_MAX_CLAUSES];

		*binding = (struct jst_binding){ .probe = { .name = { probes[p], (uint32_t)strlen(probes[p]) }, .file = { "", 0 }, .fields = FIELDS }, .field = side->bound[p] };
		for (uint8_t i = 0; i < FIELDS; i++)
			binding->probe.field[i] = (struct jst_field){ .name = { fields[i].name, (uint32_t)strlen(fields[i].name) }, .type = (uint8_t)fields[i].type, .word = i };
		binding->prefix = jst_probe_prefix(binding->probe.name);
		binding->probename = jst_probe_last(binding->probe.name);
		jst_probe_bind_fields(program, &binding->probe, side->bound[p]);
		const uint32_t clauses = jst_probe_clauses(program, binding->probe.name, clause);

		side->plans[p] = malloc(jst_plan_size(program, clause, clauses) + 1);
		if (quick)
			jst_plan_make(program, binding, clause, clauses, side->plans[p]);
		else
			jst_plan_make_plain(program, binding, clause, clauses, side->plans[p]);
	}
}

static void close_side(struct side *side)
{
	for (unsigned p = 0; p < PROBES; p++)
		free(side->plans[p]);
	free(side->session.work);
	munmap(side->base, MEMORY);
}

/* A clock that stands still until it is set: a line without a slope. */
static void set_clock(struct side *side, int64_t ns)
{
	struct jst_clock_page *page = &side->session.memory.header->clock;
	const uint32_t index = atomic_load(&page->index) + 1;

	atomic_store(&page->scale[index & 1].ns, ns);
	atomic_store(&page->index, index);
}

static uint64_t state = 88172645463325252ULL;

static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int64_t any_id(void)
{
	static const int64_t odd[] = { 0, -1, INT64_MIN, INT64_MAX, 1 << 14, 1 << 20 };
	const uint64_t n = any();

	if (n % 16 == 0)
		return odd[n / 16 % (sizeof(odd) / sizeof(odd[0]))];
	if (n % 16 == 1)
		return (int64_t)jst_map_unsalted(0); /* the one that the one-word table cannot hold */
	if (n % 16 == 2)
		return (int64_t)(n >> 20 << 14); /* the same home as others */
	return (int64_t)(n / 16 % 40);
}

static void run_both(const char *script)
{
	static const char *const paths[] = { NULL, "", "/", "/api/users", "/a/path/that/is/longer/than/what/is/kept/of/a/string/in/this/session/by/far" };
	struct jst_program *program = program_of(script);
	struct side quick, plain;
	int64_t now = 1000;

	open_side(&quick, program, true);
	open_side(&plain, program, false);
	for (unsigned i = 0; i < EVENTS; i++) {
		const unsigned probe = any() % PROBES;
		const double ratio = (double)(any() % 1000) / 8;
		uint64_t words[FIELDS] = { (uint64_t)any_id(), 198 + any() % 6, (uint64_t)(uintptr_t)paths[any() % (sizeof(paths) / sizeof(paths[0]))], 0, any() % 3 ? any() % 100000 : any() };

		memcpy(&words[3], &ratio, sizeof(ratio));
		if (i % 3 == 0) {
			now += any() % 100 ? (int64_t)(any() % 1000000) : -50; /* a clock that goes back must do no harm, either */
			set_clock(&quick, now);
			set_clock(&plain, now);
		}
		jst_session_event(&quick.session, &quick.runner, &quick.bindings[probe], words);
		jst_session_event(&plain.session, &plain.runner, &plain.bindings[probe], words);
	}
	/* Events that no clause would do anything for are not entered at all. */
	atomic_store(&quick.session.memory.slots[0].inside, 0);
	ck_assert_uint_eq(atomic_load(&plain.session.memory.slots[0].inside) % 2, 0);
	atomic_store(&plain.session.memory.slots[0].inside, 0);
	if (memcmp(quick.base, plain.base, MEMORY) != 0) {
		size_t at = 0;

		while (quick.base[at] == plain.base[at])
			at++;
		ck_abort_msg("%s: they differ at byte %zu; the heap begins at %zu", script, at, (size_t)quick.session.memory.header->heap_offset);
	}
	close_side(&quick);
	close_side(&plain);
	free(program);
}

static const char *const scripts[] = {
	"request:end < @lat = hist(now - start[id]) >",
	"request:end < @lat = hist(now - start[id], 7) >",
	"request:end < @lat[status] = hist(now - start[id]) >",
	"request:end < @lat = quantiles(now - start[id]) >",
	"request:end < @a = avg(now - start[id]); @m = max(now - start[id]) >",
	"request:start < t[id] = now > request:end /t[id]/ < @ = hist((now - t[id]) / 1000); delete(t[id]) >",
	"request:start < t[id] = now; t[status] = now > request:end < @ = hist(now - t[status]); delete(t[id]) >",
	"request:start < t[id] = status > request:end < @ = sum(t[id]); t[id] = nil >",
	"request:start < t[id] = path > request:end < @[t[id]] = count() >",
	"* < @ = count() >",
	"request:end < @ = rate() >",
	"request:end < @[status] = count() >",
	"request:end < @[id] = count() >",
	"request:end < @a[id] = count(); @b[id] = count(); @c[size] = count() >",
	"request:end < @[path] = count(); @b[path] = hist(id); @c[path, status] = sum(id) >",
	"request:end < @[path] = count() > request:start < @b[path] = sum(id) > * < @c[path] = hist(size) >",
	"request:end < @[path] = min(id) > request:start < @b[path] = max(id) > * < @c[path] = avg(size) > * < @d[path] = quantiles(status) >",
	"request:end < @[status] = sum(id) > request:start < @b[id] = max(status) > * < @c[status] = hist(size, 6) > * /status > 200/ < @d[id] = avg(size) >",
	"request:end < @ = sum(id) > request:start < @b = min(size) > * < @c = avg(size) > * < @d = max(id) >",
	"request:end < @ = sum(ratio) > request:start < @ = sum(id) > request:start < @b = max(id) > request:end < @b = max(ratio) >",
	"request:end < @ = hist(id) >",
	"request:end < @ = hist(size) >",
	"request:end < @ = hist(id, exemplar: path) >",
	"request:end < @ = hist(ratio); @b = avg(ratio); @c = stats(ratio) >",
	"request:end < @ = hist(nothing); @b[nothing] = count() >",
	"request:end /status == 200/ < @ = count() >",
	"request:end /status != 200/ < @[id] = count() >",
	"request:end /status < 200/ < @ = hist(id) >",
	"request:end /status <= 200/ < @ = count() >",
	"request:end /status > 200/ < @ = count() >",
	"request:end /200 <= status/ < @ = count() >",
	"request:end /200 > status/ < @ = count() >",
	"request:end /!(status == 200)/ < @ = count() >",
	"request:end /status/ < @ = count() > request:end /id/ < @b = count() > request:end /!id/ < @c = count() >",
	"request:end /id == -1/ < @ = count() > request:end /id < 0/ < @b = count() > request:end /id >= -2147483648/ < @c = count() >",
	"request:end /status == 200 && id/ < @q = hist(now - start[id]) >",
	"request:end /status == 200 || id == 7/ < @q = count() >",
	"request:end /path/ < @ = count() > request:end /path == \"/\"/ < @b = count() >",
	"request:end < n++; total += id; both += ratio; text += path > request:start /n > 100/ < n = 0; total -= status >",
	"request:end < total += id; total += ratio > request:start /id == 7/ < total = nil >",
	"request:end /id == 13/ < n++; @ = max(n) > request:end /n == 20/ < exit(3) >",
	"request:end < printf(\"%d %s\\n\", id, path) >",
	"request:end { if (id % 2) { emit; } else { @ = count(); } }",
	"request:end { $i = 0; while ($i < status % 5) { @[$i] = count(); $i++; } }",
	"request:start < self.t = now > request:end /self.t/ < @ = hist(now - self.t); self.t = nil >",
	"request:end { speculate(id); emit; } request:start /status > 200/ { commit(id); } request:start /status < 200/ { discard(id); }",
};

START_TEST(quick_is_as_plain)
{
	run_both(scripts[_i]);
}
END_TEST

/* What the plan of the only clause at request:end is. */
static struct jst_plan plan_of(const char *script, uint32_t *flags)
{
	struct jst_program *program = program_of(script);
	struct side side;

	open_side(&side, program, true);
	const struct jst_plan plan = side.bindings[1].plan[0];

	*flags = side.bindings[1].flags;
	close_side(&side);
	free(program);
	return plan;
}

START_TEST(what_scripts_are_full_of_has_shortcuts)
{
	static const struct { const char *script; enum jst_shortcut shortcut; uint32_t flags; } rows[] = {
		{ "request:end < @lat = hist(now - start[id]) >", JST_SHORTCUT_SINCE_HIST, JST_BINDING_CLOCK | JST_BINDING_ENDS },
		{ "request:end < t[id] = now >", JST_SHORTCUT_PUT_NOW, JST_BINDING_CLOCK | JST_BINDING_STARTS },
		{ "request:end < @ = count() >", JST_SHORTCUT_COUNT, JST_BINDING_LEAF },
		{ "request:end /status >= 500/ < @ = count() >", JST_SHORTCUT_COUNT, JST_BINDING_GUARDED | JST_BINDING_LEAF },
		{ "request:end /status >= 500/ < @[path] = stats(status) >", JST_SHORTCUT_NONE, JST_BINDING_GUARDED | JST_BINDING_DOUBLES },
		{ "request:end < @[status] = count() >", JST_SHORTCUT_COUNT_BY, JST_BINDING_LEAF },
		{ "request:end < @[status] = sum(size) >", JST_SHORTCUT_UPDATE, JST_BINDING_UPDATES },
		{ "request:end < @ = max(size) >", JST_SHORTCUT_UPDATE, JST_BINDING_UPDATES },
		{ "request:end < @[path] = hist(size) >", JST_SHORTCUT_UPDATE, JST_BINDING_UPDATES },
		{ "request:end < @[path] = hist(size, exemplar: path) >", JST_SHORTCUT_NONE, JST_BINDING_CLOCK },
		{ "request:end < @[path, status] = sum(size) >", JST_SHORTCUT_NONE, 0 },
		{ "request:end < @ = hist(size) >", JST_SHORTCUT_HIST, 0 },
		{ "request:end < @ = hist(ratio) >", JST_SHORTCUT_NONE, JST_BINDING_DOUBLES },
		{ "request:end < @ = count(); @b = count() >", JST_SHORTCUT_NONE, 0 },
		{ "request:end < @[path] = count() >", JST_SHORTCUT_UPDATE, JST_BINDING_UPDATES },
		{ "request:end < @ = stats(id) >", JST_SHORTCUT_NONE, JST_BINDING_DOUBLES },
		{ "request:end /path/ < @ = count() >", JST_SHORTCUT_NONE, 0 },
		{ "request:end { emit; }", JST_SHORTCUT_NONE, JST_BINDING_CLOCK | JST_BINDING_DOUBLES },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t flags;
		const struct jst_plan plan = plan_of(rows[i].script, &flags);

		ck_assert_msg(plan.shortcut == rows[i].shortcut, "%s: shortcut %d", rows[i].script, plan.shortcut);
		ck_assert_msg(flags == rows[i].flags, "%s: flags %u", rows[i].script, flags);
	}
}
END_TEST

/* A string that no NUL ends, up to memory that nobody may read: the clause is over when its budget is, and what is kept of it is cut. */
START_TEST(a_string_without_an_end_is_not_followed)
{
	static const struct { const char *script; enum jst_loss loss; } rows[] = {
		{ "request:end < @[path] = count() >", JST_LOSS_BUDGET },
		{ "request:end /strlen(path) > 5/ < @ = count() >", JST_LOSS_BUDGET },
		{ "request:end < @[path, id] = count() >", JST_LOSS_BUDGET },
		{ "request:end { emit; }", JST_LOSS_STRINGS },
	};
	enum { TEXT = BUDGET * 16 + 4096 - BUDGET * 16 % 4096 + 4096 };
	char *text = mmap(NULL, TEXT + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(text, MAP_FAILED);
	memset(text, 'x', TEXT);
	ck_assert_int_eq(mprotect(text + TEXT, 4096, PROT_NONE), 0);
	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct jst_program *program = program_of(rows[i / 2].script);
		const uint64_t words[FIELDS] = { 1, 200, (uint64_t)(uintptr_t)text };
		struct side side;

		open_side(&side, program, i % 2);
		for (int event = 0; event < 3; event++)
			jst_session_event(&side.session, &side.runner, &side.bindings[1], words);
		ck_assert_msg(atomic_load(&side.session.memory.slots[0].losses[rows[i / 2].loss]) == 3, "%s: %d", rows[i / 2].script, (int)atomic_load(&side.session.memory.slots[0].losses[rows[i / 2].loss]));
		close_side(&side);
		free(program);
	}
	munmap(text, TEXT + 4096);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *same = tcase_create("quick and plain"), *shape = tcase_create("shapes");

	tcase_add_test(shape, a_string_without_an_end_is_not_followed);
	tcase_set_timeout(same, 60);
	tcase_add_loop_test(same, quick_is_as_plain, 0, sizeof(scripts) / sizeof(scripts[0]));
	tcase_add_test(shape, what_scripts_are_full_of_has_shortcuts);
	suite_add_tcase(suite, same);
	suite_add_tcase(suite, shape);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
