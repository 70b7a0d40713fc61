/*
 * Maps: which table an entry belongs to, laying maps out, growing them, and looking at all entries.
 */
#include "map.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "cell.h"
#include "hash.h"
#include "map_inline.h"

enum {
	LEVEL_MIN_LOG = 8,   /* 4 KiB: the smallest first level of a table */
	LEVEL_FIRST_LOG = 14, /* 256 KiB: the largest; it stays in the second-level cache and its translations in the first TLB */
	KEY_ON_STACK = 512,  /* bytes of an encoded key that need no scratch */
	RELAX_MAX = 8,
};

bool jst_pair_vector;

/* ---- layout ---- */

/* Of the counts beside a first level. */
static size_t away_size(unsigned log)
{
	return (sizeof(_Atomic uint32_t) << log) / JST_MAP_WINDOW;
}

size_t jst_map_roots_size(const struct jst_program *program)
{
	return sizeof(struct jst_map_directory) + jst_program_count(program, JST_SECTION_MAPS) * sizeof(struct jst_map_root);
}

size_t jst_map_minimum(const struct jst_program *program)
{
	const struct jst_map_decl *decls = jst_program_section(program, JST_SECTION_MAPS);
	size_t size = jst_map_roots_size(program);

	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_MAPS); i++) {
		if (jst_map_has_words(&decls[i]))
			size += (sizeof(struct jst_atomic_pair) << LEVEL_MIN_LOG) + away_size(LEVEL_MIN_LOG);
	}
	return size;
}

bool jst_map_init(struct jst_memory *memory, const struct jst_program *program)
{
	const struct jst_map_decl *decls = jst_program_section(program, JST_SECTION_MAPS);
	const uint32_t count = jst_program_count(program, JST_SECTION_MAPS);
	unsigned log = LEVEL_FIRST_LOG;

#if defined(__x86_64__)
	unsigned eax, ebx, ecx, edx;
	jst_pair_vector = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_AVX);
#endif
	/* All first levels together take at most a quarter of the memory, one of them at most a 64th. */
	while (log > LEVEL_MIN_LOG && (sizeof(struct jst_atomic_pair) << log > memory->header->size / 64 ||
	                               (uint64_t)count * sizeof(struct jst_atomic_pair) << log > memory->header->size / 4))
		log--;
	for (uint32_t i = 0; i < count; i++) {
		struct jst_map_root *root = &jst_map_directory(memory)->roots[i];
		root->first = log;
		if (!jst_map_has_words(&decls[i]))
			continue;
		const uint64_t size = sizeof(struct jst_atomic_pair) << log;
		const jst_ref ref = jst_memory_take(memory, size + away_size(log));
		if (!ref)
			return false;
		root->home_mask = (1U << log) / JST_MAP_WINDOW - 1;
		root->home_offset = (uint64_t)ref * 8;
		root->away_offset = root->home_offset + size;
		atomic_store_explicit(&root->levels[JST_MAP_WORDS][0], ref | (uint64_t)log << 32, memory_order_release);
		atomic_store_explicit(&root->bytes, size, memory_order_relaxed);
	}
	return true;
}

/* ---- growing ---- */

jst_ref jst_map_take(struct jst_memory *memory, uint64_t size)
{
	const uint64_t permit = atomic_load_explicit(&memory->header->permit, memory_order_relaxed);
	const uint64_t used = atomic_load_explicit(&memory->header->heap_used, memory_order_relaxed);
	const uint64_t spare = memory->header->size / 8;

	return used + size + spare > permit ? 0 : jst_memory_take(memory, size);
}

void jst_map_relax(unsigned attempt)
{
	for (unsigned i = 0; i < attempt && i < RELAX_MAX; i++) {
#if defined(__x86_64__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#endif
	}
}

