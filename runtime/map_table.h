/*
 * What the tables of a map share: roots, levels and windows. Private to map*.c.
 *
 *     root.levels[table][0] -> slots, 2^n of them    a key has one window in each level: two neighbouring cache lines, eight slots
 *     root.levels[table][1] -> the next, 4 x         taken from the heap when a window is full in all levels there are
 *
 * A slot is a struct jst_atomic_pair; low 0 is empty, else low tells the key: the salted key itself (map_word.c) or its hash (map_block.c). Entries never move.
 *
 * Inserting. A thread that found no slot with its key in any level swaps its entry into the first empty slot. Two threads may do so for one key at once and pick different slots,
 * when a slot is emptied between their looks. So after the swap each looks through the whole window again. Swaps are full barriers and the looks afterwards sequentially consistent,
 * so of two such threads at least one sees the other's entry (Dekker). Whoever sees another copy takes his own out again, with what other threads have made of it meanwhile, and starts anew with that value.
 * If his own is gone, somebody deleted it, which came after. A new level is published before anything is put into it, by a sequentially consistent swap, so the second look includes it or the other thread's does.
 * As long as no entry of the words that belongs to a window lies elsewhere than at its home (root.away_offset), the second look of one that was put in at home is that at the count: who raises it has not put his entry in before, and looks himself afterwards.
 * Deleting empties every copy. While two copies exist, for some nanoseconds, a get may return either; an update of the copy that goes is carried over to the one that stays.
 *
 * Growing. The level's word goes 0 -> MAKING -> ref. One thread claims the making; it takes one fetch_add on the heap. Others look again a bounded number of times, and if the maker was preempted, make the level
 * themselves: the swap MAKING -> ref decides, and the memory of the loser stays unused. Nobody waits for anybody, and a maker that never comes back blocks nothing.
 */
#ifndef JST_MAP_TABLE_H
#define JST_MAP_TABLE_H

#include "hash.h"
#include "map.h"
#include "pair.h"

enum {
	JST_MAP_LEVELS = 8,
	JST_MAP_WINDOW = 8,        /* slots */
	JST_MAP_TRIES = 512,       /* disturbed this often, an operation gives up: LOSS_CONTENTION */
	JST_MAP_PATIENCE = 64,     /* looks for a level that another thread makes */
	JST_MAP_MAKING = 1,
	JST_BLOCK_MIN = 64,
	JST_BLOCK_CLASSES = 15,    /* blocks of 64 bytes << class, up to 1 MiB */
	JST_BLOCK_KIND = 32,       /* where these lie in a block's second word, bits */
	JST_BLOCK_CLASS = 40,
};

/*
 * An integer as a key of the one-word table is kept salted: 0 is an empty slot, and the key 0 scripts do use. The one key that becomes 0 lives in the general table.
 *
 * Integers in a row, as ids that count up are, share a window of the first level by sevens and eights, each with a slot of its own there, its home; those that follow have the next window, all the way round. So they are at home as long as no more of them live at once
 * than there is room for, and a thread that hands out its own touches a cache line four times before the next. That is multiplicative hashing (Knuth 6.4) with a factor little above 2^50: the product's topmost eleven bits, the window, rise by a bit more than one
 * every eight integers, and the little more spreads what comes in larger steps.
 */
#define JST_MAP_SALT 0x9e3779b97f4a7c15ULL

static inline uint64_t jst_map_salted(uint64_t key)
{
	return key + JST_MAP_SALT;
}

static inline uint64_t jst_map_unsalted(uint64_t salted)
{
	return salted - JST_MAP_SALT;
}

/* A number of eleven bits whose low ones choose the window: a first level has at most as many. */
static inline uint64_t jst_map_place(uint64_t salted)
{
	return salted * 0x413c6ef372fe9ULL >> 53;
}

enum jst_map_table { JST_MAP_WORDS, JST_MAP_BLOCKS, JST_MAP_TABLES };

struct jst_map_root {
	_Alignas(64) _Atomic uint64_t levels[JST_MAP_TABLES][JST_MAP_LEVELS]; /* ref | log2 of the slots << 32; 0: absent */
	struct jst_atomic_pair scalar;   /* of a variable: low = changes << 8 | kind, high = the bits, or a string's block */
	_Atomic uint64_t bytes;          /* of all levels */
	uint32_t first;                  /* log2 of the slots of a first level */
	uint32_t home_mask;              /* of the places in the first level of words: its windows - 1 */
	uint64_t home_offset;            /* where that begins, bytes from the start of the memory */
	uint64_t away_offset;            /* where, likewise, for each of its windows is a count of the entries that belong there and lie elsewhere than at their home, _Atomic uint32_t; never less than there are: raised before one is put in, lowered after it is gone */
};

_Static_assert(sizeof(struct jst_map_root) == 192, "whole cache lines");

struct jst_map_directory {
	_Alignas(64) _Atomic uint64_t free_blocks[16]; /* stacks: pops << 32 | ref, as those of chunks in memory.c */
	struct jst_map_root roots[];
};

static inline struct jst_map_directory *jst_map_directory(const struct jst_memory *memory)
{
	return (struct jst_map_directory *)(memory->base + JST_MAPS_OFFSET);
}

static inline struct jst_map_root *jst_map_root(const struct jst_map_access *access)
{
	return &jst_map_directory(access->memory)->roots[access->index];
}

