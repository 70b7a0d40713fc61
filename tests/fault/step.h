/*
 * One thread, stopped at its system calls by ptrace(), and what shall happen as it begins the one that is meant: so a fault can be had at each step that a program makes, without a line of it being changed.
 *
 * A thread of ours traces, since only the thread that seized may ask for anything.
 */
#ifndef STEP_H
#define STEP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum step_action {
	STEP_COUNT,  /* nothing */
	STEP_KILL,   /* SIGKILL to the process */
	STEP_STOP,   /* SIGSTOP to the process */
	STEP_FAIL,   /* the call is not made and gives the error */
	STEP_FAIL_ON, /* … nor is any that comes later */
};

struct step {
	pid_t process, thread;
	int at;                         /* which call, from 0 on, of those that count */
	enum step_action action;
	int error;
	bool (*counts)(long number);    /* NULL: every one */
	/* what came of it */
	_Atomic int seen;               /* how many counted */
	_Atomic bool hit;
	long number;                    /* of the call that was hit */
	int status;                     /* as of wait(), once it has ended */
	_Atomic bool seized, failed, ended, enough;
	pthread_t tracer;
};

/* Seizes the thread; false: ptrace() is not to be had. */
bool step_begin(struct step *step);
/* Lets it go, and waits until it is let go. Whether the thread has ended by then is in ended, and how, in status. */
void step_end(struct step *step);
/* The name of a system call that faults are made at; "call N" for others. */
const char *step_name(long number);

#endif
