/*
 * Flips. An owner writes to bank generation & 1 if that bank's own generation is the session's, else to the other one (jst_slot_bank()); it looks once, at the beginning of an event.
 *
 * A bank is ready for generation n when it says n and is being written by nobody: it was recycled, so it is empty. To flip from g to g+1: publish g+1; barrier; wait for each thread to be outside. From then on the owner picks the bank of g+1, where that
 * is ready, and the bank of g can change no more: it is closed. Where the bank of g+1 is not ready, the owner goes on in the bank of g, which stays open.
 *
 * It is not ready for one of two reasons. The CLI has not released it: it stays closed. Or its owner was a straggler, late in the last flip, so it was neither closed nor read: now, if the owner has been outside since, nobody writes to it any more, and it is closed in this round instead of the other one.
 * When such a bank is then recycled, it gets the present generation, so that the owner returns to it in the middle of a round; the bank it leaves is watched like a straggler's, and closed at the next flip.
 *
 * So each event counts in exactly one interval: it is in one bank; a bank is read only when closed, is closed only after its owner was seen outside since it stopped picking it, and is recycled only when closed and released,
 * and recycling empties it before it may be picked again. Should the target die at any instant, every bank that is not copied yet has a generation that was not copied yet, and is read then.
 */
#include "flip.h"

#include "quiesce.h"

static struct jst_slot *slot_at(const struct jst_installed *installed, uint32_t index)
{
	return &installed->run.memory.slots[index];
}

static uint32_t generation_of(const struct jst_bank *bank)
{
	return atomic_load_explicit(&bank->generation, memory_order_relaxed);
}

static bool is_writing(const struct jst_bank *bank)
{
	return atomic_load_explicit(&bank->state, memory_order_relaxed) == JST_BANK_WRITING;
}

static void close_bank(struct jst_bank *bank)
{
	/* Pairs with the CLI's acquire: the cells are whole. */
	atomic_store_explicit(&bank->state, JST_BANK_CLOSED, memory_order_release);
}

static uint32_t slots_used(void)
{
	const uint32_t used = atomic_load_explicit(&jst_process->threads_used, memory_order_acquire);

	return used < JST_SLOTS ? used : JST_SLOTS;
}

/* A bank that should be ready for generation `next` and is open with an older one. */
static void close_left_over(struct jst_installed *installed, uint32_t index, uint32_t next)
{
	struct jst_bank *bank = &slot_at(installed, index)->banks[next & 1];
	const uint64_t sequence = installed->straggler[index];

	const struct jst_bank *present = &slot_at(installed, index)->banks[~next & 1];

	if (!generation_of(bank) || generation_of(bank) == next || !is_writing(bank))
		return;
	/* While the present generation's bank waits to be released, it is this one that the owner writes to. */
	if (generation_of(present) != next - 1 || !is_writing(present))
		return;
	if (sequence && !jst_quiesce_left(index, sequence))
		return;
	installed->straggler[index] = 0;
	/* Nothing in it: ready at once, and the slot is in step again. */
	if (!atomic_load_explicit(&bank->first_chunk, memory_order_acquire))
		jst_memory_recycle(&installed->run.memory, bank, next);
	else
		close_bank(bank);
}

struct flip {
	struct jst_installed *installed;
	uint32_t generation; /* that ends */
};

static void outside(void *context, uint32_t index)
{
	const struct flip *flip = context;
	struct jst_bank *banks = slot_at(flip->installed, index)->banks;
	struct jst_bank *last = &banks[flip->generation & 1];
	const struct jst_bank *next = &banks[~flip->generation & 1];

	if (generation_of(last) == flip->generation && is_writing(last) && generation_of(next) == flip->generation + 1 && is_writing(next))
		close_bank(last);
}

static void straggler(void *context, uint32_t index, uint64_t sequence)
{
	const struct flip *flip = context;

	flip->installed->straggler[index] = sequence;
}

uint32_t jst_flip(struct jst_installed *installed)
{
	struct jst_memory_header *header = installed->run.memory.header;
	struct flip flip = { installed, atomic_load_explicit(&header->generation, memory_order_relaxed) };
	const uint32_t used = slots_used();

	for (uint32_t i = 0; i < used; i++)
		close_left_over(installed, i, flip.generation + 1);
	/* The barrier pairs with the load in jst_slot_bank(), behind the owner's odd sequence. */
	atomic_store_explicit(&header->generation, flip.generation + 1, memory_order_release);
	jst_quiesce_barrier();
	return jst_quiesce_wait(JST_QUIESCE_TIMEOUT_MS, outside, straggler, &flip);
}

void jst_flip_release(struct jst_installed *installed)
{
	struct jst_memory *memory = &installed->run.memory;
	const uint32_t generation = atomic_load_explicit(&memory->header->generation, memory_order_relaxed);
	const uint32_t used = slots_used();
	bool moved = false;

	for (uint32_t i = 0; i < used; i++) {
		for (uint32_t b = 0; b < JST_BANKS; b++) {
			struct jst_bank *bank = &slot_at(installed, i)->banks[b];

			if (atomic_load_explicit(&bank->state, memory_order_relaxed) != JST_BANK_CLOSED)
				continue;
			const uint32_t next = generation + ((generation ^ b) & 1);

			jst_memory_recycle(memory, bank, next);
			if (next == generation) {
				moved = true;
				installed->straggler[i] = UINT64_MAX; /* to be looked at below */
			}
		}
	}
	if (!moved)
		return;
	/* Owners pick the recycled bank from their next event on; one that is inside may still be writing to the other. */
	jst_quiesce_barrier();
	for (uint32_t i = 0; i < used; i++) {
		if (installed->straggler[i] != UINT64_MAX)
			continue;
		const uint64_t sequence = atomic_load_explicit(&jst_process->threads[i].sequence, memory_order_acquire); /* pairs with jst_thread_leave() */

		installed->straggler[i] = sequence & 1 ? sequence : 0;
	}
}
