/*
 * See crew.h. The signals that end a run are blocked and read from a signalfd, so that none is missed between a look and a wait.
 */
#include "crew.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "messages.h"
#include "times.h"

enum {
	SCAN_MS = 1000,
	PENDING_FIRST_US = 250, /* a process that is just starting is ready in a moment; each look at it is after twice as long … */
	PENDING_MS = 20,        /* … up to this */
	PENDING_TIMEOUT_MS = 1000,
	SLACK_NS = 5000,
	ABREAST = 32,      /* so many are attached at a time: thousands of agents that are called at once answer none in its time … */
	ABREAST_MS = 500,  /* … but one that has not answered after this is not counted any more, so that it keeps nobody waiting */
};

struct crew_pending {
	pid_t pid;
	int64_t until;
};

static sigset_t ending_signals(void)
{
	sigset_t set;
	struct sigaction action;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* nohup: a hang-up that is ignored stays ignored. SIGINT does not, since shells ignore it for what scripts start in the background. */
	if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	return set;
}

void crew_init(struct crew *crew, const struct options *options, const struct target_plan *plan, const struct output *output)
{
	const sigset_t set = ending_signals();

	*crew = (struct crew){ .options = options, .plan = *plan, .output = output->held ? output->pipe : -1, .now = times_now() };
	/* What is waited for now is often due in some 50 us, the time by which the kernel may be late. */
	prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	crew->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (crew->signals < 0) /* no descriptor is left: better ended without results than not at all */
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	crew->lease_due = crew->now + JST_LEASE_RENEW_MS * TIMES_MS;
	for (size_t i = 0; i < options->pid_count; i++) {
		crew->pending = message_resize(crew->pending, crew->pending_count + 1, sizeof(*crew->pending));
		crew->pending[crew->pending_count++] = (struct crew_pending){ .pid = options->pids[i], .until = crew->now + PENDING_TIMEOUT_MS * TIMES_MS };
	}
	if (!options->pid_count || options->title_count)
		crew->finder = finder_new();
	crew->scan_due = crew->now;
}

void crew_fini(struct crew *crew)
{
	while (crew->targets)
		crew_remove(crew, crew->targets);
	finder_free(crew->finder);
	free(crew->pending);
	if (crew->signals >= 0)
		close(crew->signals);
}

static void add(struct crew *crew, const struct process *process, bool named)
{
	struct target **end = &crew->targets;

	while (*end)
		end = &(*end)->next;
	*end = target_new(process, named);
}

static bool have(const struct crew *crew, const struct process *process)
{
	for (const struct target *target = crew->targets; target; target = target->next)
		if (target->process.pid == process->pid && target->process.start_time == process->start_time && target->state != TARGET_ENDED && target->state != TARGET_FAILED)
			return true;
	return false;
}

static void find_named(struct crew *crew)
{
	size_t kept = 0;

	for (size_t i = 0; i < crew->pending_count; i++) {
		const struct crew_pending pending = crew->pending[i];
		struct process process;
		char reason[FIND_REASON];
		const enum find_result result = find_process(pending.pid, &process, reason);

		if (result == FIND_FOUND) {
			add(crew, &process, true);
		} else if (result == FIND_NOT_YET && crew->now < pending.until) {
			crew->pending[kept++] = pending;
		} else {
			message_error("%s", reason);
			crew->failed = true;
		}
	}
	crew->pending_count = kept;
}

static void found(void *context, pid_t pid)
{
	struct crew *crew = context;
	struct process process;
	char reason[FIND_REASON];

	switch (find_process(pid, &process, reason)) {
	case FIND_NOT_YET:
		finder_retry(crew->finder, pid);
		break;
	case FIND_REFUSED:
		message_note("left out: %s", reason);
		break;
	case FIND_FOUND:
		if (have(crew, &process)) {
			process_fini(&process);
		} else if (crew->options->title_count && !process_matches(&process, crew->options->titles, crew->options->title_count)) {
			process_fini(&process);
			finder_later(crew->finder, pid);
		} else {
			add(crew, &process, false);
		}
		break;
	}
}

void crew_find(struct crew *crew)
{
	crew->now = times_now();
	if (crew->now < crew->scan_due)
		return;
	find_named(crew);
	if (crew->finder)
		finder_scan(crew->finder, found, crew);
	crew->pending_pause = crew->finder ? PENDING_MS * TIMES_MS : times_earlier(crew->pending_pause ? 2 * crew->pending_pause : PENDING_FIRST_US * TIMES_MS / 1000, PENDING_MS * TIMES_MS);
	crew->scan_due = crew->pending_count ? crew->now + crew->pending_pause : crew->finder ? crew->now + SCAN_MS * TIMES_MS : TIMES_NEVER;
}

