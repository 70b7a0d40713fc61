/*
 * What a victim knows of itself, in memory that the harness sees at any time, also after the victim's death. The victim is the only writer but of `go`.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdatomic.h>
#include <stdint.h>

enum { ORACLE_WORKERS = 64, ORACLE_LATENCIES = 32 };

struct oracle_worker {
	_Alignas(64) _Atomic uint64_t begun; /* events that it has begun to fire … */
	_Atomic uint64_t done;               /* … and that are over */
	_Atomic uint64_t seen;               /* whose arguments were evaluated: the probe was on */
	_Atomic uint64_t first, last;        /* the numbers of the first and the last of these */
	_Atomic uint64_t latency[ORACLE_LATENCIES]; /* how many requests took 2^i ns, since they were last forgotten */
};

struct oracle {
	struct oracle_worker worker[ORACLE_WORKERS];
	_Atomic uint64_t signals;   /* of its own that arrived */
	_Atomic uint64_t handled;   /* calls of a handler that fires */
	_Atomic uint32_t go;        /* set by the harness: a race begins */
	_Atomic uint32_t harm;      /* bits: what a probe has changed that it must not */
	_Atomic uint64_t extra;     /* events whose arguments were evaluated beside the workers' */
};

enum { HARM_ERRNO = 1, HARM_SUM = 2, HARM_FILE = 4, HARM_FLOATING = 8 };

#endif
