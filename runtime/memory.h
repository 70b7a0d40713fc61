/*
 * The memory of a session: one sealed memfd, written by the target's threads and its agent, mapped read-only by the CLI. The results lie here, so they survive the target.
 *
 *     +--------+--------------------+------------+---------------------------------------------------------------+
 *     | header | slots (one a       | map        | heap: chunks of cells, rings, map blocks, site descriptions … |
 *     | 4 KiB  | thread)            | directory  | taken by fetch_add, chunks also from free lists               |
 *     +--------+--------------------+------------+---------------------------------------------------------------+
 *
 * References inside are 32-bit offsets in units of 8 bytes from the start of the memory (struct jst_ref: 0 is none), so a session's memory is at most 32 GiB.
 * A reader in another process trusts nothing: it copies each word once and clamps it before use.
 *
 * Who writes what: the header's clock, generation, permit and state: the agent. A slot: the thread that owns it, alone; its banks' generation
 * and state: the agent, while the owner is not in that bank. Maps: every thread, lock-free (map.h). The heap's counters: every thread.
 */
#ifndef JST_MEMORY_H
#define JST_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"

typedef uint32_t jst_ref; /* offset / 8 from the start of the memory; 0: none */

enum {
	JST_MEMORY_MAGIC = 0x4d54534a, /* "JSTM" */
	JST_MEMORY_VERSION = 2,
	JST_SLOTS = 8192,          /* threads that can be told apart at one time */
	JST_CHUNK_MIN = 4 << 10,   /* a bank's first chunk of cells … */
	JST_CHUNK_MAX = 64 << 10,  /* … each next one twice as large up to this … */
	JST_CHUNK_CLASSES = 9,     /* … but for a cell that needs more: 4, 8, 16, 32, 64, … KiB up to 1 MiB, which holds the largest key */
	JST_BANKS = 2,
	JST_SPAN_COUNTS = 8,
	JST_PLAIN_CELLS = 8,       /* aggregations without keys, the first in the program, that a bank leads to by itself */
	JST_SLOTS_OFFSET = 4096,   /* bytes; the map directory follows the slots */
};

enum jst_loss {
#define LOSS(name, reason, remedy, meaning) JST_LOSS_##name,
#include "loss.def"
#undef LOSS
	JST_LOSSES
};

/* How a clock is read: clock.h. Two sets; the agent fills the one not in use and then publishes its index, so a reader that saw the index unchanged read a whole set. */
struct jst_clock_scale {
	_Atomic uint64_t tsc;   /* time-stamp counter at the anchor */
	_Atomic int64_t ns;     /* CLOCK_MONOTONIC at the anchor */
	_Atomic uint64_t mult;  /* ns = anchor ns + ((tsc - anchor tsc) * mult >> 32) */
	_Atomic int64_t wall;   /* CLOCK_REALTIME - CLOCK_MONOTONIC, ns */
};

struct jst_clock_page {
	_Atomic uint32_t index; /* counts publications; the set in use is index & 1. 0: no TSC, clock_gettime is called */
	uint32_t reserved;
	struct jst_clock_scale scale[2];
};

/* Offset 0 of the memory. */
struct jst_memory_header {
	uint32_t magic;
	uint32_t version;
	uint64_t size;           /* of the memory, bytes */
	uint32_t slots_offset;   /* bytes */
	uint32_t maps_offset;    /* bytes; struct jst_map_root [maps], private to map.c */
	uint64_t heap_offset;    /* bytes */
	uint32_t string_size;    /* longest string that is stored, bytes */
	uint32_t ring_size;      /* of each thread's largest ring, bytes, a power of two */
	int64_t start;           /* CLOCK_MONOTONIC as the session was installed, ns: what elapsed counts from */
	int32_t pid;             /* in the target's pid namespace */
	uint32_t uid;
	struct jst_clock_page clock;

	_Alignas(64) _Atomic uint64_t heap_used; /* bytes from the start of the memory; taken by fetch_add, may pass the permit: then nothing was given */
	_Atomic uint64_t permit;                 /* heap_used may go up to this; the agent raises it */
	_Atomic uint64_t free_chunks[JST_CHUNK_CLASSES]; /* stacks of recycled chunks: ref in the low half, count of pops in the high half against ABA */

