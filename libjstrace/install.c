/*
 * Installing a session and taking it away.
 *
 * To take it away: clear the words' bits, NULL the pointer, barrier, wait until every thread has been outside, unmap. A thread that does not leave in time (stopped by a debugger in the middle) keeps its memory: the mappings stay for the
 * life of the process, and nothing leads there any more.
 */
#include "install.h"

#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>

#include "match.h"
#include "memfd.h"
#include "plan.h"
#include "quiesce.h"
#include "raw.h"
#include "ring.h"
#include "sample.h"
#include "stacks.h"
#include "table.h"
#include "text.h"
#include "verify.h"
#include "watch.h"

enum {
	BINDING_ROOM = 1024,             /* bytes of arena for each site there is … */
	BINDINGS_ROOM = 1 << 28,         /* … of very many sites few fire, and what finds no room is bound at each event … */
	ARENA_ROOM = 4 << 20,            /* … and for those that come later */
	POPULATED_FIRST = 64 << 10,      /* of the heap, before the first event … */
	POPULATED = 1 << 20,             /* … and while the first ones come */
	TAILS_SIZE = JST_SLOTS * (int)sizeof(uint64_t),
	BUDGET_MAX = 1 << 30,
};

/* What must be unmapped in a child: unlike jst_process, a child's copy of this is not wiped. Agent's. */
static struct jst_installed *inherited[JST_MAX_SESSIONS];
static uint32_t last_serial;

__attribute__((format(printf, 3, 4))) static void *refuse(struct jst_refused *refused, enum jst_refusal refusal, const char *format, ...)
{
	va_list arguments;

	refused->refusal = refusal;
	va_start(arguments, format);
	jst_text_vprint(refused->reason, sizeof(refused->reason), format, arguments);
	va_end(arguments);
	return NULL;
}

static bool verify(const void *program, size_t size, struct jst_refused *refused)
{
	struct jst_verify_error error;
	void *scratch = jst_raw_memory(JST_VERIFY_SCRATCH);

	if (!scratch)
		return refuse(refused, JST_REFUSAL_MEMORY, "no memory to verify the program");
	const bool sound = jst_verify(program, size, scratch, JST_VERIFY_SCRATCH, &error);

	jst_raw_unmap(scratch, JST_VERIFY_SCRATCH);
	if (sound && !(((const struct jst_program *)program)->flags & JST_PROGRAM_READS))
		return true;
	if (sound)
		return refuse(refused, JST_REFUSAL_PROGRAM, "the program reads aggregations, which jstrace's own clauses do and no target's");
	if (error.clause < 0)
		refuse(refused, JST_REFUSAL_PROGRAM, "the program is not valid: %s", error.reason);
	else
		refuse(refused, JST_REFUSAL_PROGRAM, "the program is not valid: clause %d, instruction %d: %s", error.clause, error.insn, error.reason);
	return false;
}

/* Whether an instruction of the program has that operand. */
static bool uses(const struct jst_program *program, enum jst_opcode op, int32_t operand)
{
	const struct jst_insn *insn = jst_program_section(program, JST_SECTION_CODE);
	const uint32_t count = jst_program_count(program, JST_SECTION_CODE);

	for (uint32_t i = 0; i < count; i++)
		if (insn[i].op == op && insn[i].imm == operand)
			return true;
	return false;
}

/* The pages of most bytes from that offset of the memory on, which threads may be writing to. */
static void populate(struct jst_memory *memory, uint64_t from, uint64_t most)
{
	const uint64_t start = from & ~UINT64_C(4095), permit = atomic_load_explicit(&memory->header->permit, memory_order_relaxed);
	const uint64_t left = from < memory->header->size ? memory->header->size - start : 0, size = left < most ? left : most;

	if (permit < start || size > permit - start)
		return;
	/* Where there is no memory to be had, touching would be death, and probes will find the permit lowered. */
	if (jst_raw_advise(memory->base + start, size, MADV_POPULATE_WRITE) != -EINVAL)
		return;
	/* A kernel before 5.14: touch each page, and change nothing. */
	for (uint64_t at = 0; at < size; at += 4096)
		__atomic_fetch_or(memory->base + start + at, 0, __ATOMIC_RELAXED);
}

