/*
 * The table of results: one small hash table an aggregation, from encoded keys to merged states.
 *
 *     index: | - | 3 | - | 1 | 2 | - | …   open addressing, linear probing; 1 + position in
 *     entry: | * | * | * |                 pointers, in order of arrival; entries never move, so a state stays where results_find() said
 *
 * Keys come from targets, which are not trusted, so the hash is seeded: nobody can choose keys that collide.
 */
#include "results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "frames.h"
#include "hash.h"

struct entry {
	uint64_t hash;
	uint32_t key_size;
	struct jst_result result;
	_Alignas(8) unsigned char key[];
};

struct table {
	struct jst_aggregation_decl decl;
	struct entry **entry;
	uint32_t count, room;
	uint32_t *index;      /* twice as many as room, a power of two; NULL while room is 0 */
	bool changed;         /* since the last print */
	bool printed;         /* ever */
};

struct results {
	const struct compiled *compiled;
	uint64_t seed;
	uint32_t tables;
	struct table table[];
};

static void *allocate(void *old, size_t count, size_t size)
{
	void *memory = reallocarray(old, count ? count : 1, size);

	if (!memory) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	return memory;
}

struct results *results_new(const struct compiled *compiled)
{
	struct results *results = allocate(NULL, 1, sizeof(*results) + compiled->aggregation_count * sizeof(struct table));

	*results = (struct results){ .compiled = compiled, .tables = compiled->aggregation_count };
	if (getrandom(&results->seed, sizeof(results->seed), GRND_NONBLOCK) != sizeof(results->seed)) {
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		results->seed = jst_mix((uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)results);
	}
	for (uint32_t i = 0; i < results->tables; i++) {
		const struct compiled_aggregation *aggregation = &compiled->aggregations[i];
		struct jst_aggregation_decl *decl = &results->table[i].decl;

		results->table[i] = (struct table){ .decl = { .function = (uint16_t)aggregation->function, .keys = (uint16_t)aggregation->keys } };
		memcpy(decl->parameters, aggregation->parameters, sizeof(decl->parameters));
	}
	return results;
}

static void empty(struct table *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		jst_result_fini(&table->entry[i]->result);
		free(table->entry[i]);
	}
	free(table->entry);
	free(table->index);
	table->entry = NULL;
	table->index = NULL;
	table->count = table->room = 0;
}

void results_free(struct results *results)
{
	if (!results)
		return;
	for (uint32_t i = 0; i < results->tables; i++)
		empty(&results->table[i]);
	free(results);
}

const struct compiled *results_compiled(const struct results *results)
{
	return results->compiled;
}

const struct jst_aggregation_decl *results_decl(const struct results *results, uint32_t aggregation)
{
	return &results->table[aggregation].decl;
}

/* Where the key is or belongs in a table that has room. */
static uint32_t *place(const struct table *table, uint64_t hash, const void *key, uint32_t key_size)
{
	const uint32_t mask = table->room * 2 - 1;

	for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
		uint32_t *at = &table->index[i];
		if (!*at)
			return at;
		const struct entry *entry = table->entry[*at - 1];
		if (entry->hash == hash && entry->key_size == key_size && (!key_size || memcmp(entry->key, key, key_size) == 0))
			return at;
	}
}

static void grow(struct table *table)
{
	table->room = table->room ? table->room * 2 : 8;
	table->entry = allocate(table->entry, table->room, sizeof(struct entry *));
	table->index = allocate(table->index, table->room, 2 * sizeof(uint32_t));
	memset(table->index, 0, table->room * 2 * sizeof(uint32_t));
	for (uint32_t i = 0; i < table->count; i++) {
		const struct entry *entry = table->entry[i];
		*place(table, entry->hash, entry->key, entry->key_size) = i + 1;
	}
}

static uint64_t hash_key(const struct results *results, const void *key, uint32_t key_size)
{
	return XXH3_64bits_withSeed(key_size ? key : "", key_size, results->seed);
}

struct jst_result *results_find(struct results *results, uint32_t aggregation, const void *key, uint32_t key_size)
{
	struct table *table = &results->table[aggregation];
	const uint64_t hash = hash_key(results, key, key_size);

