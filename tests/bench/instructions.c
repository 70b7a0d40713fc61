/*
 * One workload's events in a session, for callgrind to count: instructions WORKLOAD EVENTS. Nothing else happens between jst_session_event()'s entry and its end, and the same in each run, so that the count repeats exactly.
 *
 * Without arguments it prints the names of the workloads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "builder.h"
#include "compile.h"
#include "plan.h"
#include "session.h"
#include "verify.h"

enum { KEYS = 200, IDS = 1024, MEMORY = 64 << 20, STRINGS = 1024, RING = 1 << 20 };

/* An event of each probe in turn; a probe has the fields id, status and path. */
static const struct workload {
	const char *name, *script;
	const char *probes[2];
} workloads[] = {
	{ "false-predicate", "request:end /status >= 1000/ < @n = count() >", { "request:end" } },
	{ "count", "request:end < @n = count() >", { "request:end" } },
	{ "count-by-integer", "request:end < @n[status] = count() >", { "request:end" } },
	{ "sum-by-string", "request:end < @n[path] = sum(id) >", { "request:end" } },
	{ "hist-by-string", "request:end < @n[path] = hist(id) >", { "request:end" } },
	{ "latency-pair", "request:end < @lat = hist(now - start[id]) >", { "request:start", "request:end" } },
	{ "printf", "request:end < printf(\"%d %d\\n\", id, status) >", { "request:end" } },
	{ "emit", "request:end { emit; }", { "request:end" } },
	{ "two-clauses", "request:end < @a[status] = count() > request:end < @b = max(id) >", { "request:end" } },
	{ "variable", "request:end < total += id >", { "request:end" } },
};

struct fixture {
	struct jst_session session;
	struct jst_runner runner;
	struct jst_binding bindings[2];
	struct jst_field_binding fields[2][JST_MAX_FIELDS];
	char paths[KEYS][16];
};

static struct jst_program *program_of(const char *script)
{
	static uint64_t scratch[JST_VERIFY_SCRATCH / sizeof(uint64_t)];
	const struct compile_options options = { .file = "workload" };
	struct compiled *compiled = compile(script, strlen(script), &options);
	struct jst_verify_error error;
	const char *limit = NULL;

	if (compiled->errors) {
		compiled_report(compiled, stderr);
		exit(1);
	}
	struct jst_program *program = jst_builder_finish(compiled->target, &limit);

	compiled_free(compiled);
	if (!program || !jst_verify(program, program->size, scratch, JST_VERIFY_SCRATCH, &error)) {
		fprintf(stderr, "the program is refused\n");
		exit(1);
	}
	return program;
}

static void bind(struct fixture *fixture, unsigned index, const char *name)
{
	static const struct { const char *name; enum jst_field_type type; } fields[] = { { "id", JST_FIELD_INT }, { "status", JST_FIELD_INT }, { "path", JST_FIELD_STRING } };
	const struct jst_program *program = fixture->session.program;
	struct jst_binding *binding = &fixture->bindings[index];
	uint16_t clause[JST_MAX_CLAUSES];

	*binding = (struct jst_binding){ .probe = { .name = { name, (uint32_t)strlen(name) }, .file = { "", 0 }, .fields = 3 } };
	for (unsigned i = 0; i < 3; i++)
		binding->probe.field[i] = (struct jst_field){ .name = { fields[i].name, (uint32_t)strlen(fields[i].name) }, .type = (uint8_t)fields[i].type, .word = (uint8_t)i };
	binding->prefix = jst_probe_prefix(binding->probe.name);
	binding->probename = jst_probe_last(binding->probe.name);
	jst_probe_bind_fields(program, &binding->probe, fixture->fields[index]);
	binding->field = fixture->fields[index];
	const uint32_t clauses = jst_probe_clauses(program, binding->probe.name, clause);
	void *room = malloc(jst_plan_size(program, clause, clauses));

	if (!room)
		exit(1);
	jst_plan_make(program, binding, clause, clauses, room);
}

static void make(struct fixture *fixture, const struct workload *workload)
{
	struct jst_session *session = &fixture->session;
	const struct jst_memory_options options = { .size = MEMORY, .string_size = STRINGS, .ring_size = RING };
	void *base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*session = (struct jst_session){ .program = program_of(workload->script), .string_size = STRINGS, .budget = 10000, .work_size = jst_session_work_size(STRINGS) };
	session->work = aligned_alloc(64, (size_t)session->work_size * 2);
	if (session->work)
		memset(session->work, 0, (size_t)session->work_size * 2);
	if (base == MAP_FAILED || !session->work || !jst_memory_init(&session->memory, base, session->program, &options))
		exit(1);
	jst_session_initialise(session);
	/* The clock is the counter, as where a target has one that it can use. */
	struct jst_clock_page *clock = &session->memory.header->clock;
	atomic_store(&clock->scale[1].mult, UINT64_C(1) << 31);
	atomic_store(&clock->index, 1);
	fixture->runner = (struct jst_runner){ .slot = 1, .tid = 1, .serial = 1 };
	jst_session_claim(session, &fixture->runner);
	for (unsigned i = 0; i < 2 && workload->probes[i]; i++)
		bind(fixture, i, workload->probes[i]);
	for (unsigned i = 0; i < KEYS; i++)
		snprintf(fixture->paths[i], sizeof(fixture->paths[i]), "/api/path/%u", i);
}

int main(int argc, char **argv)
{
	static struct fixture fixture;
	const size_t count = sizeof(workloads) / sizeof(workloads[0]);
	const struct workload *workload = NULL;

	if (argc < 3) {
		for (size_t i = 0; i < count; i++)
			puts(workloads[i].name);
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		if (strcmp(workloads[i].name, argv[1]) == 0)
			workload = &workloads[i];
	if (!workload) {
		fprintf(stderr, "there is no workload '%s'\n", argv[1]);
		return 2;
	}
	make(&fixture, workload);
	for (long i = 0; i < atol(argv[2]); i++) {
		const unsigned probe = workload->probes[1] ? (unsigned)i & 1 : 0;
		const uint64_t turn = (uint64_t)i >> (workload->probes[1] ? 1 : 0);
		const uint64_t words[3] = { turn % IDS, 200 + turn % 5, (uint64_t)(uintptr_t)fixture.paths[turn % KEYS] };

		jst_session_event(&fixture.session, &fixture.runner, &fixture.bindings[probe], words);
	}
	return 0;
}
