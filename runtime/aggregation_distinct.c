/*
 * Updates of distinct: a value's hash raises one register of the HyperLogLog, whose rows are taken from the bank as they are touched. See aggregation_state.h.
 */
#include "aggregation_state.h"
#include "hash.h"

static jst_ref add_row(const struct jst_update *update, const struct jst_cell *owner, uint32_t row)
{
	/* The fields after the header in one word, as struct jst_distinct_row has them. */
	const union {
		struct { jst_ref owner; uint16_t row, reserved; } fields;
		uint64_t word;
	} first = { .fields = { .owner = jst_memory_ref(update->memory, owner), .row = (uint16_t)row } };
	const struct jst_cell *cell = jst_cell_append(update->memory, update->slot, update->bank, JST_CELL_ROW, update->index, sizeof(struct jst_distinct_row), first.word);

	return cell ? jst_memory_ref(update->memory, cell) : 0;
}

void jst_distinct_update(const struct jst_update *update, struct jst_cell *cell, struct jst_value value)
{
	/* The kind tells a string apart from the integer that is the same bytes. */
	const uint64_t hash = jst_key_hash(value) ^ (jst_key_value(value).kind - JST_INT) * 0x9e3779b97f4a7c15ULL;
	const uint32_t at = (uint32_t)(hash >> (64 - JST_DISTINCT_BITS));
	/* The bit that is set behind the last one ends the count. */
	const unsigned rank = 1 + (unsigned)__builtin_clzll(hash << JST_DISTINCT_BITS | 1ULL << (JST_DISTINCT_BITS - 1));
	jst_ref *ref = &((struct jst_distinct_state *)jst_cell_state(cell))->row[at / JST_DISTINCT_ROW];

	if (__builtin_expect(!*ref, 0)) {
		*ref = add_row(update, cell, at / JST_DISTINCT_ROW);
		if (!*ref)
			return;
	}
	struct jst_distinct_row *row = jst_memory_at(update->memory, *ref);
	jst_word *word = &row->registers[at % JST_DISTINCT_ROW / 8];
	const unsigned shift = at % 8 * 8;
	const uint64_t old = jst_word_load(word);
	if (rank > (old >> shift & 0xff))
		jst_word_store(word, (old & ~(0xffULL << shift)) | (uint64_t)rank << shift);
}