	_Alignas(64) _Atomic uint32_t generation; /* of the banks being written; starts at 2; bank = generation & 1 */
	_Atomic uint32_t slots_used;              /* slots 0 … slots_used-1 have been used */
	_Atomic int32_t exit_code;                /* -1, or what exit() asked for first */
	_Atomic uint32_t sites;                   /* ref of the newest struct jst_site_entry (site.h): what ring records refer to */
	_Atomic uint64_t losses[JST_LOSSES];      /* those that belong to no slot */

	_Alignas(64) char title[64];    /* process title, NUL-terminated; sampled by the agent */
	char hostname[65];
	jst_ref speculations;           /* struct jst_speculation_table (speculation.h); 0: the program does not speculate */
	uint32_t ring_first;            /* of each thread's first ring, bytes, a power of two */
};

/* What a bank is doing. WRITING → CLOSED (agent, after a flip, the owner seen outside) → RECYCLING → WRITING with a later generation. Pairs: store-release by the agent, load-acquire by the CLI and the owner. */
enum jst_bank_state {
	JST_BANK_WRITING = 0,
	JST_BANK_CLOSED = 1,
	JST_BANK_RECYCLING = 2,
};

struct jst_bank {
	_Atomic uint32_t generation;  /* that its cells belong to; the owner writes here only if this equals the session's generation (or the other bank is not ready) */
	_Atomic uint32_t state;       /* enum jst_bank_state */
	_Atomic jst_ref first_chunk;  /* struct jst_chunk, a list */
	jst_ref last_chunk;           /* owner only */
	jst_ref root;                 /* owner only: root node of the index of cells, see cell.c */
	jst_ref table;                /* owner only: of the index as well, 0: none yet */
	_Atomic jst_ref plain[JST_PLAIN_CELLS]; /* owner only: cells of aggregations without keys by their index, 0 until touched */
};

/* What a session that measures itself (JST_BINDING_MEASURED) knows of its cost. The owner of the slot is the only writer; anybody reads. */
struct jst_cost {
	_Atomic uint64_t events;  /* that ran or, while it thins, might have */
	_Atomic uint64_t timed;   /* how many of these were timed, … */
	_Atomic uint64_t ns;      /* … and how long they took; each counts for JST_COST_MOST at most, since a thread that loses its processor costs nothing */
};
enum { JST_COST_MOST = 100000 };

/* One thread's place. Its owner is the only writer of all but generation and state of its banks, and comm. */
struct jst_slot {
	_Alignas(64) _Atomic int32_t tid;   /* of the present owner, 0: nobody */
	_Atomic uint32_t inside;            /* odd while its owner is inside an event of this session: at the target's death, an event was torn */
	uint64_t serial;                    /* of the owner: never used twice */
	_Atomic jst_ref ring;               /* struct jst_ring that records are written to, 0 until the first record */
	uint32_t random;                    /* owner only: state of rand() */
	char comm[16];                      /* NUL-terminated */
	struct jst_bank banks[JST_BANKS];
	_Atomic uint64_t losses[JST_LOSSES];
	_Atomic uint64_t unstarted[JST_SPAN_COUNTS]; /* JST_LOSS_UNSTARTED by map: that of map n is number n % JST_SPAN_COUNTS */
	struct jst_cost cost;               /* of all owners' events */
};

_Static_assert(sizeof(struct jst_memory_header) <= 4096, "the header is a page");
_Static_assert(sizeof(struct jst_slot) <= 512, "a slot is at most 512 bytes");

enum { JST_MAPS_OFFSET = JST_SLOTS_OFFSET + JST_SLOTS * (int)sizeof(struct jst_slot) };

_Static_assert(JST_MAPS_OFFSET % 64 == 0, "map roots start on a cache line");

/* A chunk of cells (cell.h). Cells follow the header; used is release-stored after a cell is complete. */
struct jst_chunk {
	_Atomic uint32_t used;        /* bytes in use, this header included */
	uint32_t size;                /* bytes of the chunk */
	_Atomic jst_ref next;
	uint32_t reserved;
};

/* The writer's view of a memory. */
struct jst_memory {
	unsigned char *base;
	struct jst_memory_header *header;
	struct jst_slot *slots;
};

/* Bytes that program needs before the first event (header, slots, maps' first levels), and for a thread's first ring, to refuse a --memory that is too small. Context: any. */
size_t jst_memory_minimum(const struct jst_program *program, uint32_t ring_first);