void crew_find_no_more(struct crew *crew)
{
	crew->scan_due = TIMES_NEVER;
	crew->pending_count = 0;
}

void crew_settle(void)
{
	prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0); /* as at first */
}

bool crew_attaching(const struct crew *crew)
{
	for (const struct target *target = crew->targets; target; target = target->next)
		if (target_attaching(target) || target->state == TARGET_STARTING || (target->state == TARGET_RUNNING && target->listing && crew->now < target->list_deadline))
			return true;
	return crew->pending_count > 0;
}

static void read_signals(struct crew *crew)
{
	struct signalfd_siginfo information;

	while (read(crew->signals, &information, sizeof(information)) == (ssize_t)sizeof(information))
		crew->interrupted = true;
}

static struct timespec span(int64_t now, int64_t until)
{
	const int64_t ns = until <= now ? 0 : until - now > 60000 * TIMES_MS ? 60000 * TIMES_MS : until - now;

	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

static bool waits(const struct target *target)
{
	return target->admitted && target->state != TARGET_ENDED && target->state != TARGET_FAILED;
}

/* Admits those whose turn it is; true if others wait for theirs. */
static bool admit(struct crew *crew, int64_t now)
{
	unsigned abreast = 0;
	bool waiting = false;

	for (const struct target *target = crew->targets; target; target = target->next)
		abreast += target->admitted && target->state < TARGET_LOADED && now < target->admitted + ABREAST_MS * TIMES_MS;
	for (struct target *target = crew->targets; target && !waiting; target = target->next) {
		if (target->admitted || target->state != TARGET_WAKING)
			continue;
		waiting = abreast == ABREAST;
		if (!waiting) {
			target_admit(target, now);
			abreast++;
		}
	}
	return waiting;
}

void crew_wait(struct crew *crew, int64_t until)
{
	size_t count = 2;

	for (struct target *target = crew->targets; target; target = target->next)
		count += 2;

	struct pollfd *polled = message_allocate(count, sizeof(*polled));
	size_t at = 2;

	polled[0] = (struct pollfd){ .fd = crew->signals, .events = POLLIN };
	polled[1] = (struct pollfd){ .fd = crew->output, .events = crew->output_waits ? POLLOUT : 0 };
	until = times_earlier(until, crew->lease_due);
	crew->now = times_now();
	if (admit(crew, crew->now))
		until = times_earlier(until, crew->now + ABREAST_MS * TIMES_MS / 8);
	for (struct target *target = crew->targets; target; target = target->next) {
		const bool wanted = waits(target);

		until = times_earlier(until, target_due(target));
		polled[at++] = (struct pollfd){ .fd = wanted ? target->client.fd : -1, .events = (short)(POLLIN | (target->client.queued ? POLLOUT : 0)) };
		polled[at++] = (struct pollfd){ .fd = wanted ? target->process.pidfd : -1, .events = POLLIN };
	}

	const struct timespec timeout = span(crew->now, until);

	ppoll(polled, (nfds_t)count, &timeout, NULL);
	crew->now = times_now();
	if (polled[0].revents)
		read_signals(crew);
	if (polled[1].revents & (POLLERR | POLLHUP))
		crew->output_gone = true;
	/* Before their ends are read. */
	if (crew->now - crew->lease_due > (JST_LEASE_MS - JST_LEASE_RENEW_MS) * TIMES_MS)
		for (struct target *target = crew->targets; target; target = target->next)
			target->lapsed |= target->state == TARGET_STARTING || target->state == TARGET_RUNNING;
	at = 2;
	for (struct target *target = crew->targets; target; target = target->next, at += 2)
		if (waits(target) && (polled[at].revents || polled[at + 1].revents || crew->now >= target_due(target)))
			target_step(target, &crew->plan, crew->now, polled[at].revents, polled[at + 1].revents);
	if (crew->now >= crew->lease_due) {
		for (struct target *target = crew->targets; target; target = target->next)
			target_lease(target);
		crew->lease_due = crew->now + JST_LEASE_RENEW_MS * TIMES_MS;
	}
	free(polled);
}

void crew_remove(struct crew *crew, struct target *target)
{
	struct target **link = &crew->targets;

	while (*link != target)
		link = &(*link)->next;
	*link = target->next;
	target_free(target);
}

void crew_unblock_signals(struct crew *crew)
{
	const sigset_t set = ending_signals();

	read_signals(crew);
	signal(SIGINT, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (crew->signals >= 0)
		close(crew->signals);
	crew->signals = -1;
}
