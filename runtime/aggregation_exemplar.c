/*
 * Exemplars: hist(x, exemplar: id) keeps the ids that came last with values of each power of two, so that a slow request can be found by its id.
 *
 *     state -> directory: a ref a power -> row: JST_EXEMPLARS exemplars
 */
#include <string.h>

#include "aggregation_state.h"

/* A value as an exemplar's words hold it. */
struct encoded {
	uint64_t kind;
	uint64_t words[JST_EXEMPLAR_TEXT / 8];
};

enum { WORDS = JST_EXEMPLAR_TEXT / 8 };

static void encode(const struct jst_update *update, struct jst_value value, struct encoded *to)
{
	*to = (struct encoded){ .kind = value.kind };
	if (value.kind != JST_STRING) {
		to->words[0] = (uint64_t)jst_key_value(value).i;
		to->kind = jst_key_value(value).kind;
		return;
	}
	if (value.length > JST_EXEMPLAR_TEXT) {
		value.length = JST_EXEMPLAR_TEXT;
		jst_slot_lose(update->slot, JST_LOSS_EXEMPLARS);
	}
	to->kind |= (uint64_t)value.length << 32;
	if (value.length)
		memcpy(to->words, value.s, value.length);
}

static jst_ref append(const struct jst_update *update, enum jst_cell_type type, size_t size, uint64_t word)
{
	const struct jst_cell *cell = jst_cell_append(update->memory, update->slot, update->bank, type, update->index, (uint32_t)size, word);

	return cell ? jst_memory_ref(update->memory, cell) : 0;
}

/* The row of a power, made if there is none. NULL: no memory, counted. */
static struct jst_exemplar_row *find_row(const struct jst_update *update, const struct jst_cell *owner, struct jst_histogram_state *state, int power)
{
	/* The fields after the header in one word, as struct jst_exemplar_row has them. */
	const union {
		struct { jst_ref owner; int16_t power; uint16_t reserved; } fields;
		uint64_t word;
	} first = { .fields = { .owner = jst_memory_ref(update->memory, owner), .power = (int16_t)power } };

	if (!state->exemplars)
		state->exemplars = append(update, JST_CELL_NODE, sizeof(struct jst_exemplar_directory), 0);
	if (!state->exemplars)
		return NULL;
	jst_ref *ref = &((struct jst_exemplar_directory *)jst_memory_at(update->memory, state->exemplars))->row[power + JST_POWERS / 2];
	if (!*ref)
		*ref = append(update, JST_CELL_EXEMPLARS, sizeof(struct jst_exemplar_row), first.word);
	return *ref ? jst_memory_at(update->memory, *ref) : NULL;
}

static bool holds(const struct jst_exemplar_state *exemplar, const struct encoded *value)
{
	if (jst_word_load(&exemplar->kind) != value->kind)
		return false;
	for (unsigned i = 0; i < WORDS; i++) {
		if (jst_word_load(&exemplar->value[i]) != value->words[i])
			return false;
	}
	return true;
}

/* When it came; none is older than all. */
static int64_t age_of(const struct jst_exemplar_state *exemplar)
{
	return jst_word_load(&exemplar->kind) ? (int64_t)jst_word_load(&exemplar->timestamp) : INT64_MIN;
}

/* Where the value goes: where it is already, so that the row names different ones, or else in place of the oldest. */
static struct jst_exemplar_state *place_for(struct jst_exemplar_row *row, const struct encoded *value)
{
	struct jst_exemplar_state *place = &row->exemplar[0];

	for (unsigned i = 0; i < JST_EXEMPLARS; i++) {
		if (holds(&row->exemplar[i], value))
			return &row->exemplar[i];
		if (age_of(&row->exemplar[i]) < age_of(place))
			place = &row->exemplar[i];
	}
	return place;
}

/* Whether there was memory for the row of buckets that the value is counted in. */
static bool is_counted(const struct jst_update *update, const struct jst_histogram_state *state, int64_t value)
{
	const unsigned bits = jst_histogram_bits(update->decl);
	const uint32_t block = jst_histogram_index(bits, value < 0 ? jst_magnitude(value) : (uint64_t)value) >> bits;

	if (value >= 0)
		return state->row[block] != 0;
	return state->negative && ((const struct jst_histogram_negative *)jst_memory_at(update->memory, state->negative))->row[block];
}

void jst_exemplar_update(const struct jst_update *update, struct jst_cell *cell, struct jst_value value, struct jst_value exemplar)
{
	struct jst_histogram_state *state = jst_cell_state(cell);
	const int64_t whole = jst_histogram_value(value);
	struct encoded encoded;

	jst_histogram_update(update, cell, value);
	if (exemplar.kind == JST_NIL || !is_counted(update, state, whole))
		return;
	struct jst_exemplar_row *row = find_row(update, cell, state, jst_histogram_power(whole));
	if (!row)
		return;
	encode(update, exemplar, &encoded);
	struct jst_exemplar_state *place = place_for(row, &encoded);
	/* Within one thread the later event comes later, but for a step of the wall clock. */
	if (age_of(place) > update->timestamp)
		return;
	jst_word_store(&place->kind, JST_NIL);
	atomic_signal_fence(memory_order_seq_cst); /* whoever reads after the thread's death sees its stores in this order */
	jst_word_store(&place->timestamp, (uint64_t)update->timestamp);
	jst_word_store(&place->tid, (uint64_t)update->tid);
	for (unsigned i = 0; i < WORDS; i++)
		jst_word_store(&place->value[i], encoded.words[i]);
	atomic_signal_fence(memory_order_seq_cst);
	jst_word_store(&place->kind, encoded.kind);
}
