/*
 * Sessions in a target: installing a program, turning its probes on, and taking all of it away again.
 *
 * An installed session is made of private anonymous mappings (this struct with its bindings, the program, the threads' work areas), the shared memory of results and the readers' tails. The agent makes and frees them; threads find them by jst_process->sessions
 * and only inside an event; objects that come and go change the bindings with the registry's lock held.
 */
#ifndef JST_INSTALL_H
#define JST_INSTALL_H

#include "clock.h"
#include "process.h"
#include "sites.h"

enum { JST_TABLE_SIZE = 4096, JST_RETIRED_LISTS = 4096 };

/* A binding and what it points to, in the session's arena. */
struct jst_bound {
	struct jst_binding binding;
	struct jst_bound *retired;  /* next in the list of those whose object was unloaded: an equal site takes one up again */
};

/* Names that jstrace_fire() was called with: table.c. */
struct jst_table {
	_Atomic uint64_t hash[JST_TABLE_SIZE];                       /* of name, field names and types; 0: free */
	_Atomic(const struct jst_bound *) bound[JST_TABLE_SIZE];     /* NULL: being made */
	_Atomic uint64_t answer[JST_TABLE_SIZE];                     /* of jstrace_enabled(): hash of a name, its lowest bit replaced by the answer; 0: free. A cache: places are overwritten */
};

struct jst_unkept;

struct jst_installed {
	struct jst_session run;
	uint32_t index;                   /* of the session: bit index of the words' upper halves */
	uint32_t serial;                  /* of the session in this process, never 0 */
	uint32_t since;                   /* jst_process->epoch from which on what is wanted has this program's fields */
	bool uses_comm;                   /* the program reads comm */
	bool measures;                    /* its cost */
	bool running, ending;             /* with the lock */
	uint32_t sites, probes;           /* that matched when it was installed */
	int memory_fd, tails_fd;          /* agent's; -1 once the CLI has them */
	uint64_t self_size, work_bytes, memory_bytes; /* bytes of the mappings */
	struct jst_unkept *unkept;        /* one a slot, untouched until used: table.h. Too large for a signal's stack */
	uint64_t unkept_size;             /* bytes of one */
	struct jst_match *match;          /* the program's patterns */
	_Atomic uint64_t arena_used;      /* bytes, from the start of this mapping */
	struct jst_table table;
	/* Of sites: watch.h. All but bound are with the lock. */
	uint32_t bound_early;             /* how many were bound before they fired */
	uint32_t retired_count;
	struct jst_bound *retired[JST_RETIRED_LISTS]; /* by a hash of the site */
	uint64_t watched[JST_MAX_SITES / 64];         /* bits, by site id */
	_Atomic(const struct jst_bound *) bound[JST_MAX_SITES]; /* by site id; NULL: not this program's, or not bound yet */
	_Alignas(64) unsigned char arena[];
};

/* A refusal, with a line for the user. */
struct jst_refused {
	enum jst_refusal refusal;
	char reason[252];
};

/* What a CLI may ask for beside the load. */
struct jst_install_wishes {
	bool growth;    /* rings begin small and grow; else they have load->ring_size at once */
	bool measures;  /* the session measures its cost: struct jst_cost */
};

/*
 * Prepares a session: verifies program (load->program_size bytes of it, in a mapping of JST_PROGRAM_MAX_SIZE that the session takes over, also when it fails), makes its memory, binds it to all sites. Nothing runs yet. NULL with
 * *refused filled. Context: agent.
 */
struct jst_installed *jst_install_prepare(const struct jst_message_load *load, const struct jst_install_wishes *wishes, void *program, struct jst_refused *refused);

/* Starts the session's clock, and turns the probes on. False: the kernel offers no barrier to turn them off by, so they stay off. Context: agent. */
bool jst_install_start(struct jst_installed *installed, struct jst_clock *clock);

/* Takes some memory for what threads will write first, so that they need not: once it is started, since it takes longer than starting it. Context: agent. */
void jst_install_populate(struct jst_installed *installed);

/* Turns the probes off, waits until no thread is inside, frees everything. Returns the threads that did not leave in time: then the memory is kept. Also for a session that was never started. Context: agent. */
uint32_t jst_install_stop(struct jst_installed *installed);

/* Puts the events of threads for which there was no record, since the last time, into the losses of the sessions that run. Each second, and as one ends. Context: agent. */
void jst_install_refused(void);

/* Begins another epoch, and wakes those that wait for one: what is wanted of named probes (named.h) may be something else now. With the registry's lock. Context: any but probe. */
void jst_install_changed(void);

/* In a child: whether its parent had sessions, so that its probes may still be on. Context: agent, before jst_install_inherited(). */
bool jst_install_inherits(void);

/* In a child: unmaps what the parent's sessions had, unless the thread that forked is in the middle of it. Context: agent, before it serves. */
void jst_install_inherited(bool unmap);

/* Room in the session's arena, 8-aligned; NULL when it is full. Lock-free. Context: any. */
void *jst_install_room(struct jst_installed *installed, size_t size);

/* A binding of probe, with copies of its strings, in the arena; NULL: no clause matches, or no room (*full). site: describe it in the session's memory too. Lock-free; Context: any. */
struct jst_bound *jst_install_bind(struct jst_installed *installed, const struct jst_probe *probe, bool *full);

#endif
