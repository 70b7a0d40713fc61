/* See guarded.h. */
#include "guarded.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "map_inline.h"
#include "plan.h"
#include "session.h"
#include "verify.h"
#include "vm.h"

#if defined(__SANITIZE_ADDRESS__)
#define POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON 1
#endif
#endif
#ifdef POISON
#include <sanitizer/asan_interface.h>
#endif

enum { PAGE = 4096, PROBES = 2, FIELDS = 9, WORDS = FIELDS + 1, MEMORY = 10 << 20, STRINGS = 64, RING = 16384, RING_FIRST = 4096, EVENTS = 24, MANY_EVENTS = 1500, PLANS = 256 << 10 };

static const struct { const char *name; enum jst_field_type type; } fields[FIELDS] = {
	{ "id", JST_FIELD_INT }, { "status", JST_FIELD_INT }, { "path", JST_FIELD_STRING }, { "ratio", JST_FIELD_DOUBLE }, { "size", JST_FIELD_UINT },
	{ "ok", JST_FIELD_BOOL }, { "at", JST_FIELD_POINTER }, { "raw", JST_FIELD_BYTES }, { "nothing", JST_FIELD_ABSENT },
};
static const char *const probes[PROBES] = { "request:start", "request:end" };

/* One of the two ways. */
struct side {
	struct jst_session session;
	struct jst_runner runner;
	struct jst_binding bindings[PROBES];
	struct jst_field_binding bound[PROBES][JST_MAX_FIELDS];
	unsigned char *plans_end[PROBES];
	unsigned char *base;
};

/* No clause that is made quick may be longer than the smallest: where its guard does not hold, it is not even looked at. */
static const uint32_t budgets[] = { 3000, JST_PLAN_COPY, 100, 500 };
static struct side sides[2];
static _Atomic uint64_t *tails_end;
static unsigned char *program_end, *words_end, *scratch;

unsigned char *guarded_memory(size_t size)
{
	const size_t inside = (size + PAGE - 1) / PAGE * PAGE;
	unsigned char *all = mmap(NULL, inside + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED || mprotect(all + PAGE, inside, PROT_READ | PROT_WRITE))
		fuzz_fail("no memory");
	return all + PAGE + inside - size;
}

/* For stack(): a frame, whose address is a word that lies somewhere. */
static const struct jst_frame frame = { .frame = 0, .address = 0x401000 };
static const struct jst_frame *const word_of_frame = &frame;
static _Atomic uintptr_t event_frame;

void guarded_begin(void)
{
	const uint32_t work_size = jst_session_work_size(STRINGS);
	cpu_set_t cpu;

	/* Two runs of one event read the number of the CPU. */
	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	program_end = guarded_memory(JST_PROGRAM_MAX_SIZE) + JST_PROGRAM_MAX_SIZE;
	words_end = guarded_memory(PAGE) + PAGE;
	scratch = guarded_memory(JST_VERIFY_SCRATCH);
	tails_end = (_Atomic uint64_t *)(void *)(guarded_memory(PAGE) + PAGE);
	event_frame = (uintptr_t)&word_of_frame;
	for (int i = 0; i < 2; i++) {
		sides[i].base = guarded_memory(MEMORY);
		sides[i].session.work = guarded_memory(work_size);
		for (int p = 0; p < PROBES; p++)
			sides[i].plans_end[p] = guarded_memory(PLANS) + PLANS;
	}
}

void *guarded_copy(const void *bytes, size_t size)
{
	unsigned char *copy = program_end - (size + 7) / 8 * 8;

	if (size > JST_PROGRAM_MAX_SIZE)
		fuzz_fail("a program of %zu bytes", size);
#ifdef POISON
	__asan_unpoison_memory_region(program_end - JST_PROGRAM_MAX_SIZE, JST_PROGRAM_MAX_SIZE);
	__asan_poison_memory_region(program_end - JST_PROGRAM_MAX_SIZE, (size_t)(copy - (program_end - JST_PROGRAM_MAX_SIZE)));
#endif
	memcpy(copy, bytes, size);
	return copy;
}

bool guarded_verify(const void *program, size_t size)
{
	struct jst_verify_error error;

	if (jst_verify(program, size, scratch, JST_VERIFY_SCRATCH, &error))
		return true;
	if (!error.reason[0] || !memchr(error.reason, '\0', sizeof(error.reason)))
		fuzz_fail("a refusal without a reason");
	return false;
}

