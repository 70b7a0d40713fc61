/*
 * What the CLI and a target's agent say to each other: the marker by which a target is found, and the messages on the socket.
 *
 * Marker: a sealed memfd of one page named JST_MARKER_NAME, mapped by the target (writable) and by the CLI (read-only). The agent keeps it open in its private descriptor table, where the CLI finds it as
 * /proc/PID/task/AGENT/fd/N; the device and inode must be those of the mapping in /proc/PID/maps.
 *
 * Waking: the CLI queues SIGUSR2 to the agent's thread (rt_tgsigqueueinfo, SI_QUEUE, value JST_WAKE_MAGIC) and does FUTEX_WAKE on the doorbell, and again every 20 ms until `listening` changes or the time is over. The agent then opens an abstract
 * SEQPACKET socket, publishes its name in the marker (a seqlock), accepts for a second, and each connection is a session's. Both ends check SO_PEERCRED.
 *
 * Talk (-> CLI to agent, <- agent to CLI). Each packet is a struct jst_message with its body; at most JST_PACKET_MAX bytes.
 *     -> HELLO                    <- HELLO  or REFUSED
 *     -> LIST                     <- SITE *, LIST_END          at any time but while a program is on its way; other answers may come in between
 *     -> LOAD, PROGRAM *          <- LOADED (with two descriptors: memory, tails) or REFUSED
 *     -> START                    <- STARTED                   probes are on
 *     -> LEASE                                                 at least every JST_LEASE_RENEW_MS
 *     -> FLIP                     <- FLIPPED                   banks of the old generation are CLOSED where the owner was seen outside
 *     -> RELEASE                                               the CLI has copied every CLOSED bank: they may be recycled
 *     -> STOP                     <- STOPPED                   probes are off and no thread is inside; then the CLI reads what is left, and closes
 * EOF in any state ends the session. So does a lease that was not renewed for JST_LEASE_MS.
 */
#ifndef JST_WIRE_H
#define JST_WIRE_H

#include <stdatomic.h>
#include <stdint.h>

#include "probe.h"

#define JST_MARKER_NAME "jstrace:1"
#define JST_AGENT_COMM "jstrace"
#define JST_MARKER_MAGIC 0x3152414d5453546aULL /* "jTSTMAR1" */

enum {
	JST_ABI_MIN = 2,           /* versions of the talk that this build speaks */
	JST_ABI_MAX = 4,
	JST_ABI_SEVERAL = 3,       /* from this version on a SITE message may have several sites */
	JST_ABI_ASIDE = 4,         /* from this version on an agent that is sending a list has room for its answers, so that it may be asked for one while probes are on */
	JST_ABI_MEASURE = 4,       /* from this version on MEASURE may come before LOAD */
	JST_ABI_GROWTH = 4,        /* from this version on rings begin small and grow: who reads them knows how one follows another (ring.h) */
	JST_WAKE_MAGIC = 0x6a737431,
	JST_PACKET_MAX = 64 << 10,
	JST_WAKE_TIMEOUT_MS = 2000,
	JST_WAKE_AGAIN_MS = 20,
	JST_CONNECT_TIMEOUT_MS = 1000,
	JST_HELLO_TIMEOUT_MS = 1000,
	JST_UPLOAD_TIMEOUT_MS = 2000,
	JST_QUIESCE_TIMEOUT_MS = 1000,
	JST_LEASE_MS = 10000,
	JST_LEASE_RENEW_MS = 2000,
	JST_LISTEN_MS = 1000,
	JST_MAX_SESSIONS = 16,
};

enum jst_marker_state { JST_MARKER_ABSENT = 0, JST_MARKER_READY = 1, JST_MARKER_DISABLED = 2 };

struct jst_marker {
	uint64_t magic;
	uint32_t abi_min, abi_max;
	int32_t pid;                     /* in the target's own pid namespace */
	int32_t agent_tid;               /* likewise */
	int32_t filters;                 /* seccomp filters of the agent's thread as it began: a call of the agent's that a later one forbids may be the process's death, so it is not woken then */
	uint32_t reserved;
	uint64_t start_time;             /* field 22 of /proc/self/stat: against recycled pids */
	_Atomic uint32_t doorbell;       /* futex the agent waits on; its value never changes, it is only woken */
	_Atomic uint32_t listening;      /* seqlock of socket_name: odd while it changes; 0 before the first */
	char socket_name[32];            /* abstract name without its leading NUL, NUL-terminated; "" while nobody listens */
	_Atomic uint32_t state;          /* enum jst_marker_state, stored last */
};

enum jst_message_type {
	JST_MESSAGE_HELLO = 1, JST_MESSAGE_REFUSED, JST_MESSAGE_LIST, JST_MESSAGE_SITE, JST_MESSAGE_LIST_END, JST_MESSAGE_LOAD, JST_MESSAGE_PROGRAM, JST_MESSAGE_LOADED,
	JST_MESSAGE_START, JST_MESSAGE_STARTED, JST_MESSAGE_LEASE, JST_MESSAGE_FLIP, JST_MESSAGE_FLIPPED, JST_MESSAGE_RELEASE, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, JST_MESSAGE_MEASURE,
};

struct jst_message {
	uint32_t type;
	uint32_t size; /* of the body that follows */
};

/* Both ways. */
struct jst_message_hello {
	uint32_t abi_min, abi_max;  /* of the sender; the talk goes on in the greatest that both have */
	int32_t pid;                /* of the target as the sender knows it: the agent's own; the CLI's copy of the marker's */
	uint32_t reserved;
	uint64_t start_time;        /* of the target; must be equal */
	char version[32];           /* of the sender, for messages to people */
};

enum jst_refusal {
	JST_REFUSAL_VERSION = 1, JST_REFUSAL_IDENTITY, JST_REFUSAL_CREDENTIALS, JST_REFUSAL_PROTOCOL, JST_REFUSAL_PROGRAM, JST_REFUSAL_MEMORY, JST_REFUSAL_SESSIONS, JST_REFUSAL_DISABLED, JST_REFUSAL_PRIVILEGED,
};

struct jst_message_refused {
	uint32_t refusal;    /* enum jst_refusal */
	char reason[252];    /* one line, NUL-terminated; not trusted: escape before printing */
};

/* The body of SITE: a struct jst_site_entry with next 0; if the other side has told in HELLO that it speaks JST_ABI_SEVERAL, one or more of them, each behind the one before. */

struct jst_message_load {
	uint32_t program_size;  /* bytes, sent in PROGRAM messages in order */
	uint32_t budget;
	uint64_t memory;        /* bytes */
	uint32_t string_size;
	uint32_t ring_size;     /* of the largest ring a thread may have; before JST_ABI_GROWTH of each */
};

struct jst_message_loaded {
	uint32_t sites;         /* that the program's patterns match now */
	uint32_t probes;        /* distinct names among them */
	uint64_t memory;        /* size of the memfd */
	uint32_t flags;         /* JST_LOADED_… */
	uint32_t refused;       /* sites of the process that cannot be watched: it has more than the library keeps */
};

enum {
	JST_LOADED_NAMED = 1,   /* the process has probes that are known by their name, of which more may appear as they fire */
};

struct jst_message_flipped {
	uint32_t generation;    /* that is being written now */
	uint32_t stragglers;    /* slots whose bank was not closed because the owner did not leave in time */
};

struct jst_message_stopped {
	uint32_t stragglers;    /* threads that did not leave in time */
	uint32_t reserved;
};

#endif
