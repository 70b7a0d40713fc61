/*
 * See overhead.h.
 */
#include "overhead.h"

#include <time.h>

#include "messages.h"
#include "target.h"
#include "times.h"

enum {
	LOOK_MS = 250,
	LEAST_CPU_MS = 5, /* of less CPU time no share is told */
	IN_A_ROW = 2,     /* one look may fall on a burst */
};

bool overhead_take(struct overhead *overhead, uint64_t events, uint64_t timed, uint64_t ns, int64_t cpu, int64_t now, double *share)
{
	if (!overhead->looked) {
		overhead->looked = now;
		overhead->cpu = overhead->cpu_before = cpu;
		overhead->events = events;
		overhead->timed = timed;
		overhead->ns = ns;
		return false;
	}
	const int64_t used = cpu - overhead->cpu;

	if (used < LEAST_CPU_MS * TIMES_MS)
		return false;
	/* Whatever the target wrote, nothing here is more than a number. Where none was timed, what all took so far. */
	const bool new_ones = timed > overhead->timed && ns >= overhead->ns;
	const double each = new_ones ? (double)(ns - overhead->ns) / (double)(timed - overhead->timed) : timed ? (double)ns / (double)timed : 0;
	const double cost = events > overhead->events ? (double)(events - overhead->events) * (each + OVERHEAD_AROUND_NS) : 0;

	overhead->cost += cost;
	overhead->looked = now;
	overhead->cpu = cpu;
	overhead->events = events;
	overhead->timed = timed;
	overhead->ns = ns;
	*share = cost / (double)used;
	return true;
}

/* CPU time of all of the process's threads, ns; -1: not known. */
static int64_t cpu_time(const struct target *target)
{
	clockid_t clock;
	struct timespec time;

	if (clock_getcpuclockid(target->process.pid, &clock) != 0 || clock_gettime(clock, &time) < 0)
		return -1;
	return time.tv_sec * 1000 * TIMES_MS + time.tv_nsec;
}

static bool take(struct target *target, int64_t now, double *share)
{
	const struct jst_slot *slots = (const struct jst_slot *)(target->view->base + JST_SLOTS_OFFSET);
	const uint32_t count = target_slots(target);
	const int64_t cpu = cpu_time(target);
	uint64_t events = 0, timed = 0, ns = 0;

	if (cpu < 0)
		return false;
	/* A target may offer a memory that ends before its slots do. */
	if (target->view->size < JST_SLOTS_OFFSET + (uint64_t)count * sizeof(*slots)) {
		target->malformed = true;
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		events += atomic_load_explicit(&slots[i].cost.events, memory_order_relaxed);
		timed += atomic_load_explicit(&slots[i].cost.timed, memory_order_relaxed);
		ns += atomic_load_explicit(&slots[i].cost.ns, memory_order_relaxed);
	}
	return overhead_take(&target->overhead, events, timed, ns, cpu, now, share);
}

int64_t overhead_watch(struct target *targets, uint32_t most, int64_t now)
{
	for (struct target *target = targets; target; target = target->next) {
		double share;

		if (target->state != TARGET_RUNNING || !take(target, now, &share))
			continue;
		target->overhead.above = share * OVERHEAD_ALL > most ? target->overhead.above + 1 : 0;
		if (target->overhead.above >= IN_A_ROW)
			target_let_go(target, now, "detached: tracing took %.2g %% of its CPU time, more than the %.6g %% of --max-overhead", share * 100, most * 100.0 / OVERHEAD_ALL);
	}
	return now + LOOK_MS * TIMES_MS;
}

void overhead_tell(const struct target *target)
{
	const struct overhead *overhead = &target->overhead;
	const int64_t used = overhead->cpu - overhead->cpu_before;

	if (used > 0)
		message_note("tracing process %d (%s) took %.2g %% of its CPU time", (int)target->process.pid, target->process.comm, overhead->cost / (double)used * 100);
}
