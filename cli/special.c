/*
 * A session inside the CLI: its program comes from the compiler, but is verified as any other, since the machine relies on it.
 */
#include "special.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map.h"
#include "messages.h"
#include "session.h"
#include "snapshot.h"
#include "times.h"
#include "verify.h"

/* STRINGS: for those that one run of a clause makes, beyond what a clause in a target has: it may loop over many keys. */
enum { MEMORY = 64 << 20, RING = 1 << 20, STRINGS = 32 << 20, STACK_TEXT = 64 << 10, SLOT = 0 };

struct specials {
	const struct compiled *compiled;
	struct jst_program *program;
	struct jst_session session;
	size_t size;                      /* of the memory */
	_Atomic uint64_t tails[JST_SLOTS];
	struct jst_runner runner;
	struct jst_host host;
	uint32_t key_size;                /* where targets cut strings, bytes */
	struct snapshot *snapshot;        /* NULL: nothing to read */
	void (*execute)(void *context, const struct record *record, const struct record_source *source); /* of the clause that runs */
	void *context;
	uint64_t tail;                    /* of the ring, as read */
	int32_t exit_code;                /* what exit() asked for first; -1: nothing */
	unsigned char *buffer;            /* of a record */
	struct jst_field_binding *fields;
	jst_ref *sites;                   /* one a clause, written as it first runs */
	char hostname[65];
};

static bool verify(const struct jst_program *program)
{
	void *scratch = message_allocate(1, JST_VERIFY_SCRATCH);
	struct jst_verify_error error;
	bool good = jst_verify(program, program->size, scratch, JST_VERIFY_SCRATCH, &error);

	free(scratch);
	if (!good)
		message_error("the compiler made a program that the verifier refuses (clause %d, instruction %d): %s; please report this script", error.clause, error.insn, error.reason);
	return good;
}

/* The wall clock may be set at any time, so it is looked at before each run. Without a scale published, the monotonic clock is the kernel's own. */
static void set_clock(struct specials *special)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	atomic_store_explicit(&special->session.memory.header->clock.scale[0].wall, (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec - times_now(), memory_order_relaxed); /* read by our own thread */
}

static struct jst_string string_of(const char *text)
{
	return (struct jst_string){ text, (uint32_t)strlen(text) };
}

/* ---- what only a session in the CLI can do ---- */

static void drain(void *context)
{
	struct specials *special = context;
	struct jst_slot *slot = &special->session.memory.slots[SLOT];
	const jst_ref ring = atomic_load_explicit(&slot->ring, memory_order_relaxed); /* our own thread wrote it */
	struct jst_ring_reader reader = { .base = special->session.memory.base, .size = special->size, .tail = special->tail };
	const struct record_source source = { .pid = (int32_t)getpid(), .title = "jstrace", .hostname = special->hostname, .base = reader.base, .size = reader.size };
	int size;

	while (ring && (size = jst_ring_read(&reader, ring, special->buffer, RING)) > 0) {
		struct record record;

		special->tail = reader.tail;
		atomic_store_explicit(&special->tails[SLOT], reader.tail, memory_order_relaxed); /* read by our own thread */
		if (record_decode(special->compiled, special->buffer, (size_t)size, &record))
			special->execute(special->context, &record, &source);
	}
}

static struct jst_value read_value(void *context, uint32_t aggregation, const struct jst_value *keys)
{
	const struct specials *special = context;

	return special->snapshot ? snapshot_value(special->snapshot, aggregation, keys) : jst_value_nil();
}

static struct jst_value read_quantile(void *context, uint32_t aggregation, const struct jst_value *keys, double q, uint32_t *cost)
{
	const struct specials *special = context;

	return special->snapshot ? snapshot_quantile(special->snapshot, aggregation, keys, q, cost) : jst_value_nil();
}

static uint32_t read_count(void *context, uint32_t aggregation)
{
	const struct specials *special = context;

	return special->snapshot ? snapshot_count(special->snapshot, aggregation) : 0;
}

static bool read_keys(void *context, uint32_t aggregation, int64_t rank, struct jst_value *keys)
{
	const struct specials *special = context;

	return special->snapshot && snapshot_keys(special->snapshot, aggregation, rank, keys);
}

/* ---- the session ---- */

static void fill_header(struct specials *special)
{
	struct jst_memory_header *header = special->session.memory.header;

	header->start = times_now();
	header->pid = (int32_t)getpid();
	header->uid = (uint32_t)getuid();
	memcpy(header->title, "jstrace", sizeof("jstrace"));
	memcpy(header->hostname, special->hostname, sizeof(special->hostname));
	/* Nobody else looks at this memory: all of it may be used. */
	atomic_store_explicit(&header->permit, special->size, memory_order_relaxed);
}

struct specials *special_new(const struct compiled *compiled, uint32_t budget, uint32_t string_size, const char **limit)
{
	struct jst_program *program = jst_builder_finish(compiled->local, limit);

	if (!program)
		return NULL;
	if (!verify(program)) {
		*limit = "what the verifier accepts";
		free(program);
		return NULL;
	}

	struct specials *special = message_allocate(1, sizeof(*special));
	/* The text of a stack is longer than what targets keep of a string. */
	const uint32_t key_size = string_size;

	if (compiled->stacks)
		string_size = STACK_TEXT;
	const uint32_t work_size = jst_session_work_size(string_size) + 2 * STRINGS;
	const size_t minimum = jst_memory_minimum(program, RING) + MEMORY;

	special->compiled = compiled;
	special->program = program;
	special->size = minimum;
	special->exit_code = -1;
	gethostname(special->hostname, sizeof(special->hostname) - 1);

