/*
 * The one-word table: a slot is (salted key, value), 16 bytes replaced at once, so a key is never seen with another key's value. See map_table.h for windows and levels.
 *
 * While looking, only the low halves are read; the pair is read at once where that matches. What lies in the high half of an empty slot means nothing.
 */
#include "map_inline.h"

static inline struct jst_atomic_pair *window_of(const struct jst_map_access *access, uint64_t word, unsigned level, uint64_t salted)
{
	return jst_map_window(access->memory, word, level, level ? salted : jst_map_place(salted));
}

/* The first slot with the key but `except`; in *empty, unless NULL, the first empty one if there is none; in *levels how many levels there are. */
static inline struct jst_atomic_pair *find(const struct jst_map_access *access, struct jst_map_root *root, uint64_t salted, const struct jst_atomic_pair *except,
                                           struct jst_atomic_pair **empty, unsigned *levels)
{
	unsigned level;

	for (level = 0; level < JST_MAP_LEVELS; level++) {
		const uint64_t word = jst_map_level(root, JST_MAP_WORDS, level);
		unsigned empties = 0;
		if (!word)
			break;
		struct jst_atomic_pair *window = window_of(access, word, level, salted);
		unsigned matches = jst_map_look(window, salted, empty ? &empties : NULL);
		if (except && except >= window && except < window + JST_MAP_WINDOW)
			matches &= ~jst_map_bit((unsigned)(except - window));
		if (matches)
			return jst_map_slot(window, matches);
		if (empties && !*empty)
			*empty = jst_map_vacancy(window, salted, empties);
	}
	if (levels)
		*levels = level;
	return NULL;
}

struct jst_value jst_map_word_get(const struct jst_map_access *access, uint64_t salted)
{
	struct jst_map_root *root = jst_map_root(access);

	for (unsigned attempt = 0; attempt < JST_MAP_TRIES; attempt++) {
		struct jst_atomic_pair *slot = find(access, root, salted, NULL, NULL, NULL);
		if (!slot)
			return jst_value_nil();
		const struct jst_pair pair = jst_pair_load(slot);
		if (__builtin_expect(pair.low == salted, 1))
			return jst_value_int((int64_t)pair.high);
	}
	jst_slot_lose(access->slot, JST_LOSS_CONTENTION);
	return jst_value_nil();
}

bool jst_map_word_has(const struct jst_map_access *access, uint64_t salted)
{
	return find(access, jst_map_root(access), salted, NULL, NULL, NULL) != NULL;
}

/* Of a full span table: the slot of the window's oldest entry, which is in *pair. */
static struct jst_atomic_pair *find_oldest(const struct jst_map_access *access, struct jst_map_root *root, uint64_t salted, struct jst_pair *pair)
{
	struct jst_atomic_pair *oldest = NULL;

	for (unsigned level = 0; level < JST_MAP_LEVELS; level++) {
		const uint64_t word = jst_map_level(root, JST_MAP_WORDS, level);
		if (!word)
			break;
		struct jst_atomic_pair *window = window_of(access, word, level, salted);
		for (unsigned i = 0; i < JST_MAP_WINDOW; i++) {
			const struct jst_pair seen = jst_pair_load(&window[i]);
			if (!seen.low)
				continue;
			if (!oldest || (int64_t)seen.high < (int64_t)pair->high) {
				oldest = &window[i];
				*pair = seen;
			}
		}
	}
	return oldest;
}

/* An entry is no longer in slot. */
static void gone(const struct jst_map_access *access, struct jst_map_root *root, const struct jst_atomic_pair *slot, uint64_t salted)
{
	if (slot != jst_map_home(access->memory, root, salted))
		atomic_fetch_sub_explicit(jst_map_away(access->memory, root, salted), 1, memory_order_seq_cst);
}

/* Takes the own entry out again; false: somebody deleted it. *value becomes what it held. */
static bool take_back(const struct jst_map_access *access, struct jst_map_root *root, struct jst_atomic_pair *slot, uint64_t salted, int64_t *value)
{
	struct jst_pair pair = jst_pair_load(slot);

	while (pair.low == salted) {
		if (jst_pair_swap(slot, &pair, (struct jst_pair){ 0, 0 })) {
			*value = (int64_t)pair.high;
			gone(access, root, slot, salted);
			return true;
		}
	}
	return false;
}

