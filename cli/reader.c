/*
 * Reading a session's memory. The target, or whoever took it over, may write there while we read, so nothing is believed and nothing is read twice:
 *
 *     slot → bank → chunk, copied word by word → its cells: states are added at once, rows are kept until the bank's last chunk, then added to the state that owns them
 *
 * Work is bounded: an honest chunk belongs to one bank, so all chunks that one read visits are together no larger than the memory; a list that goes in circles runs out of that sum.
 */
#include <stdlib.h>
#include <string.h>

#include "mappings.h"
#include "results.h"

enum { CHUNK_LARGEST = JST_CHUNK_MIN << (JST_CHUNK_CLASSES - 1) };

/* A state cell of the bank that is being read, for its rows. */
struct owner {
	jst_ref ref;
	uint16_t aggregation;
	struct jst_result *result;
};

struct reader {
	struct results *results;
	struct memory_view *view;
	struct jst_source source;
	uint32_t aggregations;
	uint64_t allowance;        /* bytes of chunks that may still be visited */
	unsigned char *chunk;      /* copy of one */
	unsigned char *rows;       /* copies of the row cells of the bank */
	size_t rows_size, rows_room;
	struct owner *owners;
	size_t owner_count, owner_room;
};

static void *enlarge(void *old, size_t *room, size_t need, size_t size)
{
	if (need <= *room)
		return old;
	size_t larger = *room ? *room * 2 : 64;
	while (larger < need)
		larger *= 2;
	void *memory = reallocarray(old, larger, size);
	if (!memory) {
		fputs("jstrace: out of memory\n", stderr);
		abort();
	}
	*room = larger;
	return memory;
}

