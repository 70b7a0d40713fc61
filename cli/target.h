/*
 * One traced process: from the first wake-up of its agent to the last record read out of its memory.
 *
 *     WAKING → GREETING → LOADING → LOADED → STARTING → RUNNING → STOPPING → ENDED
 *                 GREETING → LISTING → ENDED, or LOADING where the agent is an old one
 *        any before RUNNING → FAILED          STARTING and later → DYING → ENDED, with results
 *
 * What probes there are is asked for together with START and told aside: while probes are on already, and sometimes not before the session ends.
 *
 * A target is driven by target_step(): it never blocks and never waits, and has a deadline for whatever it is waiting for. Single-threaded. All that comes from the process, over the socket or
 * out of its memory, is not trusted: sizes are checked, strings are copied and escaped where they are printed, memory is mapped read-only and only if it is sealed.
 */
#ifndef TARGET_H
#define TARGET_H

#include "find.h"
#include "overhead.h"
#include "program.h"
#include "results.h"
#include "ring.h"
#include "wire_client.h"

enum target_state {
	TARGET_WAKING,    /* the agent is called until it listens and we are connected */
	TARGET_GREETING,  /* HELLO was sent */
	TARGET_LISTING,   /* LIST was sent, and all the rest waits for it */
	TARGET_LOADING,   /* the program is on its way */
	TARGET_LOADED,    /* ready; target_start() is awaited */
	TARGET_STARTING,
	TARGET_RUNNING,   /* probes are on */
	TARGET_STOPPING,
	TARGET_DYING,     /* the connection is gone, how the process is doing will be known in a moment */
	TARGET_ENDED,     /* nothing more will come; the memory holds what was not read yet */
	TARGET_FAILED,    /* could not be attached: reason says why */
};

/* How a target came to its end. */
enum target_end {
	TARGET_STOPPED,   /* by us */
	TARGET_EXITED,    /* by itself, or it is not known how */
	TARGET_KILLED,    /* by a signal */
	TARGET_EXECED,    /* it became another program */
	TARGET_CLOSED,    /* it lives on and has closed the session */
	TARGET_LET_GO,    /* it lives on, and we left before the end: target_let_go() */
};

/* What is loaded into every target of a run; or nothing but a list of sites is wanted. */
struct target_plan {
	const struct jst_program *program; /* NULL: list only: the target is ENDED once its sites are known */
	uint64_t memory;                   /* bytes */
	uint32_t budget, string_size, ring_size;
	bool measures;                     /* its cost */
	bool stacks;                       /* it calls stack(): know what the target has mapped */
};

struct target {
	struct target *next;
	struct process process;
	bool named;                  /* by -p */
	bool by_name;                /* has probes whose names show as they fire */
	enum target_state state;
	enum target_end end;
	int status;                  /* as of wait(2), if end is EXITED or KILLED and status_known */
	bool status_known;
	char reason[FIND_REASON];    /* FAILED: why; ENDED: how, "exited with code 1", "killed by SIGKILL" */
	struct wire_client client;
	int64_t admitted;            /* WAKING: since when it is called, ns; 0: it is not yet, and has no deadline */
	int64_t deadline;            /* of the present state; TIMES_NEVER: none */
	int64_t again;               /* WAKING, DYING: when to look again */
	int64_t wake;                /* WAKING: when to wake again */
	int64_t look;                /* WAKING: how long the next wait for an answer is, ns */
	uint32_t abi;                /* the latest version that the agent speaks */
	unsigned connections;        /* how often a connection broke before the agent answered */

	unsigned char *sites;        /* as of the attach, as LIST told them: struct jst_site_entry, one behind the other, in a memory of their own from ref 1 on. target_site() reads them */
	size_t site_bytes, site_room;
	uint32_t site_count;         /* that were told, also those forgotten since */
	bool lists_aside;            /* the list is asked for with START */
	bool listing;                /* … and has not ended */
	bool stop_told;              /* STOPPED came before the list's end */
	int64_t list_deadline;       /* until when a list that is told aside is worth waiting for, ns */
	uint32_t matched_sites, matched_probes; /* that the program's patterns match */

	struct memory_view *view;    /* NULL before LOADED */
	_Atomic uint64_t *tails;     /* mapped read-write; one a slot */
	uint64_t *read_tails;        /* where we are in each ring: what we wrote to tails cannot be trusted to stay */
	jst_ref *read_rings;         /* which ring of each slot we are in */
	size_t tails_size;
	bool *broken;                /* rings that made no sense and are not read any more */
	bool malformed;              /* anything in the memory made no sense */
	char title[64], hostname[65];

	struct overhead overhead;    /* what the session costs it */
	bool let_go;

	bool attach_told, end_told;  /* what the run has said about it */
	bool settled;                /* its rest was added to the totals */
	bool started;                /* STARTED came */
	bool flipping;               /* FLIP was sent, FLIPPED not yet seen */
	bool flipped;                /* FLIPPED came: the closed banks may be read, then RELEASE sent */
	bool lapsed;                 /* we were held up so long that its lease ran out */
	int unheard;                 /* the connection broke since we could not go on: errno; 0: the other side ended it */
	bool deaf;                   /* did not answer a FLIP in time: not waited for again until it does */
};

/*
 * Reads the site at *ref and moves that on to the next; false: there is none. The first is at ref 1. The strings point into what LIST told, and stay until they are forgotten.
 */
bool target_site(const struct target *target, jst_ref *ref, struct jst_probe *probe);
/* All that were told so far; those that come are the first again. */
void target_forget_sites(struct target *target);

/* Takes over the process. Nothing is done with it before target_admit(). */
struct target *target_new(const struct process *process, bool named);
/* From now on it is called, and has its time to answer. */
void target_admit(struct target *target, int64_t now);
void target_free(struct target *target);

/* Does all that can be done now. readable: the socket has something; ended: the pidfd. now: ns. */
void target_step(struct target *target, const struct target_plan *plan, int64_t now, bool readable, bool ended);
/* When target_step() is due although nothing is readable, ns; TIMES_NEVER: not. */
int64_t target_due(const struct target *target);

/* LOADED → STARTING; RUNNING: the rest. Each does nothing in another state. */
void target_start(struct target *target, int64_t now);
void target_lease(struct target *target);
void target_flip(struct target *target);
void target_release(struct target *target);
/* STOP; a target that was not started yet is just let go. */
void target_stop(struct target *target, int64_t now);
/* The same before the run's end, for a reason that is told: "process 77 (httpd) " and what the format says. RUNNING only. */
__attribute__((format(printf, 3, 4))) void target_let_go(struct target *target, int64_t now, const char *format, ...);

/* Up to LOADED: no probe is on yet. */
bool target_attaching(const struct target *target);
/* Has a memory with results that may still grow, or that has not been read to its end. */
bool target_has_memory(const struct target *target);

/* What exit() asked for in the target; -1: nothing yet. */
int target_exit_code(const struct target *target);
/* How many slots of the memory to look at. */
uint32_t target_slots(const struct target *target);

/* For attach.c: the end of an attempt; the start of a session's memory. */
__attribute__((format(printf, 2, 3))) void target_fail(struct target *target, const char *format, ...);
bool target_map(struct target *target, const struct jst_message_loaded *loaded, struct wire_packet *packet, const struct target_plan *plan);

#endif
