/*
 * The general table: a slot is (hash, block and version), 16 bytes replaced at once. See map_table.h for windows, levels and the rule of inserting, and for blocks.
 *
 *     low: hash with its topmost bit set, 0 empty | high: ref of the block | version << 32, which every change of the slot raises
 *
 * A reader reads the slot, then the block, then the slot again: if that is the same, nobody took the block away meanwhile, for its slot's version would be another. Whoever swapped a block out of a slot
 * is alone with it, but for readers who will find out, and frees it.
 */
#include "map_table.h"

enum { READ_TRIES = 64 };

static struct jst_block *block_at(const struct jst_map_access *access, struct jst_pair pair)
{
	return jst_memory_at(access->memory, (jst_ref)pair.high);
}

static struct jst_pair next_state(struct jst_pair pair, uint64_t low, jst_ref ref)
{
	return (struct jst_pair){ low, ((pair.high >> 32) + 1) << 32 | ref };
}

/* Whether the slot holds the key; *pair is what it held then. A slot that changes each time it is read counts as another's. */
static bool holds(const struct jst_map_access *access, struct jst_atomic_pair *slot, const struct jst_map_key *key, struct jst_pair *pair)
{
	*pair = jst_pair_load(slot);
	for (unsigned i = 0; i < READ_TRIES && pair->low == key->hash; i++) {
		const struct jst_block *block = block_at(access, *pair);
		bool same = jst_block_key_size(block) == key->size;

		for (uint32_t k = 0; same && k < key->size / 8; k++)
			same = atomic_load_explicit(&block->payload[k], memory_order_acquire) == key->words[k];
		const struct jst_pair again = jst_pair_load(slot);
		if (jst_pair_same(*pair, again))
			return same;
		*pair = again;
	}
	return false;
}

/* The first slot with the key but `except`, with what it held; in *empty, unless NULL, the first empty one and in *vacancy what it held; in *levels how many levels there are. */
static struct jst_atomic_pair *find(const struct jst_map_access *access, struct jst_map_root *root, const struct jst_map_key *key, const struct jst_atomic_pair *except,
                                    struct jst_pair *pair, struct jst_atomic_pair **empty, struct jst_pair *vacancy, unsigned *levels)
{
	const unsigned start = jst_map_start(key->hash << 1);
	unsigned level;

	for (level = 0; level < JST_MAP_LEVELS; level++) {
		const uint64_t word = jst_map_level(root, JST_MAP_BLOCKS, level);
		if (!word)
			break;
		struct jst_atomic_pair *window = jst_map_window(access->memory, word, level, key->hash);
		for (unsigned i = 0; i < JST_MAP_WINDOW; i++) {
			struct jst_atomic_pair *slot = &window[i ^ start];
			const uint64_t low = atomic_load_explicit(&slot->low, memory_order_seq_cst);
			if (low == key->hash && slot != except && holds(access, slot, key, pair))
				return slot;
			if (low || !empty || *empty)
				continue;
			*vacancy = jst_pair_load(slot);
			if (!vacancy->low)
				*empty = slot;
		}
	}
	if (levels)
		*levels = level;
	return NULL;
}

struct jst_value jst_map_block_get(const struct jst_map_access *access, const struct jst_map_key *key)
{
	struct jst_map_root *root = jst_map_root(access);
	struct jst_pair pair;

