/*
 * The harness of the fault tests: a victim under load, one fault, and then what must always hold.
 *
 *     start()                          a victim; what it is asked is kept, so that an untraced one can be asked the same
 *     remember()                       its threads, descriptors, mappings, memory and signals, before anybody traced it
 *     run_start(), run_end()           jstrace itself; or client.h, where a step of the protocol is to be the last
 *     as_remembered()                  within a second after the session they must be as before
 *     counted()                        what jstrace printed and what it said was lost make up what the victim has fired
 *     unharmed()                       the victim ends with the output and the status of one that nobody traced
 *
 * A check that fails leaves a line in why and gives false. Time is told in turns (turns()), so that a machine which is busy with other things has no say in the outcome.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "client.h"
#include "look.h"
#include "oracle.h"

extern char why[1024];

/* Sets why; false. */
__attribute__((format(printf, 1, 2))) bool wrong(const char *format, ...);

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			if (!why[0]) \
				wrong("%s:%d: %s", __FILE__, __LINE__, #condition); \
			else if (!strstr(why, " @")) \
				snprintf(why + strlen(why), sizeof(why) - strlen(why), " @ %s:%d", __FILE__, __LINE__); \
			return false; \
		} \
	} while (0)

/* ---- time ---- */

enum { TURN_MS = 5 };

/* Waits one turn, and counts: false once ms are over, of which only those count that we had the processor for. Begins with *turns = 0. */
bool turns(int *turns, int ms);

/* ---- the victim ---- */

struct footprint {
	int threads, fds, agent_fds, maps;
	long anonymous;                /* kB that are its own */
	char signals[160];             /* ignored, caught, blocked */
};

struct victim {
	pid_t pid;
	FILE *to, *from;
	struct oracle *oracle;
	int agent;                     /* tid; 0: not looked for yet */
	struct footprint before;
	char line[512];                /* of the last answer */
	char *asked, *said;            /* all so far, a line each */
};

enum form { RAW, OF_LIBC };

/* Which sort of agent the victims have. OF_LIBC needs root. */
extern enum form form;
/* Longer forms are wanted: SOAK=1. */
extern bool soak;

bool is_root(void);
/* For good, and for what is exec'd too. */
bool drop_privileges(void);

/* argument, NULL: none. How it begins, in a child, before exec: NULL, or a function that prepares and returns whether it could. */
bool start_prepared(struct victim *victim, const char *argument, bool (*prepare)(void));
bool start(struct victim *victim);
/* Sends a command; does not wait for an answer, which hear() does. */
bool tell(struct victim *victim, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool hear(struct victim *victim);
/* Both; the answer, "" where there is none. */
const char *ask(struct victim *victim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Both, and the answer is "done". */
bool done(struct victim *victim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes its footprint, once it has a marker. Threads that are to be there must be there. */
bool remember(struct victim *victim);
/*
 * Polls for a second until the footprint is as remembered, but for the socket on which the agent listens for others a second longer, and then until that is gone, too. slots: of how many threads probes have fired, each
 * of which may have touched a page.
 */
bool as_remembered(struct victim *victim, int slots);
/* Without the last: one more descriptor and one more mapping. For rounds, of which the last ends with as_remembered(). */
bool nearly_as_remembered(struct victim *victim, int slots);
/* Until the agent sleeps, and does nothing more unless it is rung. */
bool agent_sleeps(const struct victim *victim);
/* SIGSTOP, and until all of it stands. */
bool stop_all(const struct victim *victim);
/* Only how many threads, descriptors and mappings there are now. */
struct footprint footprint_of(const struct victim *victim);
/* Has it end, and compares all that it ever said, and how it ended, with one that does the same untraced. */
bool unharmed(struct victim *victim);
/* The same of one that ends by itself, by what it was told last. */
bool unharmed_end(struct victim *victim);
/* Its status as of wait(); -1: it does not end. */
int status_of(struct victim *victim);
void end(struct victim *victim);

/* What most cases begin and end with, of the victim: */
enum { WORKERS = 2 };
/* … it runs, its workers fire, and its footprint is taken; */
bool loaded(void);
/* … the first of them has fired so often with the probe on; */
bool fired(uint64_t events);
/* … it is as it was, and no worse for it. */
bool whole(void);

/* What it has counted while probes were on; only while they are off. */
void forget(struct victim *victim);
/* The bucket that 99 % of the workers' requests lie in or below, ns; what lies in them is forgotten. Printed, never judged. */
double p99(struct victim *victim, int workers);

/* ---- jstrace ---- */

/* What counts the workers' events, so that each can be told from the others. */
#define COUNTING "work:step { @n[w] = count(); @lo[w] = min(n); @hi[w] = max(n); }"

struct run {
	pid_t pid;
	char out[600], err[600];       /* paths */
	char *printed, *said;          /* what is in these, once it has ended */
	int status;                    /* as of wait() */
};

/* jstrace -v with these arguments, up to NULL; "PID" stands for the victim's. */
bool run_start(struct run *run, const struct victim *victim, ...);
/* The same, with a function that prepares it in the child before exec. */
bool run_prepared(struct run *run, const struct victim *victim, bool (*prepare)(void), ...);
bool run_attached(struct run *run);
/* Whether it has said that on standard error, polled. */
bool run_says(struct run *run, const char *text, int ms);
/* Whether it has ended by now; what it left is read by what waits for its end. */
bool run_ended(const struct run *run);
/* A signal (0: none), and its end within 3 s. */
bool run_end(struct run *run, int signal);
/* Waits for its end. */
bool run_wait(struct run *run, int ms);
bool run_code(const struct run *run, int code);
/* Its status came from elsewhere, as from a tracer: reads what it left. */
bool run_take(struct run *run, int status);
void run_fini(struct run *run);
/* The value of an aggregation under that key; -1: none. */
int64_t run_value(const struct run *run, const char *name, int64_t key);
/* All that it says was lost. */
uint64_t run_lost(const struct run *run);

/*
 * What was printed and what is said to be lost is what the workers 0 … workers-1 have fired while the probe was on. slack: how many events of each worker may have been on their way as the session ended.
 * Without losses every number between the smallest and the greatest must have been counted, whatever the end was.
 */
bool counted(const struct run *run, const struct victim *victim, int workers, uint64_t slack);

/* ---- cases ---- */

struct fault_case {
	const char *name;
	bool (*run)(void);
	bool root, soak;               /* what it needs */
};

/* Why a case cannot be made here; a case that finds out sets it and returns false. */
extern char skipped[256];
__attribute__((format(printf, 1, 2))) bool skip(const char *format, ...);

extern const struct fault_case cases_cli[], cases_steps[], cases_target[], cases_more[], cases_signal[], cases_resource[], cases_identity[];

/* For all cases; ended after each. */
extern struct victim victim;
extern struct run run, second_run;
extern struct client client, second_client;
extern char work_folder[512], build_folder[512];

#endif