/* size bytes at from, both multiples of 8, each word read once. The words change under us only if their writer is still at work. */
static void copy_words(void *to, const void *from, size_t size)
{
	const _Atomic uint64_t *words = from;
	uint64_t *copy = to;

	for (size_t i = 0; i < size / 8; i++)
		copy[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
}

/* A word that an honest target no longer changes; a dishonest one may, so it is read once. */
static uint32_t load_once(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* The header's slots, in use and within the memory; 0 and NULL if there are none or the header makes no sense. */
static const struct jst_slot *find_slots(struct memory_view *view, uint32_t *count)
{
	*count = 0;
	if (view->size < sizeof(struct jst_memory_header)) {
		view->malformed = true;
		return NULL;
	}
	const struct jst_memory_header *header = (const struct jst_memory_header *)view->base;
	const uint32_t magic = load_once(&header->magic), version = load_once(&header->version), offset = load_once(&header->slots_offset);
	uint32_t used = atomic_load_explicit(&header->slots_used, memory_order_acquire); /* pairs with the claim of a slot */

	if (magic != JST_MEMORY_MAGIC || version != JST_MEMORY_VERSION || offset % _Alignof(struct jst_slot) != 0 || offset < sizeof(*header) || offset > view->size) {
		view->malformed = true;
		return NULL;
	}
	uint64_t most = (view->size - offset) / sizeof(struct jst_slot);
	if (most > JST_SLOTS)
		most = JST_SLOTS;
	if (used > most) {
		view->malformed = true;
		used = (uint32_t)most;
	}
	*count = used;
	return (const struct jst_slot *)(view->base + offset);
}

void losses_read(struct memory_view *view)
{
	uint32_t count;
	const struct jst_slot *slots = find_slots(view, &count);

	if (!slots)
		return;
	const struct jst_memory_header *header = (const struct jst_memory_header *)view->base;
	for (uint32_t loss = 0; loss < JST_LOSSES; loss++) {
		uint64_t sum = atomic_load_explicit(&header->losses[loss], memory_order_relaxed); /* counters: pair with nothing */
		for (uint32_t i = 0; i < count; i++)
			sum += atomic_load_explicit(&slots[i].losses[loss], memory_order_relaxed);
		view->losses[loss] = sum;
	}
	view->losses[JST_LOSS_TORN] += view->torn;
	for (uint32_t map = 0; map < JST_SPAN_COUNTS; map++) {
		view->unstarted[map] = 0;
		for (uint32_t i = 0; i < count; i++)
			view->unstarted[map] += atomic_load_explicit(&slots[i].unstarted[map], memory_order_relaxed);
	}
}

/* A state cell, copied. */
static bool add_state(struct reader *reader, const struct jst_cell *cell, jst_ref ref)
{
	const uint32_t body = cell->size - (uint32_t)sizeof(*cell);
	struct jst_value keys[JST_MAX_KEYS];

	if (cell->aggregation >= reader->aggregations || cell->key_size % 8 != 0 || cell->key_size > body)
		return false;
	const struct jst_aggregation_decl *decl = results_decl(reader->results, cell->aggregation);
	if (cell->keys != decl->keys || !jst_key_decode(jst_cell_key(cell), cell->key_size, keys, decl->keys))
		return false;
	mappings_resolve(reader->view->mappings, keys, decl->keys);
	struct jst_result *result = results_find(reader->results, cell->aggregation, jst_cell_key(cell), cell->key_size);
	reader->owners = enlarge(reader->owners, &reader->owner_room, reader->owner_count + 1, sizeof(*reader->owners));
	reader->owners[reader->owner_count++] = (struct owner){ .ref = ref, .aggregation = cell->aggregation, .result = result };
	return jst_result_add_state(result, decl, (const char *)jst_cell_key(cell) + cell->key_size, body - cell->key_size, &reader->source);
}

static void keep_row(struct reader *reader, const struct jst_cell *cell)
{
	reader->rows = enlarge(reader->rows, &reader->rows_room, reader->rows_size + cell->size, 1);
	memcpy(reader->rows + reader->rows_size, cell, cell->size);
	reader->rows_size += cell->size;
}

/* The cells of a copied chunk: used bytes, whose first lies at ref in the memory. */
static void add_cells(struct reader *reader, uint32_t used, jst_ref ref)
{
	for (uint32_t at = sizeof(struct jst_chunk); at + sizeof(struct jst_cell) <= used;) {
		const struct jst_cell *cell = (const struct jst_cell *)(reader->chunk + at);

		if (cell->type == JST_CELL_NONE)
			return;
		if (cell->size < sizeof(*cell) || cell->size % 8 != 0 || cell->size > used - at) {
			reader->view->malformed = true;
			return;
		}
		if (cell->type == JST_CELL_STATE && !add_state(reader, cell, ref + at / 8))
			reader->view->malformed = true;
		else if (cell->type == JST_CELL_ROW || cell->type == JST_CELL_EXEMPLARS)
			keep_row(reader, cell);
		at += cell->size;
	}
}

static jst_ref refuse(struct reader *reader)
{
	reader->view->malformed = true;
	return 0;
}

/* Copies and adds one chunk; returns the next of its list, 0 at the end or where the list makes no sense. */
static jst_ref add_chunk(struct reader *reader, jst_ref ref)
{
	const struct memory_view *view = reader->view;
	const uint64_t offset = (uint64_t)ref * 8;

	if (offset > view->size || view->size - offset < sizeof(struct jst_chunk))
		return refuse(reader);
	const struct jst_chunk *chunk = (const struct jst_chunk *)(view->base + offset);
	/* Next before used: a chunk that has a successor is complete, so no row is seen whose state, in an earlier chunk, is not. Pairs with the owner's release of a chunk that is laid out. */
	const jst_ref next = atomic_load_explicit(&chunk->next, memory_order_acquire);
	const uint32_t used = atomic_load_explicit(&chunk->used, memory_order_acquire) & ~7u; /* pairs with the owner's release once a cell is complete */
	const uint32_t size = load_once(&chunk->size);
	if (size < JST_CHUNK_MIN || size > CHUNK_LARGEST || size > view->size - offset || size > reader->allowance || used < sizeof(*chunk) || used > size)
		return refuse(reader);
	reader->allowance -= size;
	copy_words(reader->chunk, chunk, used);
	add_cells(reader, used, ref);
	return next;
}

static int compare_owners(const void *left, const void *right)
{
	const struct owner *a = left, *b = right;

	return (a->ref > b->ref) - (a->ref < b->ref);
}

static bool add_row(const struct reader *reader, const struct owner *owner, const struct jst_cell *row)
{
	const struct jst_aggregation_decl *decl = results_decl(reader->results, owner->aggregation);

	if (row->type == JST_CELL_EXEMPLARS)
		return jst_result_add_exemplars(owner->result, decl, row, row->size, &reader->source);
	return jst_result_add_row(owner->result, decl, row, row->size);
}

/* The rows of a bank whose states are all known. */
static void add_rows(struct reader *reader)
{
	if (reader->rows_size && reader->owner_count)
		qsort(reader->owners, reader->owner_count, sizeof(*reader->owners), compare_owners);
	for (size_t at = 0; at < reader->rows_size;) {
		const struct jst_cell *row = (const struct jst_cell *)(reader->rows + at);
		const struct owner wanted = { .ref = row->size >= sizeof(*row) + 8 ? jst_row_owner(row) : 0 };
		const struct owner *owner = wanted.ref && reader->owner_count ? bsearch(&wanted, reader->owners, reader->owner_count, sizeof(wanted), compare_owners) : NULL;

		if (!owner || owner->aggregation != row->aggregation || !add_row(reader, owner, row))
			reader->view->malformed = true;
		at += row->size;
	}
}

static void add_bank(struct reader *reader, const struct jst_bank *bank)
{
	reader->rows_size = 0;
	reader->owner_count = 0;
	for (jst_ref ref = atomic_load_explicit(&bank->first_chunk, memory_order_acquire); ref;) /* pairs with the owner's release of the first chunk */
		ref = add_chunk(reader, ref);
	add_rows(reader);
}

static bool taken(struct memory_view *view, uint32_t slot, uint32_t bank, uint32_t generation, uint32_t state, enum reader_take take)
{
	if (generation == view->copied[slot][bank])
		return false;
	/* A bank is recycled only after we released it, so what is left in one was added before. */
	return take == READER_TAKE_REST ? state != JST_BANK_RECYCLING : state == JST_BANK_CLOSED;
}

void results_read(struct results *results, struct memory_view *view, enum reader_take take)
{
	uint32_t count;
	const struct jst_slot *slots = find_slots(view, &count);
	struct reader reader = {
		.results = results, .view = view, .source = { .hostname = view->hostname, .pid = view->pid },
		.aggregations = results_compiled(results)->aggregation_count, .allowance = view->size,
	};

	if (!slots)
		return;
	reader.chunk = enlarge(NULL, &(size_t){ 0 }, CHUNK_LARGEST, 1);
	uint64_t torn = 0;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t b = 0; b < JST_BANKS; b++) {
			const struct jst_bank *bank = &slots[i].banks[b];
			const uint32_t state = atomic_load_explicit(&bank->state, memory_order_acquire); /* pairs with the agent's release of CLOSED */
			const uint32_t generation = atomic_load_explicit(&bank->generation, memory_order_acquire);

			if (!taken(view, i, b, generation, state, take))
				continue;
			view->copied[i][b] = generation;
			add_bank(&reader, bank);
		}
		torn += atomic_load_explicit(&slots[i].inside, memory_order_acquire) & 1; /* pairs with the owner's stores on its way in and out */
	}
	if (take == READER_TAKE_REST)
		view->torn = torn;
	free(reader.chunk);
	free(reader.rows);
	free(reader.owners);
	losses_read(view);
}
