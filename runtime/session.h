/*
 * A session: a verified program, the memory it works on, and the private areas its runs need. The target has one for each CLI that traces it, the CLI one for its own clauses.
 *
 * The maker owns everything and frees it after no thread can be inside. Any number of threads run events, each with a slot of its own.
 */
#ifndef JST_SESSION_H
#define JST_SESSION_H

#include "memory.h"
#include "probe.h"
#include "stack.h"

/*
 * What a session in the CLI can do and one in a target cannot: its program reads the merged aggregations. Called by the thread that runs its clauses; strings in what is returned are good until the
 * run of the clause ends. Keys are as many as the aggregation has.
 */
struct jst_host {
	void *context;
	/* The aggregation under keys as a number (last: as its value), nil where there is no such key. */
	struct jst_value (*value)(void *context, uint32_t aggregation, const struct jst_value *keys);
	/* q is in [0, 1]. *cost: bytes looked at. */
	struct jst_value (*quantile)(void *context, uint32_t aggregation, const struct jst_value *keys, double q, uint32_t *cost);
	/* How many keys there are, and those at a rank (from 0) in the order of print; false: there is no such rank. Both stay the same through one run of a clause. */
	uint32_t (*count)(void *context, uint32_t aggregation);
	bool (*keys)(void *context, uint32_t aggregation, int64_t rank, struct jst_value *keys);
	/* Before a record is written: makes room for it. */
	void (*drain)(void *context);
};

struct jst_session {
	const struct jst_program *program;   /* verified, private to this process */
	struct jst_memory memory;
	const _Atomic uint64_t *tails;       /* ring readers' positions, one a slot, or NULL */
	unsigned char *work;                 /* JST_SLOTS areas of work_size bytes (the CLI: one), zero at first; anonymous, untouched until used */
	uint32_t work_size;
	uint32_t budget;                     /* instructions a clause run */
	uint32_t string_size;                /* bytes */
	const struct jst_host *host;         /* NULL in targets: what reads aggregations is nil there */
	struct jst_stack_map *stack_map;     /* what stack() goes by; NULL: it gives the innermost address alone */
};

/* Bytes of one thread's work area: registers and scratch; a multiple of 64. Areas are at least 16-byte aligned. */
uint32_t jst_session_work_size(uint32_t string_size);

/* Puts the program's initial values into its maps. After jst_memory_init, before the first event. Context: agent. */
void jst_session_initialise(struct jst_session *session);

/* Who runs. */
struct jst_runner {
	uint32_t slot;      /* index */
	int32_t tid;
	uint64_t serial;    /* of the thread: never used twice in a process */
	const _Atomic uintptr_t *frame; /* holds, while an event runs, the address of a word that holds the address of the innermost struct jst_frame (stack.h); NULL: there is no stack to walk */
};

/* Makes the slot the runner's if it is not yet. Called when a thread enters a session for the first time. Context: probe. */
void jst_session_claim(struct jst_session *session, const struct jst_runner *runner);

/* Runs all clauses of the binding, in order, for one event whose arguments are words. The clock is read at most once. Nothing here allocates, locks or makes a system call; errno stays. Context: probe, the slot's owner. */
void jst_session_event(struct jst_session *session, const struct jst_runner *runner, const struct jst_binding *binding, const uint64_t *words);

/* Runs one clause by its index (the CLI's special clauses); same rules. The binding gives fields and names, also where there are none; its list of clauses is not looked at. */
void jst_session_clause(struct jst_session *session, const struct jst_runner *runner, const struct jst_binding *binding, const uint64_t *words, uint32_t clause);

#endif