	if (table->count == table->room)
		grow(table);
	uint32_t *at = place(table, hash, key, key_size);
	if (!*at) {
		struct entry *entry = allocate(NULL, 1, sizeof(*entry) + key_size);
		entry->hash = hash;
		entry->key_size = key_size;
		if (key_size)
			memcpy(entry->key, key, key_size);
		jst_result_init(&entry->result, &table->decl);
		table->entry[table->count++] = entry;
		*at = table->count;
	}
	table->changed = true;
	return &table->entry[*at - 1]->result;
}

const struct jst_result *results_get(const struct results *results, uint32_t aggregation, const void *key, uint32_t key_size)
{
	const struct table *table = &results->table[aggregation];

	if (!table->room)
		return NULL;
	const uint32_t at = *place(table, hash_key(results, key, key_size), key, key_size);
	return at ? &table->entry[at - 1]->result : NULL;
}

static const struct jst_result *seek(const struct results *results, uint32_t aggregation, const struct jst_value *keys, uint32_t string_size)
{
	const uint32_t count = results->table[aggregation].decl.keys, size = jst_key_size(keys, count, string_size);
	_Alignas(8) unsigned char small[512];
	unsigned char *key = size <= sizeof(small) ? small : allocate(NULL, 1, size);
	bool cut = false;
	const struct jst_result *result = results_get(results, aggregation, key, jst_key_encode(key, size, keys, count, string_size, &cut));

	if (key != small)
		free(key);
	return result;
}

const struct jst_result *results_seek(const struct results *results, uint32_t aggregation, const struct jst_value *keys, uint32_t string_size)
{
	const struct jst_result *result = seek(results, aggregation, keys, string_size);
	const uint32_t count = results->table[aggregation].decl.keys;
	struct jst_value stacks[JST_MAX_KEYS];

	if (result || !count)
		return result;
	memcpy(stacks, keys, count * sizeof(*keys));
	return frames_restore(stacks, count) ? seek(results, aggregation, stacks, string_size) : NULL;
}

void results_merge(struct results *to, const struct results *from)
{
	for (uint32_t i = 0; i < from->tables && i < to->tables; i++) {
		const struct table *table = &from->table[i];

		for (uint32_t j = 0; j < table->count; j++) {
			const struct entry *entry = table->entry[j];
			jst_result_merge(results_find(to, i, entry->key, entry->key_size), &entry->result, &table->decl);
		}
	}
}

void results_clear(struct results *results, uint32_t aggregation)
{
	empty(&results->table[aggregation]);
	results->table[aggregation].changed = false;
}

void results_zero(struct results *results, uint32_t aggregation)
{
	struct table *table = &results->table[aggregation];

	for (uint32_t i = 0; i < table->count; i++) {
		jst_result_fini(&table->entry[i]->result);
		jst_result_init(&table->entry[i]->result, &table->decl);
	}
	table->changed = false;
}

void results_clear_all(struct results *results)
{
	for (uint32_t i = 0; i < results->tables; i++)
		results_clear(results, i);
}

bool results_any(const struct results *results, uint32_t aggregation)
{
	return results->table[aggregation].count != 0;
}

bool results_due(const struct results *results, uint32_t aggregation)
{
	return results->table[aggregation].changed || !results->table[aggregation].printed;
}

void results_printed(struct results *results, uint32_t aggregation)
{
	results->table[aggregation].changed = false;
	results->table[aggregation].printed = true;
}

static struct jst_value sum_value(const struct jst_sum *sum)
{
	if (sum->has_doubles)
		return jst_value_double((double)sum->integers + sum->doubles);
	if (sum->integers > INT64_MAX || sum->integers < INT64_MIN)
		return jst_value_double((double)sum->integers);
	return jst_value_int((int64_t)sum->integers);
}

static struct jst_value average(const struct jst_result *result)
{
	return result->count ? jst_value_double(((double)result->sum.integers + result->sum.doubles) / (double)result->count) : jst_value_nil();
}

/* What an aggregation without keys reads as before its first update. */
static struct jst_value nothing(enum jst_shape shape)
{
	switch (shape) {
	case JST_SHAPE_MIN:
	case JST_SHAPE_MAX:
	case JST_SHAPE_AVG:
	case JST_SHAPE_LAST:
		return jst_value_nil();
	case JST_SHAPE_RATE:
		return jst_value_double(0);
	default:
		return jst_value_int(0);
	}
}

