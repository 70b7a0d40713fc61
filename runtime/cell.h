/*
 * Cells: the state of one aggregation under one key on one thread, in the chunks of the thread's bank (memory.h).
 *
 *     chunk: | header | cell | cell | node | cell | row | …        each begins with a struct jst_cell and is a multiple of 16 bytes
 *
 * The owner thread is the only writer. It finds a cell by a private index over the XXH3 hash of (aggregation, key), a trie and a table (cell.c), whose parts lie in the chunks too and mean nothing to a reader.
 * A reader walks the chunks up to used, and takes the cells and rows it knows.
 * Every word of a state is stored relaxed by its owner and may be read at any time; a state of several words is whole only in a bank that is closed.
 */
#ifndef JST_CELL_H
#define JST_CELL_H

#include "memory.h"

enum jst_cell_type {
	JST_CELL_NONE = 0,   /* padding up to the end of the chunk */
	JST_CELL_STATE = 1,  /* key, then the state of the aggregation's shape */
	JST_CELL_NODE = 2,   /* of the index */
	JST_CELL_ROW = 3,    /* struct jst_histogram_row, jst_distinct_row (aggregation_state.h): buckets of one histogram, registers of one estimate */
	JST_CELL_EXEMPLARS = 4, /* struct jst_exemplar_row: of one histogram */
};

struct jst_cell {
	uint32_t size;        /* bytes, this header included, a multiple of 16 */
	uint8_t type;         /* enum jst_cell_type */
	uint8_t keys;         /* STATE: number of key values */
	uint16_t aggregation; /* STATE, ROW and EXEMPLARS: index in the program */
	uint32_t hash;        /* STATE: low half of the key's hash */
	uint32_t key_size;    /* STATE: bytes of the encoded key, which follows */
};

/*
 * An encoded key: the kinds of all values, a byte each, padded to 8 bytes; then per value
 * an integer's or double's 8 bytes, a string's or stack's length in 8 bytes and its bytes padded with zeros to 8, and nothing for nil.
 * Doubles with an integral value are encoded as that integer, every NaN as the same one. Two keys are equal if their encodings are.
 */

enum { JST_INTEGER_KEY = 16 }; /* bytes of the encoding of one integer */

/* Writes the encoding to buffer (room bytes, 8-aligned) and returns its size; 0 if it does not fit. Strings and stacks are cut at string_size, and *cut set. Context: any. */
uint32_t jst_key_encode(void *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size, bool *cut);

/*
 * The same in one pass for what most keys and records are: one to eight values, strings and stacks of at most 128 bytes that need not be cut. 0 where it is something else, or may not fit: jst_key_encode()
 * knows. Nothing behind room is touched. Context: any.
 */
uint32_t jst_key_encode_short(void *buffer, uint32_t room, const struct jst_value *keys, uint32_t count, uint32_t string_size);

/* Decodes size bytes, not trusted, into count values whose strings point into key. False if malformed. Context: any. */
bool jst_key_decode(const void *key, uint32_t size, struct jst_value *keys, uint32_t count);

/* The form in which a value is a key: a double with an integral value is that integer, and there is one NaN. Context: any. */
struct jst_value jst_key_value(struct jst_value value);

/* XXH3 of a value that is not nil, in its form as a key: equal values hash alike, the same in every process. This is the language's hash(). Context: any. */
uint64_t jst_key_hash(struct jst_value value);

/* The size of the encoding, strings and stacks cut at string_size. Context: any. */
uint32_t jst_key_size(const struct jst_value *keys, uint32_t count, uint32_t string_size);

/*
 * Finds or makes the state cell of aggregation under key in the slot's bank; NULL when no memory is left (LOSS_CELLS was counted).
 * key: keys values encoded in key_size bytes, 8-aligned. state_size: bytes of a new state, a multiple of 8, zeroed. Context: probe, owner of the slot.
 */
struct jst_cell *jst_cell_find(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, uint16_t aggregation,
                               const void *key, uint32_t key_size, uint32_t keys, uint32_t state_size);

/* Appends a cell of size bytes (header included) that is no state: zeroed but for its header and word, the 8 bytes after it. NULL: no memory left, LOSS_CELLS was counted. Context: probe, owner. */
struct jst_cell *jst_cell_append(struct jst_memory *memory, struct jst_slot *slot, struct jst_bank *bank, enum jst_cell_type type, uint16_t aggregation,
                                 uint32_t size, uint64_t word);

static inline const void *jst_cell_key(const struct jst_cell *cell)
{
	return cell + 1;
}

static inline void *jst_cell_state(struct jst_cell *cell)
{
	return (char *)(cell + 1) + cell->key_size;
}

#endif
