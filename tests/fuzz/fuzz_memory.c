/*
 * A session's memory that a hostile target has written to, and goes on writing to, while the CLI reads, merges and prints: aggregations, rings, open spans, losses.
 *
 *     input: the script, how to read, then writes: where, 3 bytes; what, 1 byte; a number, 4 bytes
 *
 * The memory is as real events left it, in three slots and two generations. The writes are done before it is read; a thread makes more of the kind meanwhile, if the input says so. The reader maps it read-only, between pages that
 * nobody may touch. What is printed must have nothing that a terminal would obey, or be JSON.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder.h"
#include "fuzz.h"
#include "gather.h"
#include "messages.h"
#include "open.h"
#include "overhead.h"
#include "plan.h"
#include "printed.h"
#include "report.h"
#include "results.h"
#include "session.h"

enum { MEMORY = 6 << 20, RING = 16384, RING_FIRST = 4096, STRINGS = 64, SCRIPTS = 64, SLOTS = 3, EVENTS = 60, WRITES = 64, PAGE = 4096, FIELDS = 5 };
enum { HOW_CONCURRENT = 1, HOW_JSON = 2, HOW_CLOSED = 4, HOW_REST = 8, HOW_DEAD = 16, HOW_NAMED = 32, HOW_QUIET = 64 };

/* What a script's events left. */
struct left {
	struct compiled *compiled;
	unsigned char *bytes;       /* all that is used: the rest is zero */
	uint64_t used;
	uint32_t *words, count;     /* offsets of those that are not zero, which are worth to be changed */
};

static struct left lefts[SCRIPTS];
static unsigned left_count;
static unsigned char *writable;
static const unsigned char *readable;
static struct target target;
static unsigned long read_well, read_badly;

/* ---- an honest session ---- */

static const struct { const char *name; enum jst_field_type type; } fields[FIELDS] = {
	{ "id", JST_FIELD_INT }, { "status", JST_FIELD_INT }, { "path", JST_FIELD_STRING }, { "ratio", JST_FIELD_DOUBLE }, { "size", JST_FIELD_UINT },
};
static const char *const probes[2] = { "request:start", "request:end" };

struct honest {
	struct jst_session session;
	struct jst_binding bindings[2];
	struct jst_field_binding bound[2][JST_MAX_FIELDS];
	struct jst_plan *plans[2];
	struct jst_runner runners[SLOTS];
};

static void bind_probe(struct honest *honest, unsigned p)
{
	const struct jst_program *program = honest->session.program;
	struct jst_binding *binding = &honest->bindings[p];
	uint16_t clause[JST_MAX_CLAUSES];

	binding->probe = (struct jst_probe){ .name = { probes[p], (uint32_t)strlen(probes[p]) }, .file = { "a.c", 3 }, .line = 1, .fields = FIELDS };
	for (uint8_t i = 0; i < FIELDS; i++)
		binding->probe.field[i] = (struct jst_field){ .name = { fields[i].name, (uint32_t)strlen(fields[i].name) }, .type = (uint8_t)fields[i].type, .word = i };
	binding->field = honest->bound[p];
	binding->prefix = jst_probe_prefix(binding->probe.name);
	binding->probename = jst_probe_last(binding->probe.name);
	jst_probe_bind_fields(program, &binding->probe, honest->bound[p]);
	binding->site = jst_site_write(&honest->session.memory, &binding->probe);
	const uint32_t clauses = jst_probe_clauses(program, binding->probe.name, clause);

	honest->plans[p] = malloc(jst_plan_size(program, clause, clauses) + 1);
	jst_plan_make(program, binding, clause, clauses, honest->plans[p]);
}

/* As the agent does it: the old banks are closed, the others written. */
static void flip(struct jst_memory *memory)
{
	const uint32_t old = atomic_fetch_add(&memory->header->generation, 1);

	for (int i = 0; i < SLOTS; i++)
		atomic_store(&memory->slots[i].banks[old & 1].state, JST_BANK_CLOSED);
}

static void run_events(struct honest *honest)
{
	static const char *const paths[] = { "/", "/api/users", "\x1b[2J", NULL };
	uint64_t state = fuzz_seed(7);
	struct jst_clock_page *page = &honest->session.memory.header->clock;

	for (int i = 0; i < EVENTS; i++) {
		const double ratio = i / 4.0;
		uint64_t words[FIELDS] = { fuzz_random(&state) % 6, 200 + fuzz_random(&state) % 4 * 100, (uint64_t)(uintptr_t)paths[fuzz_random(&state) % 4], 0, fuzz_random(&state) % 5000 };

		memcpy(&words[3], &ratio, sizeof(ratio));
		atomic_store(&page->scale[(i + 1) & 1].ns, 1000 * i);
		atomic_store(&page->index, (uint32_t)i + 1);
		jst_session_event(&honest->session, &honest->runners[i % SLOTS], &honest->bindings[i / SLOTS % 2], words);
		if (i == EVENTS / 2)
			flip(&honest->session.memory);
	}
}

