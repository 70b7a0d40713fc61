/*
 * Variables: maps without keys. The value lies in the root itself, 16 bytes replaced at once, so that n++ is one swap; only a string needs a block.
 *
 *     low: changes << 8 | kind | high: the integer, the double's bits, or the string's block
 *
 * The count of changes makes a reader of a block notice that the block was replaced, as versions do in the general table.
 */
#include "map_table.h"

struct jst_value jst_map_scalar_get(const struct jst_map_access *access)
{
	struct jst_atomic_pair *scalar = &jst_map_root(access)->scalar;

	for (unsigned attempt = 0; attempt < JST_MAP_TRIES; attempt++) {
		const struct jst_pair pair = jst_pair_load(scalar);
		bool fits = true;

		if (jst_map_scalar_kind(pair) != JST_STRING)
			return (struct jst_value){ .i = (int64_t)pair.high, .kind = jst_map_scalar_kind(pair) };
		const struct jst_block *block = jst_memory_at(access->memory, (jst_ref)pair.high);
		const struct jst_value value = jst_block_value(access->memory, block, access->scratch + *access->used, access->room - *access->used, &fits);
		if (!jst_pair_same(jst_pair_load(scalar), pair))
			continue;
		if (!fits)
			jst_slot_lose(access->slot, JST_LOSS_SCRATCH);
		if (value.kind == JST_STRING)
			*access->used += value.length;
		return value;
	}
	jst_slot_lose(access->slot, JST_LOSS_CONTENTION);
	return jst_value_nil();
}

void jst_map_scalar_change(const struct jst_map_access *access, struct jst_value value, int sign)
{
	struct jst_atomic_pair *scalar = &jst_map_root(access)->scalar;
	struct jst_pair pair = jst_pair_load(scalar);

	for (unsigned attempt = 0; attempt < JST_MAP_TRIES; attempt++) {
		struct jst_content content = { .value = value };
		uint64_t bits = 0;
		bool cut = false, wrong = false;
		jst_ref made = 0;

		if (attempt) {
			jst_map_relax(attempt);
			pair = jst_pair_load(scalar);
		}
		const bool was_string = jst_map_scalar_kind(pair) == JST_STRING;
		if (sign) {
			const struct jst_value old = { .i = (int64_t)pair.high, .kind = jst_map_scalar_kind(pair) };
			const struct jst_block *block = was_string ? jst_memory_at(access->memory, (jst_ref)pair.high) : NULL;
			wrong = !jst_content_add(&content, old, block, value, sign, access->memory->header->string_size, &cut) ||
			        ((access->decl->flags & JST_MAP_INT) && content.value.kind != JST_INT);
			if (wrong)
				content.value = jst_value_nil();
		}
		if (content.value.kind == JST_STRING) {
			made = jst_block_make(access->memory, NULL, 0, &content);
			if (!made) {
				jst_slot_lose(access->slot, JST_LOSS_ENTRIES);
				return;
			}
			bits = made;
		} else if (content.value.kind != JST_NIL) {
			bits = (uint64_t)content.value.i;
		}
		const jst_ref before = (jst_ref)pair.high;
		if (!jst_pair_swap(scalar, &pair, jst_map_scalar_next(pair, content.value.kind, bits))) {
			if (made)
				jst_block_free(access->memory, made);
			continue;
		}
		if (was_string)
			jst_block_free(access->memory, before);
		if (wrong)
			jst_slot_lose(access->slot, JST_LOSS_ERRORS);
		if (cut)
			jst_slot_lose(access->slot, JST_LOSS_STRINGS);
		return;
	}
	jst_slot_lose(access->slot, JST_LOSS_CONTENTION);
}
