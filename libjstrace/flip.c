/*
 * Flips. An owner writes to bank generation & 1 if that bank's own generation is the session's, else to the other one (jst_slot_bank_at()); it looks at the beginning of the first event of each generation.
 *
 * The agent knows from the same rule which bank an owner picks, and steers it by the banks' generations. A bank is ready if it is empty; then its generation is later than the session's, for the agent gave it one when it recycled it, and nothing else
 * does. To flip from g to g+1, for each slot:
 *
 *     the bank that is not picked is ready:  it gets generation g+1, so that with the session at g+1 it is the one that is picked
 *     it is not ready:                       the picked one stays picked; should it have the parity of g+1, its generation becomes g+1 too, and its events count in the new interval
 *
 * Then publish g+1; barrier; wait until each owner was outside. An owner that was is in neither bank, or in the one that is picked now. So the other one, if it has an older generation and was being written, changes no more: it is closed.
 * The owner that does not leave in time keeps its bank open, which is not ready then and is closed by a later flip. A bank that the CLI has not released stays closed, and is not ready either.
 *
 * So each event counts in exactly one interval: it is in one bank; a bank is read only when closed, is closed only when its owner has been outside since it stopped picking it, is recycled only when closed and released, and is not picked again before it is empty.
 * Should the target die at any instant, every bank that was not copied yet has a generation under which it was not copied yet, and is read then.
 */
#include "flip.h"

#include "quiesce.h"

static uint32_t generation_of(const struct jst_bank *bank)
{
	return atomic_load_explicit(&bank->generation, memory_order_relaxed);
}

static bool is_writing(const struct jst_bank *bank)
{
	return atomic_load_explicit(&bank->state, memory_order_relaxed) == JST_BANK_WRITING;
}

/* The index of the bank that is picked at a generation of the session: jst_slot_bank_at(). */
static unsigned picked(const struct jst_slot *slot, uint32_t generation)
{
	return (generation_of(&slot->banks[generation & 1]) == generation ? generation : ~generation) & 1;
}

static uint32_t slots_used(void)
{
	const uint32_t used = atomic_load_explicit(&jst_process->threads_used, memory_order_acquire);

	return used < JST_SLOTS ? used : JST_SLOTS;
}

/* Before generation + 1 is published. The owner compares only the bank of the session's parity with the session's generation, so nothing here changes what it picks until then. */
static void steer(struct jst_slot *slot, uint32_t generation)
{
	const unsigned present = picked(slot, generation);
	struct jst_bank *bank = &slot->banks[present], *other = &slot->banks[!present];
	const uint32_t next = generation + 1;

	if (!generation_of(bank))
		return; /* never used */
	if (is_writing(other) && generation_of(other) > generation)
		atomic_store_explicit(&other->generation, next, memory_order_release); /* pairs with jst_slot_bank_at(): empty, and ready */
	else if (present == (next & 1))
		atomic_store_explicit(&bank->generation, next, memory_order_release);
}

struct flip {
	struct jst_installed *installed;
	uint32_t generation; /* that begins */
};

static void outside(void *context, uint32_t index)
{
	const struct flip *flip = context;
	struct jst_slot *slot = &flip->installed->run.memory.slots[index];
	struct jst_bank *left = &slot->banks[!picked(slot, flip->generation)];

	if (generation_of(left) && generation_of(left) < flip->generation && is_writing(left))
		atomic_store_explicit(&left->state, JST_BANK_CLOSED, memory_order_release); /* pairs with the CLI's acquire: the cells are whole */
}

uint32_t jst_flip(struct jst_installed *installed)
{
	struct jst_memory_header *header = installed->run.memory.header;
	const uint32_t generation = atomic_load_explicit(&header->generation, memory_order_relaxed);
	struct flip flip = { installed, generation + 1 };
	const uint32_t used = slots_used();

	for (uint32_t i = 0; i < used; i++)
		steer(&installed->run.memory.slots[i], generation);
	/* Behind the banks' generations: pairs with the acquire in run.c. The barrier pairs with the loads of an event, which stand behind the owner's odd sequence. */
	atomic_store_explicit(&header->generation, generation + 1, memory_order_release);
	if (!jst_quiesce_barrier())
		return used; /* it answered when the session began; refused since, nobody can be seen outside */
	return jst_quiesce_wait(JST_QUIESCE_TIMEOUT_MS, outside, &flip);
}

void jst_flip_release(struct jst_installed *installed)
{
	struct jst_memory *memory = &installed->run.memory;
	const uint32_t generation = atomic_load_explicit(&memory->header->generation, memory_order_relaxed);
	const uint32_t used = slots_used();

	for (uint32_t i = 0; i < used; i++) {
		for (uint32_t b = 0; b < JST_BANKS; b++) {
			struct jst_bank *bank = &memory->slots[i].banks[b];

			/* Later than the session's, so that it is ready and not picked before the next flip. */
			if (atomic_load_explicit(&bank->state, memory_order_relaxed) == JST_BANK_CLOSED)
				jst_memory_recycle(memory, bank, generation + 1 + ((generation + 1 + b) & 1));
		}
	}
}