/* Lays out a memory of size bytes at base, all zero so far, for a verified program. False: size is below the minimum. Context: agent, or the CLI for its own. */
struct jst_memory_options {
	uint64_t size;        /* bytes */
	uint32_t string_size; /* bytes, 64 to 65,536 */
	uint32_t ring_size;   /* bytes, a power of two, 4 KiB to 64 MiB */
	uint32_t ring_first;  /* likewise, and not more; 0: ring_size, so that rings do not grow */
};
bool jst_memory_init(struct jst_memory *memory, void *base, const struct jst_program *program, const struct jst_memory_options *options);

/* size bytes (rounded up to 64), zeroed, 64-byte aligned, from the heap; 0 when the permit is reached. Lock-free, any number of threads. Never given back. Context: probe. */
jst_ref jst_memory_take(struct jst_memory *memory, uint64_t size);

/* A chunk of JST_CHUNK_MIN << size_class bytes, its header filled in and the rest zero: a recycled one, or else from the heap; 0 when there is none. Lock-free, any number of threads. Context: probe. */
jst_ref jst_memory_chunk(struct jst_memory *memory, unsigned size_class);

/* Gives a bank's chunks back and makes it ready for generation (memset, then WRITING). One caller: the agent. Context: agent. */
void jst_memory_recycle(struct jst_memory *memory, struct jst_bank *bank, uint32_t generation);

/* Makes a slot's banks ready where it was never used: the session's generation and the next one. Whoever claims a slot calls it, inside an event. Context: probe, owner of the slot. */
static inline void jst_slot_open(const struct jst_memory *memory, struct jst_slot *slot)
{
	const uint32_t generation = atomic_load_explicit(&memory->header->generation, memory_order_relaxed);

	if (atomic_load_explicit(&slot->banks[0].generation, memory_order_relaxed))
		return;
	/* A signal handler may leave this event anywhere: bank 0's generation, which says that the slot is open, comes last, and what the agent may have seen of a slot that was left half open stays. */
	if (!atomic_load_explicit(&slot->banks[1].generation, memory_order_relaxed))
		atomic_store_explicit(&slot->banks[1].generation, generation | 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&slot->banks[0].generation, generation + (generation & 1), memory_order_relaxed);
}

/* The bank that the owner of the slot writes in while the session has that generation: the generation's own, or the other where that one is not ready. Context: probe, owner of the slot, in an event. */
static inline struct jst_bank *jst_slot_bank_at(struct jst_slot *slot, uint32_t generation)
{
	struct jst_bank *bank = &slot->banks[generation & 1], *other = &slot->banks[~generation & 1];

	/* Both pair with the release in jst_memory_recycle(); the other bank, too, may have been recycled since the owner was last in it. */
	if (atomic_load_explicit(&bank->generation, memory_order_acquire) == generation)
		return bank;
	(void)atomic_load_explicit(&other->generation, memory_order_acquire);
	return other;
}

/* That of the present generation. Context: likewise. */
static inline struct jst_bank *jst_slot_bank(const struct jst_memory *memory, struct jst_slot *slot)
{
	return jst_slot_bank_at(slot, atomic_load_explicit(&memory->header->generation, memory_order_relaxed));
}

static inline void *jst_memory_at(const struct jst_memory *memory, jst_ref ref)
{
	return memory->base + (uint64_t)ref * 8;
}

static inline jst_ref jst_memory_ref(const struct jst_memory *memory, const void *at)
{
	return (jst_ref)((uint64_t)((const unsigned char *)at - memory->base) / 8);
}

static inline void jst_slot_lose_many(struct jst_slot *slot, enum jst_loss loss, uint64_t count)
{
	/* One writer; atomic only so that the CLI reads whole words. */
	atomic_store_explicit(&slot->losses[loss], atomic_load_explicit(&slot->losses[loss], memory_order_relaxed) + count, memory_order_relaxed);
}

static inline void jst_slot_lose(struct jst_slot *slot, enum jst_loss loss)
{
	jst_slot_lose_many(slot, loss, 1);
}

/* An end without a start, of a span that is kept in this map. */
static inline void jst_slot_unstarted(struct jst_slot *slot, uint32_t map)
{
	_Atomic uint64_t *count = &slot->unstarted[map % JST_SPAN_COUNTS];

	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

#endif