/* Puts an entry into a slot that held pair, an empty one or one to be evicted; false: it holds something else by now. */
static inline bool put_in(const struct jst_map_access *access, struct jst_map_root *root, struct jst_atomic_pair *slot, struct jst_pair pair, uint64_t salted, int64_t value)
{
	const uint64_t before = pair.low;
	_Atomic uint32_t *away = slot == jst_map_home(access->memory, root, salted) ? NULL : jst_map_away(access->memory, root, salted);

	if (away)
		atomic_fetch_add_explicit(away, 1, memory_order_seq_cst);
	if (!jst_pair_swap(slot, &pair, (struct jst_pair){ salted, (uint64_t)value })) {
		if (away)
			atomic_fetch_sub_explicit(away, 1, memory_order_seq_cst);
		return false;
	}
	if (__builtin_expect(before != 0, 0)) {
		gone(access, root, slot, before);
		jst_slot_lose(access->slot, JST_LOSS_SPANS);
	}
	return true;
}

static inline void change(const struct jst_map_access *access, uint64_t salted, int64_t value, bool add)
{
	struct jst_map_root *root = jst_map_root(access);

	for (unsigned attempt = 0; attempt < JST_MAP_TRIES; attempt++) {
		struct jst_atomic_pair *empty = NULL;
		unsigned levels = 0;
		struct jst_atomic_pair *slot = find(access, root, salted, NULL, &empty, &levels);
		struct jst_pair pair = { 0, 0 };

		if (__builtin_expect(attempt != 0, 0))
			jst_map_relax(attempt);
		if (slot) {
			pair = jst_pair_load(slot);
			while (pair.low == salted && attempt++ < JST_MAP_TRIES) {
				const uint64_t next = add ? pair.high + (uint64_t)value : (uint64_t)value;
				if (jst_pair_swap(slot, &pair, (struct jst_pair){ salted, next }))
					return;
				jst_map_relax(attempt);
			}
			continue;
		}
		slot = empty;
		if (__builtin_expect(slot != NULL, 1)) {
			pair.high = atomic_load_explicit(&slot->high, memory_order_relaxed);
		} else {
			if (jst_map_grow(access, JST_MAP_WORDS, levels, attempt))
				continue;
			if (access->decl->flags & JST_MAP_SPAN)
				slot = find_oldest(access, root, salted, &pair);
			if (!slot) {
				jst_slot_lose(access->slot, JST_LOSS_ENTRIES);
				return;
			}
			if (pair.low == salted)
				continue;
		}
		if (!put_in(access, root, slot, pair, salted, value))
			continue;
		if (__builtin_expect(!find(access, root, salted, slot, NULL, NULL), 1))
			return;
		/* With another copy there, ours goes, with what others have made of it. */
		if (!take_back(access, root, slot, salted, &value))
			return;
	}
	jst_slot_lose(access->slot, JST_LOSS_CONTENTION);
}

void jst_map_word_set(const struct jst_map_access *access, uint64_t salted, int64_t value)
{
	change(access, salted, value, false);
}

void jst_map_word_settle(const struct jst_map_access *access, uint64_t salted, struct jst_atomic_pair *slot)
{
	struct jst_map_root *root = jst_map_root(access);
	int64_t value;

	if (find(access, root, salted, slot, NULL, NULL) && take_back(access, root, slot, salted, &value))
		change(access, salted, value, false);
}

void jst_map_word_add(const struct jst_map_access *access, uint64_t salted, int64_t value)
{
	change(access, salted, value, true);
}

bool jst_map_word_delete(const struct jst_map_access *access, uint64_t salted)
{
	struct jst_map_root *root = jst_map_root(access);
	bool removed = false;

	for (unsigned level = 0; level < JST_MAP_LEVELS; level++) {
		const uint64_t word = jst_map_level(root, JST_MAP_WORDS, level);
		if (!word)
			break;
		struct jst_atomic_pair *window = window_of(access, word, level, salted);
		for (unsigned matches = jst_map_look(window, salted, NULL); matches; matches &= matches - 1) {
			struct jst_atomic_pair *slot = jst_map_slot(window, matches);
			if (!jst_pair_clear(slot, salted))
				continue;
			gone(access, root, slot, salted);
			removed = true;
		}
	}
	return removed;
}