/* The window of a level, whose word is present, that a hash chooses: the key's own in the first level; further ones mix it anew, so that what was neighbours in one is not in the next. */
static inline struct jst_atomic_pair *jst_map_window(const struct jst_memory *memory, uint64_t word, unsigned level, uint64_t hash)
{
	const uint64_t turned = __builtin_expect(level == 0, 1) ? hash : jst_mix(hash + level);
	const uint64_t windows = (1ULL << (word >> 32)) / JST_MAP_WINDOW;

	return (struct jst_atomic_pair *)jst_memory_at(memory, (jst_ref)word) + (turned & (windows - 1)) * JST_MAP_WINDOW;
}

/* Where in the window to begin: at one of its two lines. */
static inline unsigned jst_map_start(uint64_t hash)
{
	return (unsigned)(hash >> 60) & 4;
}

/* The word of a level, 0 while it is absent or being made. Sequentially consistent: see the head. */
static inline uint64_t jst_map_level(struct jst_map_root *root, enum jst_map_table table, unsigned level)
{
	const uint64_t word = atomic_load_explicit(&root->levels[table][level], memory_order_seq_cst);

	return word == JST_MAP_MAKING ? 0 : word;
}

/* Makes level `level` of the table, or sees to it that somebody does. True: look again. False: there will be none, the map is full. attempt: how often the caller has looked. Context: probe. */
bool jst_map_grow(const struct jst_map_access *access, enum jst_map_table table, unsigned level, unsigned attempt);

/* Lets the other thread finish, for longer the more often the caller was disturbed; at most about a microsecond. */
void jst_map_relax(unsigned attempt);

/* size bytes for a map, leaving an eighth of the memory to aggregations and rings; 0 when there is no more. */
jst_ref jst_map_take(struct jst_memory *memory, uint64_t size);

/* What each table does. The operations are those of map.h; salted is never 0. Context: probe. */
struct jst_value jst_map_word_get(const struct jst_map_access *access, uint64_t salted);
bool jst_map_word_has(const struct jst_map_access *access, uint64_t salted);
void jst_map_word_set(const struct jst_map_access *access, uint64_t salted, int64_t value);
void jst_map_word_add(const struct jst_map_access *access, uint64_t salted, int64_t value);
bool jst_map_word_delete(const struct jst_map_access *access, uint64_t salted);

/* A key as the general table knows it. */
struct jst_map_key {
	const uint64_t *words;
	uint32_t size;     /* bytes */
	uint64_t hash;     /* topmost bit set */
	uint32_t room;     /* what of the access's scratch may be used for a value */
};

struct jst_value jst_map_block_get(const struct jst_map_access *access, const struct jst_map_key *key);
bool jst_map_block_has(const struct jst_map_access *access, const struct jst_map_key *key);
/* sign 0: set. */
void jst_map_block_change(const struct jst_map_access *access, const struct jst_map_key *key, struct jst_value value, int sign);
bool jst_map_block_delete(const struct jst_map_access *access, const struct jst_map_key *key);

/* Variables: maps without keys. value nil removes. How a value lies in its pair: map_scalar.c. */
enum { JST_SCALAR_KIND = 0xff, JST_SCALAR_CHANGE = 0x100 };

static inline uint32_t jst_map_scalar_kind(struct jst_pair pair)
{
	return (uint32_t)(pair.low & JST_SCALAR_KIND);
}

/* What follows pair. */
static inline struct jst_pair jst_map_scalar_next(struct jst_pair pair, enum jst_kind kind, uint64_t bits)
{
	return (struct jst_pair){ ((pair.low & ~(uint64_t)JST_SCALAR_KIND) + JST_SCALAR_CHANGE) | kind, bits };
}

struct jst_value jst_map_scalar_get(const struct jst_map_access *access);
void jst_map_scalar_change(const struct jst_map_access *access, struct jst_value value, int sign);

/* ---- blocks (map_value.c): an entry's key and value, immutable while a table refers to it ---- */

/*
 *     word 0: next free block | word 1: key size, kind << 32, class << 40 | word 2: bits, or the string's length | key | string, padded with zeros
 *
 * A block stays a block of its class for ever, and every word is read by acquire and written by release: a reader that sees a word of a later use also sees, when it looks at the slot again, that the slot has changed.
 */
struct jst_block {
	_Atomic uint64_t words[3];
	_Atomic uint64_t payload[];
};

/* What goes into a block: a value whose string may be made of what another block holds and of further bytes. */
struct jst_content {
	struct jst_value value;       /* string: its s and length are the second part */
	const struct jst_block *base; /* first part, or NULL */
	uint32_t base_length;
};

static inline uint32_t jst_block_key_size(const struct jst_block *block)
{
	return (uint32_t)atomic_load_explicit(&block->words[1], memory_order_acquire);
}

/* A block with key and content, 0 when no memory is left. */
jst_ref jst_block_make(struct jst_memory *memory, const uint64_t *key, uint32_t key_size, const struct jst_content *content);
void jst_block_free(struct jst_memory *memory, jst_ref ref);
/* The value, whose string is copied to room bytes at `to`; nil where a string does not fit, with *fits false. What a changing block yields is bounded nonsense: look at the slot again. */
struct jst_value jst_block_value(const struct jst_memory *memory, const struct jst_block *block, char *to, uint32_t room, bool *fits);
/* The value of a block that nobody else can change: a string stays in it. */
struct jst_value jst_block_own(struct jst_block *block);

/* old + sign * value. False: kinds that cannot be added, an error of the clause. A string in content takes old's bytes from block. limit: longest string; *cut is set where it was cut. */
bool jst_content_add(struct jst_content *content, struct jst_value old, const struct jst_block *block, struct jst_value value, int sign, uint32_t limit, bool *cut);

#endif