/* The largest of four, two times and once the previous level's size that the map may have and the memory has; *log is its size. */
static jst_ref take_level(const struct jst_map_access *access, struct jst_map_root *root, unsigned *log)
{
	const uint64_t limit = access->memory->header->size / (access->decl->flags & JST_MAP_SPAN ? 4 : 2);
	const uint64_t bytes = atomic_load_explicit(&root->bytes, memory_order_relaxed);
	const unsigned least = *log;

	for (*log = least + 2; *log >= least; --*log) {
		const uint64_t size = sizeof(struct jst_atomic_pair) << *log;
		const jst_ref ref = bytes + size <= limit ? jst_map_take(access->memory, size) : 0;
		if (ref)
			return ref;
	}
	return 0;
}

bool jst_map_grow(const struct jst_map_access *access, enum jst_map_table table, unsigned level, unsigned attempt)
{
	struct jst_map_root *root = jst_map_root(access);

	if (level >= JST_MAP_LEVELS)
		return false;
	uint64_t word = atomic_load_explicit(&root->levels[table][level], memory_order_acquire);
	if (word > JST_MAP_MAKING)
		return true;
	if (word == JST_MAP_MAKING && attempt < JST_MAP_PATIENCE)
		return true;
	if (!word && !atomic_compare_exchange_strong_explicit(&root->levels[table][level], &word, JST_MAP_MAKING, memory_order_seq_cst, memory_order_acquire))
		return true;

	/* A first level is made lazily, at the size that those made at the start have. */
	unsigned log = level ? (unsigned)(atomic_load_explicit(&root->levels[table][level - 1], memory_order_acquire) >> 32) : root->first - 2;
	const jst_ref ref = take_level(access, root, &log);
	word = JST_MAP_MAKING;
	if (!ref) {
		/* Somebody else may have had more luck in the meantime. */
		return !atomic_compare_exchange_strong_explicit(&root->levels[table][level], &word, 0, memory_order_seq_cst, memory_order_acquire);
	}
	if (atomic_compare_exchange_strong_explicit(&root->levels[table][level], &word, ref | (uint64_t)log << 32, memory_order_seq_cst, memory_order_acquire))
		atomic_fetch_add_explicit(&root->bytes, sizeof(struct jst_atomic_pair) << log, memory_order_relaxed);
	return true;
}

/* ---- dispatch ---- */

/* True if the key's entry lives in the one-word table; then *salted is the key there. */
static inline bool in_words(const struct jst_map_access *access, const struct jst_value *keys, uint64_t *salted)
{
	int64_t key = keys[0].i;

	if (__builtin_expect(!jst_map_has_words(access->decl), 0))
		return false;
	if (__builtin_expect(keys[0].kind != JST_INT, 0)) {
		const double d = keys[0].d;
		if (keys[0].kind != JST_DOUBLE || !(d >= -0x1p63 && d < 0x1p63) || (double)(int64_t)d != d)
			return false;
		key = (int64_t)d;
	}
	*salted = jst_map_salted((uint64_t)key);
	return *salted != 0;
}

/* Encodes the keys, into local where they are small, else at the end of the scratch. False: no room, LOSS_SCRATCH. */
static bool encode(const struct jst_map_access *access, const struct jst_value *keys, uint64_t local[KEY_ON_STACK / 8], struct jst_map_key *key)
{
	const uint32_t limit = access->memory->header->string_size;
	const uint32_t size = jst_key_size(keys, access->decl->keys, limit);
	void *buffer = local;
	bool cut = false;

	key->room = access->room - *access->used;
	if (size > KEY_ON_STACK) {
		const uintptr_t end = (uintptr_t)access->scratch + access->room;
		const uintptr_t at = size <= key->room ? (end - size) & ~(uintptr_t)7 : 0;
		if (at < (uintptr_t)access->scratch + *access->used) {
			jst_slot_lose(access->slot, JST_LOSS_SCRATCH);
			return false;
		}
		buffer = (void *)at;
		key->room = (uint32_t)(at - (uintptr_t)access->scratch) - *access->used;
	}
	key->size = jst_key_encode(buffer, size, keys, access->decl->keys, limit, &cut);
	key->words = buffer;
	key->hash = jst_hash(buffer, key->size) | 1ULL << 63;
	if (cut)
		jst_slot_lose(access->slot, JST_LOSS_STRINGS);
	return true;
}