static void keep(struct left *left)
{
	const struct jst_memory_header *header = (const struct jst_memory_header *)(void *)writable;

	left->used = atomic_load(&header->heap_used) < MEMORY ? atomic_load(&header->heap_used) : MEMORY;
	left->bytes = malloc(left->used);
	left->words = malloc(left->used / 8 * sizeof(*left->words));
	if (!left->bytes || !left->words)
		abort();
	memcpy(left->bytes, writable, left->used);
	for (uint32_t at = 0; at + 8 <= left->used; at += 8)
		if (memcmp(left->bytes + at, "\0\0\0\0\0\0\0", 8))
			left->words[left->count++] = at;
}

static void wipe(uint64_t used)
{
	memset(writable, 0, JST_SLOTS_OFFSET + SLOTS * sizeof(struct jst_slot));
	if (used > JST_MAPS_OFFSET)
		memset(writable + JST_MAPS_OFFSET, 0, used - JST_MAPS_OFFSET);
}

/* Of a script that has a program for targets. */
static void make_left(const char *script)
{
	const struct compile_options options = { .file = "script" };
	const struct jst_memory_options memory = { .size = MEMORY, .string_size = STRINGS, .ring_size = RING, .ring_first = RING_FIRST };
	struct left *left = &lefts[left_count];
	struct honest honest = { .session = { .string_size = STRINGS, .budget = 10000, .work_size = jst_session_work_size(STRINGS) } };
	const char *limit;

	left->compiled = compile(script, strlen(script), &options);
	if (left->compiled->errors || !left->compiled->target_clauses) {
		compiled_free(left->compiled);
		return;
	}
	struct jst_program *program = jst_builder_finish(left->compiled->target, &limit);

	honest.session.program = program;
	honest.session.work = aligned_alloc(64, (SLOTS * honest.session.work_size + 63) / 64 * 64);
	memset(honest.session.work, 0, SLOTS * honest.session.work_size);
	wipe(MEMORY);
	if (!program || !jst_memory_init(&honest.session.memory, writable, program, &memory))
		fuzz_fail("no session for %s", script);
	strcpy(honest.session.memory.header->title, "a \x1b[31mtitle");
	strcpy(honest.session.memory.header->hostname, "host");
	jst_session_initialise(&honest.session);
	for (int i = 0; i < SLOTS; i++) {
		honest.runners[i] = (struct jst_runner){ .slot = (uint32_t)i, .tid = 100 + i, .serial = 1 };
		jst_session_claim(&honest.session, &honest.runners[i]);
	}
	for (unsigned p = 0; p < 2; p++)
		bind_probe(&honest, p);
	run_events(&honest);
	keep(left);
	left_count++;
	free(honest.plans[0]);
	free(honest.plans[1]);
	free(honest.session.work);
	free(program);
}

/* ---- the hostile one ---- */

/* A word of those that are in use: of the header, of a slot, or of the heap. */
static uint32_t place(const struct left *left, uint32_t where)
{
	const uint32_t at = where >> 3;

	switch (where & 7) {
	case 0:
		return at % (uint32_t)sizeof(struct jst_memory_header) / 4 * 4;
	case 1:
	case 2:
		return JST_SLOTS_OFFSET + at % (SLOTS * (uint32_t)sizeof(struct jst_slot)) / 4 * 4;
	case 3:
		return (uint32_t)(at % (left->used - 8)) / 4 * 4;
	default:
		return left->words[at % left->count] + (where & 4 ? 4 : 0);
	}
}

