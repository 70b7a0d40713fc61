/*
 * An event in a session: pick the bank, read the clock if the program needs it, run the clauses.
 *
 * What a run needs lies in the thread's work area:
 *
 *     | struct jst_run | registers | values of an event | strings made by the run | encoded keys, as much again |
 */
#include "clock.h"
#include "plan.h"
#include "session.h"
#include "vm.h"

enum {
	RUN_SIZE = (sizeof(struct jst_run) + 63) / 64 * 64,
	VALUES_SIZE = (JST_MAX_REGISTERS + JST_MAX_SITE_FIELDS) * (int)sizeof(struct jst_value),
	STRINGS_MIN = 4096,
};

/* An encoded key of the greatest size: kinds, then for each a length and padded bytes (cell.h). Strings have as much: that is at least eight of them. */
uint32_t jst_session_work_size(uint32_t string_size)
{
	const uint32_t key = 8 + JST_MAX_KEYS * (8 + ((string_size + 7) & ~7U));
	const uint32_t half = key > STRINGS_MIN ? key : STRINGS_MIN;

	return (uint32_t)(RUN_SIZE + VALUES_SIZE) + 2 * ((half + 31) & ~31U);
}

/* What stays the same in all runs of the session on the runner's thread. */
static void set_up(struct jst_session *session, const struct jst_runner *runner)
{
	struct jst_run *run = jst_run_of(session, runner->slot);
	unsigned char *values = (unsigned char *)run + RUN_SIZE;

	run->session = session;
	run->program = session->program;
	run->header = session->memory.header;
	run->slot = &session->memory.slots[runner->slot];
	run->runner = runner;
	run->registers = (struct jst_value *)(void *)values;
	run->scratch = (char *)values + VALUES_SIZE;
	run->room = (session->work_size - RUN_SIZE - VALUES_SIZE) / 2;
	run->map = (struct jst_map_access){ .memory = &session->memory, .slot = run->slot, .scratch = run->scratch, .room = 2 * run->room, .used = &run->used };
	run->clock.index = JST_CLOCK_NONE;
	run->generation = 0;
	run->update = (struct jst_update){ .memory = &session->memory, .slot = run->slot, .tid = runner->tid };
}

void jst_session_claim(struct jst_session *session, const struct jst_runner *runner)
{
	struct jst_memory_header *header = session->memory.header;
	struct jst_slot *slot = &session->memory.slots[runner->slot];

	if (slot->serial == runner->serial)
		return;
	jst_slot_open(&session->memory, slot);
	set_up(session, runner);
	slot->random = 0;
	/* An owner that died inside an event left it odd. Release as in leave(). */
	atomic_store_explicit(&slot->inside, (atomic_load_explicit(&slot->inside, memory_order_relaxed) + 1) & ~1U, memory_order_release);
	atomic_store_explicit(&slot->tid, runner->tid, memory_order_relaxed);

	/* Pairs with the acquire loads of the agent and the CLI: who counts the slot sees its banks' generations. */
	uint32_t used = atomic_load_explicit(&header->slots_used, memory_order_relaxed);

	while (used <= runner->slot && !atomic_compare_exchange_weak_explicit(&header->slots_used, &used, runner->slot + 1, memory_order_release, memory_order_relaxed))
		;
	/* Last: a signal handler may leave this event anywhere, and the next one claims again unless the serial says that it is done. */
	atomic_signal_fence(memory_order_seq_cst);
	slot->serial = runner->serial;
}

void jst_session_event(struct jst_session *session, const struct jst_runner *runner, const struct jst_binding *binding, const uint64_t *words)
{
	if (jst_plan_passes(binding, words))
		jst_run_binding(jst_run_of(session, runner->slot), binding, words);
}

void jst_session_clause(struct jst_session *session, const struct jst_runner *runner, const struct jst_binding *binding, const uint64_t *words, uint32_t clause)
{
	const uint16_t index = (uint16_t)clause;
	struct jst_binding single = { .field = binding->field, .probe = binding->probe };
	struct jst_plan plan;

	jst_plan_make_plain(session->program, &single, &index, 1, &plan);
	jst_run_event(jst_run_of(session, runner->slot), binding, words, single.flags, &plan, 1);
}

void jst_session_initialise(struct jst_session *session)
{
	const struct jst_program *program = session->program;
	const struct jst_initial_decl *initials = jst_program_section(program, JST_SECTION_INITIALS);
	const struct jst_map_decl *maps = jst_program_section(program, JST_SECTION_MAPS);

	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_INITIALS); i++) {
		const struct jst_map_decl *decl = &maps[initials[i].map];
		char *scratch = (char *)session->work;
		uint32_t used = 0;
		const struct jst_map_access access = {
			.memory = &session->memory,
			.slot = &session->memory.slots[0], /* nobody runs yet */
			.decl = decl,
			.index = initials[i].map,
			.scratch = scratch,
			.room = session->work_size,
			.used = &used,
		};
		struct jst_value values[JST_MAX_KEYS + 1];

		for (uint32_t k = 0; k <= decl->keys; k++)
			values[k] = jst_program_constant(program, initials[i].first_constant + k);
		jst_map_set(&access, values, values[decl->keys]);
	}
}