/* ---- what reads aggregations: a program of the CLI's ---- */

static struct jst_value value_of(void *context, uint32_t aggregation, const struct jst_value *keys)
{
	(void)context;
	return keys && aggregation % 3 == 2 ? jst_value_string("last", 4) : aggregation % 3 ? jst_value_double(0.5) : jst_value_int(7);
}

static struct jst_value quantile_of(void *context, uint32_t aggregation, const struct jst_value *keys, double q, uint32_t *cost)
{
	(void)context;
	(void)keys;
	if (!(q >= 0 && q <= 1))
		fuzz_fail("a quantile that is none");
	*cost = aggregation;
	return jst_value_double(q);
}

static uint32_t count_of(void *context, uint32_t aggregation)
{
	(void)context;
	return aggregation % 3;
}

static bool keys_at(void *context, uint32_t aggregation, int64_t rank, struct jst_value *keys)
{
	const struct jst_program *program = context;
	const uint32_t count = jst_program_aggregation(program, (int32_t)aggregation)->keys;

	if (rank < 0 || rank >= aggregation % 3)
		return false;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = i % 2 ? jst_value_int(rank) : jst_value_string("key", 3);
	return true;
}

static void drain(void *context)
{
	(void)context;
}

static struct jst_host host = { .value = value_of, .quantile = quantile_of, .count = count_of, .keys = keys_at, .drain = drain };

/* ---- the two sides ---- */

static void bind(struct side *side, unsigned p, uint64_t seed, bool quick)
{
	const struct jst_program *program = side->session.program;
	struct jst_binding *binding = &side->bindings[p];
	uint16_t clause[JST_MAX_CLAUSES];
	uint8_t word = 0;

	*binding = (struct jst_binding){ .probe = { .name = { probes[p], (uint32_t)strlen(probes[p]) }, .file = { "server.c", 8 }, .line = 42, .fields = FIELDS }, .field = side->bound[p] };
	for (uint8_t i = 0; i < FIELDS; i++) {
		binding->probe.field[i] = (struct jst_field){ .name = { fields[i].name, (uint32_t)strlen(fields[i].name) }, .type = (uint8_t)fields[i].type, .word = word };
		word = (uint8_t)(word + (fields[i].type == JST_FIELD_BYTES) + 1);
	}
	binding->prefix = jst_probe_prefix(binding->probe.name);
	binding->probename = jst_probe_last(binding->probe.name);
	jst_probe_bind_fields(program, &binding->probe, side->bound[p]);
	/* Fields that the probe does not have are mostly others that it has. */
	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_FIELDS); i++) {
		const struct jst_field *field = &binding->probe.field[(i + seed) % FIELDS];

		if (side->bound[p][i].type == JST_FIELD_ABSENT)
			side->bound[p][i] = (struct jst_field_binding){ .type = field->type, .word = field->word };
	}
	binding->site = jst_site_write(&side->session.memory, &binding->probe);

	const uint32_t clauses = jst_probe_clauses(program, binding->probe.name, clause);
	const size_t size = jst_plan_size(program, clause, clauses);

	if (size > jst_plan_most(program) || size > PLANS)
		fuzz_fail("plans of %zu bytes, where %zu are the most", size, jst_plan_most(program));
	if (quick)
		jst_plan_make(program, binding, clause, clauses, side->plans_end[p] - size);
	else
		jst_plan_make_plain(program, binding, clause, clauses, (struct jst_plan *)(void *)side->plans_end[p] - clauses);
}

/* What the last program used is zeroed, which takes less time than new pages do. */
static void wipe(struct side *side)
{
	const uint64_t used = atomic_load(&((struct jst_memory_header *)(void *)side->base)->heap_used);

	memset(side->base, 0, JST_SLOTS_OFFSET + sizeof(struct jst_slot));
	if (used > JST_MAPS_OFFSET)
		memset(side->base + JST_MAPS_OFFSET, 0, (used < MEMORY ? used : MEMORY) - JST_MAPS_OFFSET);
	memset(side->session.work, 0, jst_session_work_size(STRINGS));
}