/* What threads will touch: what was laid out, which may be large, and chunks and rings, which come behind that. */
static void populate_heap(struct jst_memory *memory, uint64_t most)
{
	const uint64_t from = memory->header->heap_offset, used = atomic_load_explicit(&memory->header->heap_used, memory_order_relaxed);

	populate(memory, from, most);
	if (used > from + most)
		populate(memory, used, most);
}

/* The shared memory and the tails. */
static bool make_memory(struct jst_installed *installed, const struct jst_message_load *load, bool growth, struct jst_refused *refused)
{
	const uint32_t ring_first = growth && load->ring_size > JST_RING_FIRST ? JST_RING_FIRST : load->ring_size;
	const struct jst_memory_options options = { .size = (load->memory + 4095) & ~UINT64_C(4095), .string_size = load->string_size, .ring_size = load->ring_size, .ring_first = ring_first };
	const uint64_t minimum = jst_memory_minimum(installed->run.program, ring_first);

	if (options.size < minimum) {
		refuse(refused, JST_REFUSAL_MEMORY, "%llu KiB of memory are too little for this program: it needs at least %llu KiB (--memory)", (unsigned long long)(options.size >> 10),
		       (unsigned long long)((minimum + 1023) >> 10));
		return false;
	}
	void *base = jst_memfd_map("jstrace:memory", options.size, PROT_READ | PROT_WRITE, &installed->memory_fd);
	void *tails = base ? jst_memfd_map("jstrace:tails", TAILS_SIZE, PROT_READ, &installed->tails_fd) : NULL;

	installed->run.memory.base = base;
	installed->memory_bytes = options.size;
	installed->run.tails = tails;
	if (!tails) {
		refuse(refused, JST_REFUSAL_MEMORY, "no memory for the session: %s", jst_text_error(base ? -installed->tails_fd : -installed->memory_fd));
		return false;
	}
	/* Our mappings keep what they may do: from now on nobody maps the results writable, and nobody changes either size. */
	int error = jst_raw_seal(installed->memory_fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);

	if (error >= 0)
		error = jst_raw_seal(installed->tails_fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	if (error < 0) {
		refuse(refused, JST_REFUSAL_MEMORY, "the session's memory cannot be sealed: %s", jst_text_error(-error));
		return false;
	}
	if (!jst_memory_init(&installed->run.memory, base, installed->run.program, &options)) {
		refuse(refused, JST_REFUSAL_MEMORY, "%llu KiB of memory are too little for this program (--memory)", (unsigned long long)(options.size >> 10));
		return false;
	}
	return true;
}

static void fill_header(struct jst_installed *installed)
{
	struct jst_memory_header *header = installed->run.memory.header;
	struct utsname host;
	struct timespec now;

	header->pid = jst_raw_pid();
	header->uid = (uint32_t)jst_raw_call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
	if (jst_raw_call(SYS_uname, (long)&host, 0, 0, 0, 0, 0) == 0)
		jst_text_print(header->hostname, sizeof(header->hostname), "%s", host.nodename);
	jst_sample_title(header);
	jst_sample_permit(&installed->run.memory);
	clock_gettime(CLOCK_MONOTONIC, &now);
	header->start = now.tv_sec * 1000000000LL + now.tv_nsec;
	populate_heap(&installed->run.memory, POPULATED_FIRST);
	jst_session_initialise(&installed->run);
}

void jst_install_changed(void)
{
	/* Release pairs with the acquire of whoever compares: node/addon.c, node/addon_watch.c. */
	atomic_fetch_add_explicit(&jst_process->epoch, 1, memory_order_release);
	jst_raw_call(SYS_futex, (long)&jst_process->epoch, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, 0, 0, 0);
}

/* Gives the session an index, and finds the sites that it watches. */
static bool find_sites(struct jst_installed *installed, struct jst_refused *refused)
{
	unsigned index = 0;

	jst_sites_lock();
	while (index < JST_MAX_SESSIONS && (jst_process->prepared[index] || inherited[index]))
		index++;
	if (index == JST_MAX_SESSIONS) {
		jst_sites_unlock();
		return refuse(refused, JST_REFUSAL_SESSIONS, "%d sessions trace this process already", JST_MAX_SESSIONS);
	}
	installed->index = index;
	/* From here on objects that come and go tell it. */
	jst_process->prepared[index] = inherited[index] = installed;
	const bool counted = jst_watch_all(installed);

	if (counted) {
		jst_install_changed();
		installed->since = atomic_load_explicit(&jst_process->epoch, memory_order_relaxed); /* changes with the lock held */
	} else {
		jst_watch_switch(installed, false);
		jst_process->prepared[index] = inherited[index] = NULL;
	}
	jst_sites_unlock();
	return counted || refuse(refused, JST_REFUSAL_MEMORY, "no memory to count the probes that the program watches");
}

static void unmap(struct jst_installed *installed)
{
	if (installed->memory_fd >= 0)
		jst_raw_close(installed->memory_fd);
	if (installed->tails_fd >= 0)
		jst_raw_close(installed->tails_fd);
	if (installed->run.memory.base)
		jst_raw_unmap(installed->run.memory.base, installed->memory_bytes);
	if (installed->run.tails)
		jst_raw_unmap((void *)installed->run.tails, TAILS_SIZE);
	if (installed->run.work)
		jst_raw_unmap(installed->run.work, installed->work_bytes);
	if (installed->unkept)
		jst_raw_unmap(installed->unkept, JST_SLOTS * installed->unkept_size);
	jst_raw_unmap((void *)installed->run.program, JST_PROGRAM_MAX_SIZE);
	jst_raw_unmap(installed, installed->self_size);
}

struct jst_installed *jst_install_prepare(const struct jst_message_load *load, const struct jst_install_wishes *wishes, void *program, struct jst_refused *refused)
{
	const uint32_t string_size = load->string_size;

	if (string_size < 64 || string_size > 65536 || load->ring_size < 4096 || load->ring_size > 64 << 20 || (load->ring_size & (load->ring_size - 1)) || load->memory > UINT64_C(32) << 30 ||
	    !load->budget || load->budget > BUDGET_MAX) {
		jst_raw_unmap(program, JST_PROGRAM_MAX_SIZE);
		return refuse(refused, JST_REFUSAL_PROTOCOL, "the limits asked for are out of range");
	}
	jst_sites_expect();
	if (!verify(program, load->program_size, refused)) {
		jst_raw_unmap(program, JST_PROGRAM_MAX_SIZE);
		return NULL;
	}

	const uint64_t each = BINDING_ROOM + jst_program_count(program, JST_SECTION_FIELDS) * sizeof(struct jst_field_binding) + jst_program_count(program, JST_SECTION_CLAUSES) * sizeof(uint16_t) + jst_plan_most(program);
	const uint64_t bindings = jst_sites_count() * each, match_size = jst_match_size(program);
	const uint64_t room = sizeof(struct jst_installed) + match_size + (bindings < BINDINGS_ROOM ? bindings : BINDINGS_ROOM) + ARENA_ROOM;
	const uint64_t self_size = (room + 4095) & ~UINT64_C(4095);
	struct jst_installed *installed = jst_raw_memory(self_size);

	if (!installed) {
		jst_raw_unmap(program, JST_PROGRAM_MAX_SIZE);
		return refuse(refused, JST_REFUSAL_MEMORY, "no memory for the session");
	}
	jst_raw_protect(program, JST_PROGRAM_MAX_SIZE, PROT_READ);
	installed->self_size = self_size;
	installed->memory_fd = installed->tails_fd = -1;
	installed->serial = ++last_serial;
	installed->measures = wishes->measures;
	atomic_store_explicit(&installed->arena_used, sizeof(struct jst_installed), memory_order_relaxed);
	installed->run.program = program;
	installed->match = jst_install_room(installed, match_size); /* of a mapping that has this room */
	jst_match_init(installed->match, program);
	installed->run.budget = load->budget;
	installed->run.string_size = string_size;
	installed->run.work_size = jst_session_work_size(string_size);
	installed->work_bytes = (uint64_t)JST_SLOTS * installed->run.work_size;
	installed->run.work = jst_raw_memory(installed->work_bytes);
	installed->unkept_size = jst_unkept_size(program);
	installed->unkept = jst_raw_memory(JST_SLOTS * installed->unkept_size);
	installed->uses_comm = uses(program, JST_OP_VARIABLE, JST_VARIABLE_COMM);
	if (uses(program, JST_OP_CALL, JST_FUNCTION_STACK)) {
		jst_stacks_refresh();
		installed->run.stack_map = &jst_process->stack_map;
	}
	const bool room_to_work = installed->run.work && installed->unkept;

	if (!room_to_work)
		refuse(refused, JST_REFUSAL_MEMORY, "no memory for the session's work areas");
	if (!room_to_work || !make_memory(installed, load, wishes->growth, refused)) {
		unmap(installed);
		return NULL;
	}
	fill_header(installed);
	if (!find_sites(installed, refused)) {
		unmap(installed);
		return NULL;
	}
	return installed;
}

bool jst_install_start(struct jst_installed *installed, struct jst_clock *clock)
{
	const uint32_t bit = 1U << installed->index;

	if (!jst_quiesce_barrier())
		return false;
	/* What was refused until now concerns those that run already. */
	jst_install_refused();
	/* As late as can be, since it may have to wait. */
	jst_clock_start(clock, &installed->run.memory.header->clock);
	jst_sites_lock();
	installed->running = true;
	/* Release pairs with the acquire in probe.c: a thread that finds the session finds it whole. */
	atomic_store_explicit(&jst_process->sessions[installed->index], installed, memory_order_release);
	atomic_fetch_or_explicit(&jst_process->watched, bit, memory_order_relaxed);
	jst_watch_switch(installed, true);
	jst_install_changed();
	jst_sites_unlock();
	return true;
}

void jst_install_populate(struct jst_installed *installed)
{
	populate_heap(&installed->run.memory, POPULATED);
}

/* ending: one that has just been switched off. */
static void count_refused(const struct jst_installed *ending)
{
	const uint64_t refused = atomic_exchange_explicit(&jst_process->threads_refused, 0, memory_order_relaxed);

	for (unsigned i = 0; refused && i < JST_MAX_SESSIONS; i++)
		if (inherited[i] && (inherited[i]->running || inherited[i] == ending))
			atomic_fetch_add_explicit(&inherited[i]->run.memory.header->losses[JST_LOSS_THREADS], refused, memory_order_relaxed);
}

void jst_install_refused(void)
{
	count_refused(NULL);
}

uint32_t jst_install_stop(struct jst_installed *installed)
{
	const unsigned index = installed->index;
	uint32_t stragglers = 0;

	jst_sites_lock();
	const bool ran = installed->running;

	installed->running = false;
	installed->ending = true;
	jst_watch_switch(installed, false);
	if (ran) {
		atomic_fetch_and_explicit(&jst_process->watched, ~(1U << index), memory_order_relaxed);
		atomic_store_explicit(&jst_process->sessions[index], NULL, memory_order_relaxed); /* the barrier below pairs with the events' entries */
	}
	jst_process->prepared[index] = NULL;
	jst_install_changed();
	jst_sites_unlock();

	if (ran) {
		/* It answered when the session began; should it be refused since, every thread counts as inside. */
		if (jst_quiesce_barrier())
			stragglers = jst_quiesce_wait(JST_QUIESCE_TIMEOUT_MS, NULL, NULL);
		else
			stragglers = 1;
		count_refused(installed);
	}
	inherited[index] = NULL;
	if (stragglers) {
		if (installed->memory_fd >= 0)
			jst_raw_close(installed->memory_fd);
		if (installed->tails_fd >= 0)
			jst_raw_close(installed->tails_fd);
		installed->memory_fd = installed->tails_fd = -1;
	} else {
		unmap(installed);
	}
	return stragglers;
}

bool jst_install_inherits(void)
{
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++)
		if (inherited[i])
			return true;
	return false;
}

void jst_install_inherited(bool unmap_them)
{
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++) {
		/* Its descriptors belong to the parent's agent and its own table; a child has none of them. */
		if (inherited[i] && unmap_them) {
			inherited[i]->memory_fd = inherited[i]->tails_fd = -1;
			unmap(inherited[i]);
		}
		inherited[i] = NULL;
	}
}