struct jst_value results_value(const struct results *results, uint32_t aggregation, const struct jst_result *result, int64_t elapsed)
{
	const enum jst_shape shape = jst_aggregation_info[results->table[aggregation].decl.function].shape;

	if (!result)
		return results->table[aggregation].decl.keys ? jst_value_nil() : nothing(shape);
	switch (shape) {
	case JST_SHAPE_SUM:
		return sum_value(&result->sum);
	case JST_SHAPE_MIN:
		return result->min;
	case JST_SHAPE_MAX:
		return result->max;
	case JST_SHAPE_AVG:
		return average(result);
	case JST_SHAPE_RATE:
		return elapsed > 0 ? jst_value_double((double)result->count / ((double)elapsed / 1e9)) : jst_value_nil();
	case JST_SHAPE_LAST:
		return result->last;
	case JST_SHAPE_DISTINCT:
		return jst_value_int(jst_result_distinct(result));
	default:
		return jst_value_int((int64_t)result->count);
	}
}

/* ---- the order of print ---- */

/* What an entry is ordered by: numbers, greatest first; a sum beyond a double's 53 bits in full. Small, since sorting moves it about. */
struct order {
	union {
		__int128 integer;
		double number;
	};
	const struct entry *entry;
	enum { ORDERED_UNKNOWN, ORDERED_NUMBER, ORDERED_INTEGER } kind; /* unknown ones (nil, NaN) come last */
};

/* What print sorts by where the script does not say. */
static enum result_order usual_order(enum jst_shape shape)
{
	switch (shape) {
	case JST_SHAPE_SUM:
		return ORDER_SUM;
	case JST_SHAPE_MIN:
		return ORDER_MIN;
	case JST_SHAPE_MAX:
		return ORDER_MAX;
	case JST_SHAPE_AVG:
		return ORDER_AVG;
	case JST_SHAPE_LAST:
		return ORDER_KEY;
	case JST_SHAPE_DISTINCT:
		return ORDER_DISTINCT;
	default:
		return ORDER_COUNT; /* a rate's period is the same for all keys */
	}
}

static struct order order_of(const struct table *table, enum result_order by, const struct entry *entry)
{
	static const double quantiles[ORDERS] = { [ORDER_P50] = 0.5, [ORDER_P90] = 0.9, [ORDER_P99] = 0.99, [ORDER_P999] = 0.999 };
	const struct jst_result *result = &entry->result;
	struct order order = { .entry = entry, .kind = ORDERED_INTEGER };
	struct jst_value value;

	switch (by) {
	case ORDER_KEY:
		return order;
	case ORDER_SUM:
		if (!result->sum.has_doubles) {
			order.integer = result->sum.integers;
			return order;
		}
		value = sum_value(&result->sum);
		break;
	case ORDER_AVG:
		value = average(result);
		break;
	case ORDER_MIN:
		value = result->min;
		break;
	case ORDER_MAX:
		value = result->max;
		break;
	case ORDER_P50:
	case ORDER_P90:
	case ORDER_P99:
	case ORDER_P999:
		value = jst_result_quantile(result, &table->decl, quantiles[by]);
		break;
	case ORDER_DISTINCT:
		order.integer = jst_result_distinct(result);
		return order;
	default:
		order.integer = result->count;
		return order;
	}
	if (value.kind == JST_INT) {
		order.integer = value.i;
	} else {
		order.number = value.kind == JST_DOUBLE ? value.d : 0;
		order.kind = value.kind == JST_DOUBLE && value.d == value.d ? ORDERED_NUMBER : ORDERED_UNKNOWN;
	}
	return order;
}

static int compare_keys(const struct jst_value *a, const struct jst_value *b)
{
	const bool a_number = a->kind == JST_INT || a->kind == JST_DOUBLE, b_number = b->kind == JST_INT || b->kind == JST_DOUBLE;

	if (a->kind == JST_STACK || b->kind == JST_STACK)
		return a->kind == b->kind ? frames_compare(*a, *b) : a->kind == JST_STACK ? 1 : -1;
	if (!a_number || !b_number) {
		const int a_rank = a_number ? 1 : a->kind == JST_STRING ? 2 : 0, b_rank = b_number ? 1 : b->kind == JST_STRING ? 2 : 0;
		if (a_rank != b_rank || a_rank != 2)
			return a_rank - b_rank;
		const uint32_t shorter = a->length < b->length ? a->length : b->length;
		const int difference = shorter ? memcmp(a->s, b->s, shorter) : 0;
		return difference ? difference : (a->length > b->length) - (a->length < b->length);
	}
	if (a->kind == JST_INT && b->kind == JST_INT)
		return (a->i > b->i) - (a->i < b->i);
	/* long double holds every int64 and every double on both machines that we run on. */
	const long double x = a->kind == JST_INT ? (long double)a->i : (long double)a->d, y = b->kind == JST_INT ? (long double)b->i : (long double)b->d;
	if (x != x || y != y)
		return (x != x) - (y != y);
	return (x > y) - (x < y);
}