static bool open_side(struct side *side, const struct jst_program *program, uint64_t seed, bool quick)
{
	const struct jst_memory_options options = { .size = MEMORY, .string_size = STRINGS, .ring_size = RING, .ring_first = seed & 1 ? RING_FIRST : 0 };
	unsigned char *work = side->session.work;

	wipe(side);
	if (!jst_memory_init(&side->session.memory, side->base, program, &options))
		return false;
	side->session.program = program;
	side->session.work = work;
	side->session.work_size = jst_session_work_size(STRINGS);
	side->session.string_size = STRINGS;
	side->session.budget = budgets[seed / 16 % 4];
	side->session.tails = tails_end - 1;
	side->session.host = program->flags & JST_PROGRAM_READS ? &host : NULL;
	jst_session_initialise(&side->session);
	side->runner = (struct jst_runner){ .slot = 0, .tid = 1, .serial = 1, .frame = &event_frame };
	jst_session_claim(&side->session, &side->runner);
	for (unsigned p = 0; p < PROBES; p++)
		bind(side, p, seed, quick);
	return true;
}

/* A clock that stands still until it is set: a line without a slope. */
static void set_clock(struct side *side, int64_t ns)
{
	struct jst_clock_page *page = &side->session.memory.header->clock;
	const uint32_t index = atomic_load(&page->index) + 1;

	atomic_store(&page->scale[index & 1].ns, ns);
	atomic_store(&page->scale[index & 1].wall, 1700000000000000000);
	atomic_store(&page->index, index);
}

/* As the agent does it: what was closed is given back, the old bank is closed, the other one written. */
static void flip(struct side *side)
{
	struct jst_memory *memory = &side->session.memory;
	struct jst_slot *slot = &memory->slots[0];
	const uint32_t old = atomic_load(&memory->header->generation);

	for (int b = 0; b < JST_BANKS; b++)
		if (atomic_load(&slot->banks[b].state) == JST_BANK_CLOSED)
			jst_memory_recycle(memory, &slot->banks[b], old + 1);
	atomic_store(&memory->header->generation, old + 1);
	if (atomic_load(&slot->banks[old & 1].generation) == old)
		atomic_store(&slot->banks[old & 1].state, JST_BANK_CLOSED);
}

/* What a reader tells of its place in the ring, which need not make sense. */
static void move_tail(uint64_t *state)
{
	const uint64_t n = fuzz_random(state);

	if (n % 8 == 0)
		atomic_store(tails_end - 1, n);
	else if (n % 8 < 6)
		atomic_store(tails_end - 1, atomic_load(tails_end - 1) + n / 8 % 64 * 8);
}

/* ---- events ---- */

static int64_t any_integer(uint64_t *state, bool wide)
{
	static const int64_t odd[] = { 0, -1, INT64_MIN, INT64_MAX, 1 << 14, 1 << 20, 200, 404, 500 };
	const uint64_t n = fuzz_random(state);

	if (n % 4 == 0)
		return odd[n / 16 % (sizeof(odd) / sizeof(odd[0]))];
	if (n % 16 == 1)
		return (int64_t)jst_map_unsalted(0); /* the one that the one-word table cannot hold */
	if (n % 16 == 2)
		return (int64_t)n;
	return (int64_t)(n / 16 % (wide ? 4096 : 12));
}

static double any_double(uint64_t *state)
{
	static const double odd[] = { 0, -0.0, 1, 0.5, -2.25, 1e300, 1e-320, 9223372036854775808.0 };
	const uint64_t n = fuzz_random(state);
	double d = odd[n / 8 % (sizeof(odd) / sizeof(odd[0]))];

	if (n % 8 == 0)
		memcpy(&d, &n, sizeof(d)); /* infinite, or no number, too */
	return d;
}

/* A text, and bytes without an end, each before the page that nobody may touch; then the words before them. */
static uint64_t *make_words(uint64_t *state, bool wide)
{
	static const char *const texts[] = { "", "/", "/api/users", "12", "0x1f.5", " a b\t", "a/path/that/is/longer/than/what/is/kept/of/a/string/in/this/session/by/far", "\xff\xc0" };
	const char *text = texts[fuzz_random(state) % 8];
	const size_t length = strlen(text), odd = fuzz_random(state) % 80;
	static unsigned char *text_end, *bytes_end;

	if (!text_end) {
		text_end = guarded_memory(PAGE) + PAGE;
		bytes_end = guarded_memory(PAGE) + PAGE;
	}
	memcpy(text_end - length - 1, text, length + 1);
	for (size_t i = 0; i < odd; i++)
		bytes_end[-1 - (ptrdiff_t)i] = (unsigned char)fuzz_random(state);

	uint64_t *words = (uint64_t *)(void *)words_end - WORDS;
	const double ratio = any_double(state);

	words[0] = (uint64_t)any_integer(state, wide);
	words[1] = (uint64_t)any_integer(state, wide);
	words[2] = fuzz_random(state) % 8 ? (uint64_t)(uintptr_t)(text_end - length - 1) : 0;
	memcpy(&words[3], &ratio, sizeof(ratio));
	words[4] = (uint64_t)any_integer(state, wide);
	words[5] = fuzz_random(state) & 1;
	words[6] = fuzz_random(state);
	words[7] = (uint64_t)(uintptr_t)(bytes_end - odd);
	words[8] = odd;
	words[9] = 0;
	return words;
}