	/* Untouched pages cost nothing, so it may be as large as a target's. */
	void *base = mmap(NULL, special->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *work = mmap(NULL, work_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED || work == MAP_FAILED ||
	    !jst_memory_init(&special->session.memory, base, program, &(struct jst_memory_options){ .size = special->size, .string_size = string_size, .ring_size = RING })) {
		message_error("no memory for the script's own clauses");
		abort();
	}
	special->session.program = program;
	special->session.tails = special->tails;
	special->session.work = work;
	special->session.work_size = work_size;
	special->session.budget = budget;
	special->session.string_size = string_size;
	special->key_size = key_size;
	special->host = (struct jst_host){ .context = special, .value = read_value, .quantile = read_quantile, .count = read_count, .keys = read_keys, .drain = drain };
	special->session.host = &special->host;
	fill_header(special);
	jst_session_initialise(&special->session);
	special->runner = (struct jst_runner){ .slot = SLOT, .tid = (int32_t)getpid(), .serial = 1 };
	jst_session_claim(&special->session, &special->runner);
	special->buffer = message_allocate(1, RING);
	special->fields = message_allocate(jst_program_count(program, JST_SECTION_FIELDS) + 1, sizeof(*special->fields));
	special->sites = message_allocate(jst_program_count(program, JST_SECTION_CLAUSES) + 1, sizeof(*special->sites));
	return special;
}

void special_free(struct specials *special)
{
	if (!special)
		return;
	munmap(special->session.memory.base, special->size);
	munmap(special->session.work, special->session.work_size);
	snapshot_free(special->snapshot);
	free(special->program);
	free(special->buffer);
	free(special->fields);
	free(special->sites);
	free(special);
}

void special_watch(struct specials *special, const struct results *totals, int64_t (*elapsed)(void *context, uint32_t aggregation), void *context)
{
	snapshot_free(special->snapshot);
	special->snapshot = snapshot_new(totals, special->key_size, elapsed, context);
}

/* In a target no event is seen after exit(). Here END runs yet, and other clauses that were due. */
static void take_exit_code(struct specials *special)
{
	const int32_t code = atomic_exchange_explicit(&special->session.memory.header->exit_code, -1, memory_order_relaxed);

	if (special->exit_code < 0)
		special->exit_code = code;
}

void special_run(struct specials *special, uint32_t clause, const char *name, const struct special_event *event,
                 void (*execute)(void *context, const struct record *record, const struct record_source *source), void *context)
{
	struct jst_binding binding = { .probe = { .name = string_of(name) }, .field = special->fields };
	uint64_t words[3] = { 0 };

	if (event) {
		static const char *const names[] = { "pid", "title", "reason" };

		binding.probe.fields = 3;
		for (uint8_t i = 0; i < 3; i++)
			binding.probe.field[i] = (struct jst_field){ .name = string_of(names[i]), .type = i ? JST_FIELD_STRING : JST_FIELD_INT, .word = i };
		words[0] = (uint64_t)event->pid;
		words[1] = (uint64_t)(uintptr_t)event->title;
		words[2] = (uint64_t)(uintptr_t)event->reason;
	}
	binding.prefix = jst_probe_prefix(binding.probe.name);
	binding.probename = jst_probe_last(binding.probe.name);
	jst_probe_bind_fields(special->program, &binding.probe, special->fields);
	if (!special->sites[clause])
		special->sites[clause] = jst_site_write(&special->session.memory, &binding.probe);
	binding.site = special->sites[clause];
	set_clock(special);
	special->execute = execute;
	special->context = context;
	jst_session_clause(&special->session, &special->runner, &binding, words, clause);
	take_exit_code(special);
	drain(special);
	if (special->snapshot)
		snapshot_end(special->snapshot);
}

void special_tick_name(int64_t period, char name[static 48])
{
	static const struct {
		int64_t ns;
		const char *unit;
	} units[] = { { 3600000000000, "h" }, { 60000000000, "m" }, { 1000000000, "s" }, { 1000000, "ms" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (period % units[i].ns == 0) {
			snprintf(name, 48, "tick-%lld%s", (long long)(period / units[i].ns), units[i].unit);
			return;
		}
	}
	snprintf(name, 48, "tick-%lldhz", (long long)((1000000000 + period / 2) / period));
}

int special_exit_code(const struct specials *special)
{
	return special->exit_code;
}

struct giving {
	struct jst_builder *builder;
	const struct compiled_initial *initial;
};

static bool give(void *context, const struct jst_value *keys, struct jst_value value)
{
	const struct giving *giving = context;

	jst_builder_initial(giving->builder, giving->initial->to, keys, giving->initial->keys, value);
	return true;
}

void special_give_initials(struct specials *special, const struct compiled *compiled)
{
	const struct jst_map_decl *decls = jst_program_section(special->program, JST_SECTION_MAPS);
	char *scratch = (char *)special->buffer;

	for (uint32_t i = 0; i < compiled->initial_count; i++) {
		const struct compiled_initial *initial = &compiled->initials[i];
		struct giving giving = { .builder = compiled->target, .initial = initial };
		uint32_t used = 0;
		const struct jst_map_access access = {
			.memory = &special->session.memory,
			.slot = &special->session.memory.slots[SLOT],
			.decl = &decls[initial->from],
			.index = initial->from,
			.scratch = scratch,
			.room = RING,
			.used = &used,
		};

		jst_map_each(&access, give, &giving);
	}
}

void special_losses(const struct specials *special, uint64_t losses[JST_LOSSES])
{
	for (int i = 0; i < JST_LOSSES; i++)
		losses[i] += atomic_load_explicit(&special->session.memory.header->losses[i], memory_order_relaxed) +
		             atomic_load_explicit(&special->session.memory.slots[SLOT].losses[i], memory_order_relaxed);
}