static void write_word(const struct left *left, uint32_t where, unsigned what, uint32_t number)
{
	const uint32_t at = place(left, where);
	/* As a target would: not bytes of ours, but words that are written at once. */
	_Atomic uint32_t *word = (_Atomic uint32_t *)(void *)(writable + at);
	const uint32_t now = atomic_load_explicit(word, memory_order_relaxed);
	static const uint32_t odd[] = { 0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8 };
	uint32_t value = number;

	switch (what & 7) {
	case 1:
		value = now + (number & 0xff) - 128;
		break;
	case 2:
		value = now ^ 1U << number % 32;
		break;
	case 3:
		value = odd[number % 8];
		break;
	case 4: /* what stands somewhere else: a list may end in itself */
		value = atomic_load_explicit((_Atomic uint32_t *)(void *)(writable + place(left, number)), memory_order_relaxed);
		break;
	case 5: /* a ref to somewhere that is in use */
		value = place(left, number) / 8;
		break;
	case 6:
		value = (uint32_t)(number % (MEMORY + 64));
		break;
	default:
		break;
	}
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static struct {
	sem_t begin, done;
	_Atomic bool stop;
	const struct left *left;
	uint64_t state;
} other;

/* Writes, and often puts back what was there, so that the reader gets far enough to be caught. */
static void *write_on(void *nothing)
{
	for (;;) {
		while (sem_wait(&other.begin))
			;
		while (!atomic_load(&other.stop)) {
			const uint32_t where = (uint32_t)fuzz_random(&other.state), at = place(other.left, where);
			_Atomic uint32_t *word = (_Atomic uint32_t *)(void *)(writable + at);
			const uint32_t before = atomic_load_explicit(word, memory_order_relaxed);

			write_word(other.left, where, (unsigned)(fuzz_random(&other.state) >> 40), (uint32_t)(fuzz_random(&other.state) >> 20));
			if (fuzz_random(&other.state) >> 60)
				atomic_store_explicit(word, before, memory_order_relaxed);
		}
		sem_post(&other.done);
	}
	return nothing;
}

/* ---- the reader ---- */

void fuzz_begin(void)
{
	pthread_t thread;
	const int fd = memfd_create("fuzz", MFD_CLOEXEC);
	unsigned char *around = mmap(NULL, MEMORY + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || ftruncate(fd, MEMORY) || around == MAP_FAILED)
		fuzz_fail("no memory");
	writable = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	readable = mmap(around + PAGE, MEMORY, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	if (writable == MAP_FAILED || readable == MAP_FAILED)
		fuzz_fail("no memory");
	for (int i = 0; fuzz_scripts[i]; i++)
		make_left(fuzz_scripts[i]);
	sem_init(&other.begin, 0, 0);
	sem_init(&other.done, 0, 0);
	pthread_create(&thread, NULL, write_on, NULL);

	target = (struct target){ .state = TARGET_RUNNING };
	target.process.pid = getpid(); /* whose CPU time is looked at */
	strcpy(target.title, "title");
	strcpy(target.hostname, "host");
	target.view = calloc(1, sizeof(*target.view));
	target.tails = calloc(JST_SLOTS, sizeof(*target.tails));
	target.read_tails = calloc(JST_SLOTS, sizeof(*target.read_tails));
	target.read_rings = calloc(JST_SLOTS, sizeof(*target.read_rings));
	target.broken = calloc(JST_SLOTS, sizeof(*target.broken));
	if (!target.view || !target.tails || !target.read_tails || !target.read_rings || !target.broken)
		abort();
}

static void fresh_target(unsigned how)
{
	target.state = how & HOW_DEAD ? TARGET_ENDED : TARGET_RUNNING;
	target.malformed = false;
	target.by_name = how & HOW_NAMED;
	memset(target.view, 0, sizeof(*target.view));
	memset((void *)target.tails, 0, JST_SLOTS * sizeof(*target.tails));
	memset(target.read_tails, 0, JST_SLOTS * sizeof(*target.read_tails));
	memset(target.read_rings, 0, JST_SLOTS * sizeof(*target.read_rings));
	memset(target.broken, 0, JST_SLOTS * sizeof(*target.broken));
	target.view->base = readable;
	target.view->size = MEMORY;
	target.view->hostname = target.hostname;
	target.view->pid = 77;
}

static void print_results(struct output *output, const struct results *results)
{
	const struct compiled *compiled = results_compiled(results);

	for (uint32_t i = 0; i < compiled->aggregation_count; i++) {
		struct jst_value keys[JST_MAX_KEYS] = { { .kind = JST_NIL } };

		results_print(output, results, i, i % 2 ? 3 : -1, 1000000000);
		const struct jst_result *result = results_seek(results, i, keys, STRINGS);

		results_value(results, i, result, 1000000000);
	}
}

/* A message is a line that begins as all do, and names whatever it is about. */
static void check_messages(const char *text, size_t length)
{
	printed_check(text, length, false);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "jstrace: ", 9) || !strchr(line, '\n'))
			fuzz_fail("this is no message: %s", line);
		if (strncmp(line, "jstrace: :", 10) == 0)
			fuzz_fail("a message about nothing: %s", line);
	}
}