static void print_program(const struct jst_program *program)
{
	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);

	for (uint32_t c = 0; c < jst_program_count(program, JST_SECTION_CLAUSES); c++) {
		const struct jst_insn *code = (const struct jst_insn *)jst_program_section(program, JST_SECTION_CODE) + clauses[c].first_insn;

		fprintf(stderr, "clause %u:\n", c);
		for (uint32_t i = 0; i < clauses[c].insns; i++) {
			char text[256];

			jst_disassemble(program, text, sizeof(text), &code[i], i);
			fprintf(stderr, "    %3u  %s\n", i, text);
		}
	}
}

static void compare(const struct side *plain, const struct side *quick, const struct jst_program *program)
{
	const uint64_t used = atomic_load(&plain->session.memory.header->heap_used);
	const size_t end = used < MEMORY ? (size_t)used : MEMORY;

	/* Events that no clause would do anything for are not entered at all. */
	atomic_store(&plain->session.memory.slots[0].inside, 0);
	atomic_store(&quick->session.memory.slots[0].inside, 0);
	for (size_t at = 0; at < end; at = at < JST_SLOTS_OFFSET + sizeof(struct jst_slot) ? at + 8 : at + 8 < JST_MAPS_OFFSET ? JST_MAPS_OFFSET : at + 8) {
		const uint64_t *a = (const uint64_t *)(const void *)(plain->base + at), *b = (const uint64_t *)(const void *)(quick->base + at);

		/* The value of an entry of a table of words that has no key may be what an earlier one left there. */
		if (*a == *b || (at % 16 == 8 && at > JST_MAPS_OFFSET && !a[-1] && !b[-1]))
			continue;
		print_program(program);
		fuzz_fail("quick instructions leave something else at byte %zu (the heap begins at %zu) for a program of %u bytes", at, (size_t)plain->session.memory.header->heap_offset, program->size);
	}
}

bool guarded_run(const struct jst_program *program, uint64_t seed)
{
	const bool many = seed % 16 == 15; /* so many keys that tables grow */
	uint64_t state = fuzz_seed(seed);
	int64_t now = 1000;

	host.context = (void *)(uintptr_t)program;
	atomic_store(tails_end - 1, 0);
	for (int i = 0; i < 2; i++)
		if (!open_side(&sides[i], program, seed, i == 1))
			return false;
	for (unsigned i = 0; i < (many ? MANY_EVENTS : EVENTS); i++) {
		const uint64_t *words = make_words(&state, many);
		const unsigned probe = fuzz_random(&state) % PROBES;

		if (i % 3 == 0)
			now += fuzz_random(&state) % 10 ? (int64_t)(fuzz_random(&state) % 1000000) : -50; /* a clock that goes back must do no harm, either */
		move_tail(&state);
		for (int s = 0; s < 2; s++) {
			struct side *side = &sides[s];

			if (i % 3 == 0)
				set_clock(side, now);
			if (i % 7 == 6)
				flip(side);
			jst_session_event(&side->session, &side->runner, &side->bindings[probe], words);
		}
	}
	/* Clauses without a pattern are run by their index, and never quick. */
	for (uint32_t c = 0; c < jst_program_count(program, JST_SECTION_CLAUSES) && c < EVENTS; c++) {
		const struct jst_clause_decl *clause = (const struct jst_clause_decl *)jst_program_section(program, JST_SECTION_CLAUSES) + c;

		if (clause->patterns)
			continue;
		for (int s = 0; s < 2; s++)
			jst_session_clause(&sides[s].session, &sides[s].runner, &sides[s].bindings[1], (const uint64_t *)(void *)words_end - WORDS, c);
	}
	compare(&sides[0], &sides[1], program);
	return true;
}