struct jst_value jst_map_get(const struct jst_map_access *access, const struct jst_value *keys)
{
	uint64_t salted, local[KEY_ON_STACK / 8];
	struct jst_map_key key;

	if (!access->decl->keys)
		return jst_map_scalar_get(access);
	if (__builtin_expect(in_words(access, keys, &salted), 1))
		return jst_map_word_get(access, salted);
	return encode(access, keys, local, &key) ? jst_map_block_get(access, &key) : jst_value_nil();
}

bool jst_map_has(const struct jst_map_access *access, const struct jst_value *keys)
{
	uint64_t salted, local[KEY_ON_STACK / 8];
	struct jst_map_key key;

	if (!access->decl->keys)
		return (jst_pair_load(&jst_map_root(access)->scalar).low & 0xff) != JST_NIL;
	if (in_words(access, keys, &salted))
		return jst_map_word_has(access, salted);
	return encode(access, keys, local, &key) && jst_map_block_has(access, &key);
}

bool jst_map_delete(const struct jst_map_access *access, const struct jst_value *keys)
{
	uint64_t salted, local[KEY_ON_STACK / 8];
	struct jst_map_key key;

	if (!access->decl->keys) {
		jst_map_scalar_change(access, jst_value_nil(), 0);
		return true;
	}
	if (__builtin_expect(in_words(access, keys, &salted), 1))
		return jst_map_word_delete(access, salted);
	return !encode(access, keys, local, &key) || jst_map_block_delete(access, &key);
}

static bool has_nil_key(const struct jst_map_access *access, const struct jst_value *keys)
{
	for (uint32_t i = 0; i < access->decl->keys; i++) {
		if (keys[i].kind == JST_NIL)
			return true;
	}
	return false;
}

void jst_map_end(const struct jst_map_access *access, const struct jst_value *keys)
{
	if (__builtin_expect(jst_map_delete(access, keys), 1) || has_nil_key(access, keys))
		return;
	jst_slot_lose(access->slot, JST_LOSS_UNSTARTED);
	jst_slot_unstarted(access->slot, access->index);
}

static void change(const struct jst_map_access *access, const struct jst_value *keys, struct jst_value value, int sign)
{
	const uint32_t limit = access->memory->header->string_size;
	uint64_t local[KEY_ON_STACK / 8];
	struct jst_map_key key;

	if ((access->decl->flags & JST_MAP_SPAN) && has_nil_key(access, keys))
		return;
	if (value.kind == JST_NIL) { /* also what arithmetic with nil yields */
		jst_map_delete(access, keys);
		return;
	}
	/* The verifier proves that this does not happen; a string in a one-word slot would be read as a number. */
	if ((access->decl->flags & JST_MAP_INT) && value.kind != JST_INT) {
		jst_slot_lose(access->slot, JST_LOSS_ERRORS);
		jst_map_delete(access, keys);
		return;
	}
	/* What is added is cut where it is joined to what is there. */
	if (!sign && value.kind == JST_STRING && value.length > limit) {
		value.length = limit;
		jst_slot_lose(access->slot, JST_LOSS_STRINGS);
	}
	if (!access->decl->keys)
		jst_map_scalar_change(access, value, sign);
	else if (encode(access, keys, local, &key))
		jst_map_block_change(access, &key, value, sign);
}

void jst_map_set(const struct jst_map_access *access, const struct jst_value *keys, struct jst_value value)
{
	uint64_t salted;

	if (__builtin_expect(value.kind == JST_INT && access->decl->keys == 1 && in_words(access, keys, &salted), 1))
		jst_map_word_set(access, salted, value.i);
	else
		change(access, keys, value, 0);
}