/* What is said at the end of a run, and of a target's. */
static void report_all(const struct left *left, unsigned how, struct output *output)
{
	struct report *report = report_new(left->compiled);
	FILE *usual = stderr;
	char *text;
	size_t length;

	message_set_level(how & HOW_QUIET ? MESSAGE_QUIET : MESSAGE_NORMAL);
	stderr = open_memstream(&text, &length);
	if (!stderr)
		abort();
	report_sites(report, &target);
	report_losses(report, &target);
	report_unmatched(report);
	report_process(output, "exit", &target, "ended");
	report_end(report, output, 1, 1000000000, 0);
	report_free(report);
	fclose(stderr);
	stderr = usual;
	check_messages(text, length);
	free(text);
}

/* Otherwise there is nothing to read them with. */
static bool prints_open(const struct compiled *compiled)
{
	bool prints = false;

	for (uint32_t i = 0; i < compiled->record_count; i++)
		prints |= compiled->records[i].type == RECORD_PRINT_OPEN;
	return prints;
}

static void read_all(const struct left *left, unsigned how, struct output *output)
{
	struct results *totals = results_new(left->compiled), *now = results_new(left->compiled);
	struct gather *gather = gather_new(left->compiled, RING);
	struct opens *opens = opens_new(left->compiled);
	uint32_t filled;

	if (how & HOW_CLOSED)
		results_read(totals, target.view, READER_TAKE_CLOSED);
	gather_pass(gather, &target, output, &filled);
	if (how & HOW_REST)
		results_read(now, target.view, READER_TAKE_REST);
	losses_read(target.view);
	results_merge(totals, now);
	print_results(output, totals);
	for (uint32_t i = 0; i < left->compiled->span_table_count && prints_open(left->compiled); i++)
		opens_print(opens, output, &(struct opens_print){ .sibling = left->compiled->span_tables[i].sibling, .targets = &target, .now = 1 << 30, .top = i % 2 ? 2 : -1, .pids = how & 1 });
	opens_keep(opens, &target, 1 << 30);
	target_exit_code(&target);
	overhead_watch(&target, OVERHEAD_ALL, 5000000000);
	overhead_watch(&target, OVERHEAD_ALL, 10000000000);
	overhead_tell(&target);
	gather_rest(gather, &target, &target, output);
	report_all(left, how, output);
	opens_free(opens);
	gather_free(gather);
	results_free(totals);
	results_free(now);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };
	const struct left *left = &lefts[fuzz_number(&input, 1) % left_count];
	const unsigned how = (unsigned)fuzz_number(&input, 1);
	static uint64_t dirty = MEMORY; /* what the last input left, which nothing writes beyond */
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .format = how & HOW_JSON ? OUTPUT_JSON : OUTPUT_TEXT, .width = 80, .pipe = -1 };

	if (!output.file)
		abort();
	wipe(dirty);
	dirty = left->used;
	memcpy(writable, left->bytes, JST_SLOTS_OFFSET + SLOTS * sizeof(struct jst_slot));
	memcpy(writable + JST_MAPS_OFFSET, left->bytes + JST_MAPS_OFFSET, left->used - JST_MAPS_OFFSET);
	for (int i = 0; i < WRITES && input.left; i++) {
		const uint32_t where = (uint32_t)fuzz_number(&input, 3);
		const unsigned what = (unsigned)fuzz_number(&input, 1);

		write_word(left, where, what, (uint32_t)fuzz_number(&input, 4));
	}
	fresh_target(how);
	if (how & HOW_CONCURRENT) {
		other.left = left;
		other.state = fuzz_seed(fuzz_hash(bytes, size));
		atomic_store(&other.stop, false);
		sem_post(&other.begin);
	}
	read_all(left, how, &output);
	if (how & HOW_CONCURRENT) {
		atomic_store(&other.stop, true);
		while (sem_wait(&other.done))
			;
	}
	*(target.malformed || target.view->malformed ? &read_badly : &read_well) += 1;
	fclose(output.file);
	printed_check(text, length, how & HOW_JSON);
	free(text);
}

void fuzz_seeds(fuzz_take *take, void *context)
{
	uint64_t state = fuzz_seed(3);

	for (unsigned i = 0; i < left_count; i++) {
		for (unsigned how = 0; how < 4; how++) {
			uint8_t input[2 + 8 * 4] = { (uint8_t)i, (uint8_t)(how | HOW_CLOSED | HOW_REST | i % 8 * HOW_DEAD) };
			char name[32];

			snprintf(name, sizeof(name), "script-%u-%u", i, how);
			take(context, name, input, 2);
			for (size_t at = 2; at < sizeof(input); at++)
				input[at] = (uint8_t)(fuzz_random(&state) >> 32);
			snprintf(name, sizeof(name), "hostile-%u-%u", i, how);
			take(context, name, input, sizeof(input));
		}
	}
}

void fuzz_end(void)
{
	printf("memory: %lu read as they should be, %lu found malformed\n", read_well, read_badly);
}
