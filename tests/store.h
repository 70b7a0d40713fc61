/*
 * A session's memory to test what works on one: maps of any declaration, aggregations, rings. For unit and stress tests; one store a test, freed by it.
 */
#ifndef STORE_H
#define STORE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "aggregation.h"
#include "builder.h"
#include "map.h"
#include "memory.h"
#include "ring.h"

struct store {
	struct jst_memory memory;
	struct jst_program *program;
	struct jst_memory_options options;
};

/* The program is what builder holds, plus a clause so that it is one. Dies where the memory cannot be made. */
static inline struct store *store_new(struct jst_builder *builder, uint64_t size, uint32_t string_size)
{
	struct store *store = calloc(1, sizeof(*store));
	const char *limit = NULL;

	jst_builder_clause(builder);
	jst_builder_pattern(builder, "a:b", 3, 0);
	jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	store->program = jst_builder_finish(builder, &limit);
	jst_builder_free(builder);
	store->options = (struct jst_memory_options){ .size = size, .string_size = string_size, .ring_size = 4096 };
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!store->program || base == MAP_FAILED || !jst_memory_init(&store->memory, base, store->program, &store->options)) {
		fprintf(stderr, "store of %llu bytes: cannot be made\n", (unsigned long long)size);
		abort();
	}
	return store;
}

static inline void store_free(struct store *store)
{
	munmap(store->memory.base, store->options.size);
	free(store->program);
	free(store);
}

/* Makes slot `index` somebody's. */
static inline struct jst_slot *store_slot(struct store *store, uint32_t index)
{
	struct jst_slot *slot = &store->memory.slots[index];

	jst_slot_open(&store->memory, slot);
	return slot;
}

static inline uint64_t store_lost(const struct store *store, const struct jst_slot *slot, enum jst_loss loss)
{
	(void)store;
	return atomic_load(&slot->losses[loss]);
}

/* Access to map `index`; scratch and used are the caller's. */
static inline struct jst_map_access store_map(struct store *store, uint32_t slot, uint32_t index, char *scratch, uint32_t room, uint32_t *used)
{
	const struct jst_map_decl *decls = jst_program_section(store->program, JST_SECTION_MAPS);

	return (struct jst_map_access){ .memory = &store->memory, .slot = store_slot(store, slot), .decl = &decls[index], .index = index,
	                                .scratch = scratch, .room = room, .used = used };
}

static inline struct jst_update store_aggregation(struct store *store, uint32_t slot, uint16_t index, void *scratch, uint32_t room)
{
	const struct jst_aggregation_decl *decls = jst_program_section(store->program, JST_SECTION_AGGREGATIONS);
	struct jst_slot *place = store_slot(store, slot);

	return (struct jst_update){ .memory = &store->memory, .slot = place, .bank = jst_slot_bank(&store->memory, place), .decl = &decls[index], .index = index,
	                            .scratch = scratch, .room = room };
}

#endif