_Static_assert(JST_MAX_KEYS <= 8, "the kinds take 8 bytes");

/* Keys were checked before they came here. */
static void decode_keys(const struct entry *entry, struct jst_value *keys, uint32_t count)
{
	if (!jst_key_decode(entry->key, entry->key_size, keys, count))
		memset(keys, 0, count * sizeof(*keys)); /* nil */
}

static int compare_entries(const struct entry *a, const struct entry *b, uint32_t count)
{
	struct jst_value a_keys[JST_MAX_KEYS], b_keys[JST_MAX_KEYS];

	/* Where the first of them are integers, which lie behind the kinds (cell.h), and differ, that is all there is to know. */
	if (count && a->key[0] == JST_INT && b->key[0] == JST_INT) {
		int64_t x, y;

		memcpy(&x, a->key + 8, sizeof(x));
		memcpy(&y, b->key + 8, sizeof(y));
		if (x != y)
			return x > y ? 1 : -1;
	}
	decode_keys(a, a_keys, count);
	decode_keys(b, b_keys, count);
	for (uint32_t i = 0; i < count; i++) {
		const int difference = compare_keys(&a_keys[i], &b_keys[i]);
		if (difference)
			return difference;
	}
	/* Keys that look the same but are not (NaNs): any order, as long as it is always the same. */
	const uint32_t shorter = a->key_size < b->key_size ? a->key_size : b->key_size;
	const int difference = shorter ? memcmp(a->key, b->key, shorter) : 0;
	return difference ? difference : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

static int compare_orders(const void *left, const void *right, void *keys)
{
	const struct order *a = left, *b = right;

	if (a->kind == ORDERED_INTEGER && b->kind == ORDERED_INTEGER) {
		if (a->integer != b->integer)
			return a->integer > b->integer ? -1 : 1;
	} else if (a->kind == ORDERED_UNKNOWN || b->kind == ORDERED_UNKNOWN) {
		if (a->kind != b->kind)
			return a->kind == ORDERED_UNKNOWN ? 1 : -1;
	} else {
		const long double x = a->kind == ORDERED_INTEGER ? (long double)a->integer : (long double)a->number;
		const long double y = b->kind == ORDERED_INTEGER ? (long double)b->integer : (long double)b->number;
		if (x != y)
			return x > y ? -1 : 1;
	}
	return compare_entries(a->entry, b->entry, *(const uint32_t *)keys);
}

struct results_entry *results_sorted(const struct results *results, uint32_t aggregation, uint32_t *count)
{
	return results_ordered(results, aggregation, ORDER_VALUE, count);
}

struct results_entry *results_ordered(const struct results *results, uint32_t aggregation, enum result_order order, uint32_t *count)
{
	const struct table *table = &results->table[aggregation];
	const enum result_order by = order == ORDER_VALUE ? usual_order(jst_aggregation_info[table->decl.function].shape) : order;
	struct order *orders = allocate(NULL, table->count, sizeof(*orders));
	struct results_entry *entries = allocate(NULL, table->count, sizeof(*entries));
	uint32_t keys = table->decl.keys;

	for (uint32_t i = 0; i < table->count; i++)
		orders[i] = order_of(table, by, table->entry[i]);
	if (table->count)
		qsort_r(orders, table->count, sizeof(*orders), compare_orders, &keys);
	for (uint32_t i = 0; i < table->count; i++) {
		const struct entry *entry = orders[i].entry;

		entries[i] = (struct results_entry){ .key = entry->key, .key_size = entry->key_size, .result = &entry->result };
		decode_keys(entry, entries[i].keys, keys);
	}
	free(orders);
	*count = table->count;
	return entries;
}