	for (unsigned attempt = 0; attempt < JST_MAP_TRIES; attempt++) {
		struct jst_atomic_pair *slot = find(access, root, key, NULL, &pair, NULL, NULL, NULL);
		bool fits = true;

		if (!slot)
			return jst_value_nil();
		const struct jst_value value = jst_block_value(access->memory, block_at(access, pair), access->scratch + *access->used, key->room, &fits);
		if (!jst_pair_same(jst_pair_load(slot), pair))
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

bool jst_map_block_has(const struct jst_map_access *access, const struct jst_map_key *key)
{
	struct jst_pair pair;

	return find(access, jst_map_root(access), key, NULL, &pair, NULL, NULL, NULL) != NULL;
}

/* Of a full span table: the slot of the window's oldest entry, which is in *pair. */
static struct jst_atomic_pair *find_oldest(const struct jst_map_access *access, struct jst_map_root *root, uint64_t hash, struct jst_pair *pair)
{
	struct jst_atomic_pair *oldest = NULL;
	int64_t least = 0;

	for (unsigned level = 0; level < JST_MAP_LEVELS; level++) {
		const uint64_t word = jst_map_level(root, JST_MAP_BLOCKS, level);
		if (!word)
			break;
		struct jst_atomic_pair *window = jst_map_window(access->memory, word, level, hash);
		for (unsigned i = 0; i < JST_MAP_WINDOW; i++) {
			const struct jst_pair seen = jst_pair_load(&window[i]);
			if (!seen.low)
				continue;
			/* Of a block that is reused right now this may be nonsense; then the swap fails. */
			const int64_t value = (int64_t)atomic_load_explicit(&block_at(access, seen)->words[2], memory_order_acquire);
			if (!oldest || value < least) {
				oldest = &window[i];
				*pair = seen;
				least = value;
			}
		}
	}
	return oldest;
}

/* Takes the own entry out again; its block is then the caller's. 0: somebody deleted it. */
static jst_ref take_back(const struct jst_map_access *access, struct jst_atomic_pair *slot, const struct jst_map_key *key)
{
	struct jst_pair pair;

	while (holds(access, slot, key, &pair)) {
		if (jst_pair_swap(slot, &pair, next_state(pair, 0, 0)))
			return (jst_ref)pair.high;
	}
	return 0;
}

enum progress { DONE, AGAIN, CARRIED, FULL };

/* Replaces the entry in slot, which held pair. */
static enum progress replace(const struct jst_map_access *access, const struct jst_map_key *key, struct jst_atomic_pair *slot, struct jst_pair pair,
                             struct jst_value value, int sign)
{
	struct jst_content content = { .value = value };
	struct jst_block *old = block_at(access, pair);
	bool cut = false, fits = true;

	if (sign) {
		const struct jst_value before = jst_block_value(access->memory, old, NULL, 0, &fits);
		/* A string that did not fit into no room at all is a string all the same: its bytes are taken from the block. */
		if (!jst_content_add(&content, fits ? before : jst_value_string(NULL, 0), old, value, sign, access->memory->header->string_size, &cut) ||
		    ((access->decl->flags & JST_MAP_INT) && content.value.kind != JST_INT)) {
			if (!jst_pair_swap(slot, &pair, next_state(pair, 0, 0)))
				return AGAIN;
			jst_block_free(access->memory, (jst_ref)pair.high);
			jst_slot_lose(access->slot, JST_LOSS_ERRORS);
			return DONE;
		}
	}
	const jst_ref ref = jst_block_make(access->memory, key->words, key->size, &content);
	if (!ref) {
		jst_slot_lose(access->slot, JST_LOSS_ENTRIES);
		return DONE;
	}
	const jst_ref unused = jst_pair_swap(slot, &pair, next_state(pair, key->hash, ref)) ? (jst_ref)(jst_memory_ref(access->memory, old)) : ref;
	jst_block_free(access->memory, unused);
	if (unused == ref)
		return AGAIN;
	if (cut)
		jst_slot_lose(access->slot, JST_LOSS_STRINGS);
	return DONE;
}

/* Puts a new entry into slot, which held pair (an empty slot, or the entry to evict). FULL: no memory for its block. CARRIED: another copy was there; the own one, taken back, is *carried. */
static enum progress insert(const struct jst_map_access *access, struct jst_map_root *root, const struct jst_map_key *key, struct jst_atomic_pair *slot,
                            struct jst_pair pair, struct jst_value value, int sign, jst_ref *carried)
{
	struct jst_content content = { .value = value };
	struct jst_pair other;
	bool cut = false;

	if (sign && (!jst_content_add(&content, jst_value_nil(), NULL, value, sign, access->memory->header->string_size, &cut) ||
	             ((access->decl->flags & JST_MAP_INT) && content.value.kind != JST_INT))) {
		jst_slot_lose(access->slot, JST_LOSS_ERRORS);
		return DONE;
	}
	const jst_ref ref = jst_block_make(access->memory, key->words, key->size, &content);
	if (!ref)
		return FULL;
	const struct jst_pair before = pair;
	if (!jst_pair_swap(slot, &pair, next_state(before, key->hash, ref))) {
		jst_block_free(access->memory, ref);
		return AGAIN;
	}
	if (before.low) {
		jst_block_free(access->memory, (jst_ref)before.high);
		jst_slot_lose(access->slot, JST_LOSS_SPANS);
	}
	if (cut)
		jst_slot_lose(access->slot, JST_LOSS_STRINGS);
	if (__builtin_expect(!find(access, root, key, slot, &other, NULL, NULL, NULL), 1))
		return DONE;
	*carried = take_back(access, slot, key);
	return *carried ? CARRIED : DONE;
}

/* No block is left: a span table gives up the window's oldest entry for the sake of its block. */
static bool evict_block(const struct jst_map_access *access, struct jst_map_root *root, uint64_t hash)
{
	struct jst_pair pair;
	struct jst_atomic_pair *slot = access->decl->flags & JST_MAP_SPAN ? find_oldest(access, root, hash, &pair) : NULL;

	if (!slot)
		return false;
	const jst_ref ref = (jst_ref)pair.high;
	if (jst_pair_swap(slot, &pair, next_state(pair, 0, 0))) {
		jst_block_free(access->memory, ref);
		jst_slot_lose(access->slot, JST_LOSS_SPANS);
	}
	return true;
}

static enum progress attempt_change(const struct jst_map_access *access, struct jst_map_root *root, const struct jst_map_key *key, struct jst_value value, int sign,
                                    unsigned attempt, jst_ref *carried)
{
	struct jst_atomic_pair *empty = NULL;
	struct jst_pair pair, vacancy;
	unsigned levels;
	struct jst_atomic_pair *slot = find(access, root, key, NULL, &pair, &empty, &vacancy, &levels);
	enum progress progress = FULL;

	if (slot)
		return replace(access, key, slot, pair, value, sign);
	if (empty) {
		progress = insert(access, root, key, empty, vacancy, value, sign, carried);
	} else {
		if (jst_map_grow(access, JST_MAP_BLOCKS, levels, attempt))
			return AGAIN;
		if (access->decl->flags & JST_MAP_SPAN)
			slot = find_oldest(access, root, key->hash, &pair);
		if (slot && holds(access, slot, key, &vacancy))
			return AGAIN;
		if (slot)
			progress = insert(access, root, key, slot, pair, value, sign, carried);
	}
	if (progress != FULL)
		return progress;
	if (evict_block(access, root, key->hash))
		return AGAIN;
	jst_slot_lose(access->slot, JST_LOSS_ENTRIES);
	return DONE;
}

void jst_map_block_change(const struct jst_map_access *access, const struct jst_map_key *key, struct jst_value value, int sign)
{
	struct jst_map_root *root = jst_map_root(access);
	jst_ref held = 0; /* a block that was taken back: value may lie in it */

	for (unsigned attempt = 0; attempt < JST_MAP_TRIES; attempt++) {
		jst_ref carried = 0;
		if (attempt)
			jst_map_relax(attempt);
		const enum progress progress = attempt_change(access, root, key, value, sign, attempt, &carried);

		if (progress == AGAIN)
			continue;
		if (held)
			jst_block_free(access->memory, held);
		if (progress == DONE)
			return;
		held = carried;
		value = jst_block_own(jst_memory_at(access->memory, held));
		if (sign < 0) /* what it holds is the negative already */
			sign = 1;
	}
	if (held)
		jst_block_free(access->memory, held);
	jst_slot_lose(access->slot, JST_LOSS_CONTENTION);
}

bool jst_map_block_delete(const struct jst_map_access *access, const struct jst_map_key *key)
{
	struct jst_map_root *root = jst_map_root(access);
	bool removed = false;

	for (unsigned level = 0; level < JST_MAP_LEVELS; level++) {
		const uint64_t word = jst_map_level(root, JST_MAP_BLOCKS, level);
		if (!word)
			break;
		struct jst_atomic_pair *window = jst_map_window(access->memory, word, level, key->hash);
		for (unsigned i = 0; i < JST_MAP_WINDOW; i++) {
			if (atomic_load_explicit(&window[i].low, memory_order_seq_cst) != key->hash)
				continue;
			const jst_ref ref = take_back(access, &window[i], key);
			if (!ref)
				continue;
			jst_block_free(access->memory, ref);
			removed = true;
		}
	}
	return removed;
}