void jst_map_add(const struct jst_map_access *access, const struct jst_value *keys, struct jst_value value, int sign)
{
	uint64_t salted;

	if (__builtin_expect(value.kind == JST_INT && access->decl->keys == 1 && in_words(access, keys, &salted), 1))
		jst_map_word_add(access, salted, sign > 0 ? value.i : (int64_t)(0 - (uint64_t)value.i));
	else
		change(access, keys, value, sign);
}

/* ---- all entries ---- */

typedef bool visitor(void *context, const struct jst_value *keys, struct jst_value value);

static bool each_word(const struct jst_map_access *access, uint64_t level, visitor *visit, void *context)
{
	struct jst_atomic_pair *slots = jst_memory_at(access->memory, (jst_ref)level);

	for (uint64_t i = 0; i < 1ULL << (level >> 32); i++) {
		const struct jst_pair pair = jst_pair_load(&slots[i]);
		if (!pair.low)
			continue;
		const struct jst_value key = jst_value_int((int64_t)jst_map_unsalted(pair.low));
		if (!visit(context, &key, jst_value_int((int64_t)pair.high)))
			return false;
	}
	return true;
}

/* Copies the slot's entry to the scratch behind what is used of it; false: it went away, or did not fit. */
static bool copy_entry(const struct jst_map_access *access, struct jst_atomic_pair *slot, struct jst_value *keys, struct jst_value *value)
{
	const struct jst_pair pair = jst_pair_load(slot);
	const struct jst_block *block = jst_memory_at(access->memory, (jst_ref)pair.high);
	bool fits = true;

	if (!pair.low)
		return false;
	const uint32_t key_size = jst_block_key_size(block);
	char *key = (char *)(((uintptr_t)access->scratch + *access->used + 7) & ~(uintptr_t)7);
	const char *end = access->scratch + access->room;
	if (key > end || key_size > (uint64_t)(end - key)) {
		jst_slot_lose(access->slot, JST_LOSS_SCRATCH);
		return false;
	}
	for (uint32_t i = 0; i < key_size / 8; i++) {
		const uint64_t word = atomic_load_explicit(&block->payload[i], memory_order_acquire);
		memcpy(key + i * 8, &word, 8);
	}
	*value = jst_block_value(access->memory, block, key + key_size, (uint32_t)(end - key) - key_size, &fits);
	if (!jst_pair_same(jst_pair_load(slot), pair))
		return false;
	if (!fits)
		jst_slot_lose(access->slot, JST_LOSS_SCRATCH);
	return fits && jst_key_decode(key, key_size, keys, access->decl->keys);
}

static bool each_block(const struct jst_map_access *access, uint64_t level, visitor *visit, void *context)
{
	struct jst_atomic_pair *slots = jst_memory_at(access->memory, (jst_ref)level);
	struct jst_value keys[JST_MAX_KEYS], value;

	for (uint64_t i = 0; i < 1ULL << (level >> 32); i++) {
		if (copy_entry(access, &slots[i], keys, &value) && !visit(context, keys, value))
			return false;
	}
	return true;
}

void jst_map_each(const struct jst_map_access *access, visitor *visit, void *context)
{
	struct jst_map_root *root = jst_map_root(access);
	const uint32_t used = *access->used;

	if (!access->decl->keys) {
		const struct jst_value value = jst_map_scalar_get(access);
		if (value.kind != JST_NIL)
			visit(context, NULL, value);
		*access->used = used;
		return;
	}
	for (unsigned table = 0; table < JST_MAP_TABLES; table++) {
		for (unsigned level = 0; level < JST_MAP_LEVELS; level++) {
			const uint64_t word = jst_map_level(root, table, level);
			if (!word)
				break;
			if (!(table == JST_MAP_WORDS ? each_word : each_block)(access, word, visit, context))
				return;
		}
	}
}
