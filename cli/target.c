/*
 * One traced process. See target.h for its states, attach.c for the first of them.
 *
 * A process may die at any moment; then the connection ends first and the pidfd tells a little later, so the two are given a moment to agree before it is said what happened.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "attach.h"
#include "mappings.h"
#include "messages.h"
#include "times.h"

enum {
	DYING_MS = 500,
	DYING_LOOK_MS = 2,
	LIST_MS = 1000,          /* a list that is told aside is waited for that long */
	RECEIVED_AT_ONCE = 256,  /* packets */
	LISTED_AT_ONCE = 4,      /* packets of sites: some 0.3 ms */
};

struct target *target_new(const struct process *process, bool named)
{
	struct target *target = message_allocate(1, sizeof(*target));

	target->process = *process;
	target->named = named;
	target->state = TARGET_WAKING;
	target->deadline = target->again = TIMES_NEVER;
	wire_client_init(&target->client);
	memcpy(target->title, process->comm, sizeof(process->comm));
	return target;
}

void target_admit(struct target *target, int64_t now)
{
	target->admitted = now;
	target->deadline = now + JST_WAKE_TIMEOUT_MS * TIMES_MS;
	target->again = target->wake = now;
}

static void unmap(struct target *target)
{
	if (target->view)
		munmap((void *)(uintptr_t)target->view->base, target->view->size);
	if (target->tails)
		munmap(target->tails, target->tails_size);
	if (target->view)
		mappings_free(target->view->mappings);
	free(target->view);
	free(target->read_tails);
	free(target->read_rings);
	free(target->broken);
	target->view = NULL;
	target->tails = NULL;
	target->read_tails = NULL;
	target->read_rings = NULL;
	target->broken = NULL;
}

void target_free(struct target *target)
{
	wire_client_close(&target->client);
	unmap(target);
	free(target->sites);
	process_fini(&target->process);
	free(target);
}

bool target_site(const struct target *target, jst_ref *ref, struct jst_probe *probe)
{
	/* Each was read once before it was kept, or is the end. */
	if (!jst_site_read(target->sites, target->site_bytes, *ref, probe))
		return false;
	*ref += ((const struct jst_site_entry *)(target->sites + (uint64_t)*ref * 8))->size / 8;
	return true;
}

void target_forget_sites(struct target *target)
{
	target->site_bytes = 0;
	if (target->listing)
		return;
	free(target->sites);
	target->sites = NULL;
	target->site_room = 0;
}

void target_fail(struct target *target, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(target->reason, sizeof(target->reason), format, arguments);
	va_end(arguments);
	target->state = TARGET_FAILED;
	target->deadline = TIMES_NEVER;
	wire_client_close(&target->client);
	unmap(target);
}

/* A descriptor is mapped only if nothing that the sender does later can make the mapping fault: a memfd on tmpfs, sealed in its size, of exactly the size that was told. */
static bool may_map(int fd, uint64_t size, int seals)
{
	struct stat stat;
	struct statfs file_system;
	int have = fcntl(fd, F_GET_SEALS);

	return have >= 0 && (have & seals) == seals && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (uint64_t)stat.st_size == size && fstatfs(fd, &file_system) == 0 &&
	       file_system.f_type == TMPFS_MAGIC;
}

static void copy_string(char *to, size_t room, const volatile char *from, size_t most)
{
	size_t length = 0;

	while (length + 1 < room && length < most && (to[length] = from[length]))
		length++;
	to[length] = 0;
}

static const struct jst_memory_header *header_of(const struct target *target)
{
	return (const struct jst_memory_header *)target->view->base;
}

bool target_map(struct target *target, const struct jst_message_loaded *loaded, struct wire_packet *packet, const struct target_plan *plan)
{
	const int memory = packet->descriptor[0], tails = packet->descriptor[1];
	const size_t tails_size = JST_SLOTS * sizeof(uint64_t);
	const struct process *process = &target->process;

	if (memory < 0 || tails < 0 || loaded->memory > plan->memory || loaded->memory < sizeof(struct jst_memory_header) || !may_map(memory, loaded->memory, F_SEAL_SHRINK | F_SEAL_GROW) ||
	    !may_map(tails, tails_size, F_SEAL_SHRINK | F_SEAL_GROW)) {
		target_fail(target, "process %d (%s) offered a memory that cannot be trusted", (int)process->pid, process->comm);
		return false;
	}

	void *base = mmap(NULL, loaded->memory, PROT_READ, MAP_SHARED, memory, 0);
	void *positions = mmap(NULL, tails_size, PROT_READ | PROT_WRITE, MAP_SHARED, tails, 0);

	target->view = message_allocate(1, sizeof(*target->view));
	target->view->base = base == MAP_FAILED ? NULL : base;
	target->view->size = loaded->memory;
	target->tails = positions == MAP_FAILED ? NULL : positions;
	target->tails_size = tails_size;
	if (base == MAP_FAILED || positions == MAP_FAILED) {
		target_fail(target, "cannot map the memory of process %d (%s): %s", (int)process->pid, process->comm, strerror(errno));
		return false;
	}
	target->view->hostname = target->hostname;
	target->view->pid = (int32_t)process->pid;
	if (plan->stacks)
		target->view->mappings = mappings_new(process);
	target->read_tails = message_allocate(JST_SLOTS, sizeof(*target->read_tails));
	target->read_rings = message_allocate(JST_SLOTS, sizeof(*target->read_rings));
	target->broken = message_allocate(JST_SLOTS, sizeof(*target->broken));
	target->matched_sites = loaded->sites;
	target->matched_probes = loaded->probes;
	target->by_name = loaded->flags & JST_LOADED_NAMED;
	copy_string(target->title, sizeof(target->title), header_of(target)->title, sizeof(header_of(target)->title));
	copy_string(target->hostname, sizeof(target->hostname), header_of(target)->hostname, sizeof(header_of(target)->hostname));
	if (!target->title[0])
		copy_string(target->title, sizeof(target->title), process->comm, sizeof(process->comm));
	return true;
}

/* What became of a process whose session ended without our asking. */
static void tell_end(struct target *target)
{
	static const char *const names[] = { [SIGHUP] = "SIGHUP", [SIGINT] = "SIGINT", [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL", [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",
		[SIGFPE] = "SIGFPE", [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM" };
	const bool alive = process_alive(&target->process);

	if (!alive && process_status(&target->process, &target->status))
		target->status_known = true;
	target->end = TARGET_EXITED;
	if (target->status_known && WIFSIGNALED(target->status)) {
		const int number = WTERMSIG(target->status);

		target->end = TARGET_KILLED;
		if ((size_t)number < sizeof(names) / sizeof(*names) && names[number])
			snprintf(target->reason, sizeof(target->reason), "killed by %s", names[number]);
		else
			snprintf(target->reason, sizeof(target->reason), "killed by signal %d", number);
	} else if (target->status_known) {
		snprintf(target->reason, sizeof(target->reason), WEXITSTATUS(target->status) ? "exited with code %d" : "exited", WEXITSTATUS(target->status));
	} else if (!alive) {
		snprintf(target->reason, sizeof(target->reason), "ended");
	} else if (target->unheard) {
		target->end = TARGET_CLOSED;
		snprintf(target->reason, sizeof(target->reason), "could not be listened to any more: %s", strerror(target->unheard));
	} else if (!process_has_marker(&target->process)) {
		target->end = TARGET_EXECED;
		snprintf(target->reason, sizeof(target->reason), "became another program (exec)");
	} else {
		target->end = TARGET_CLOSED;
		snprintf(target->reason, sizeof(target->reason), "closed the session%s", target->lapsed ? ": jstrace was stopped, or waited for its output to be read, for more than 10 s" : "");
	}
	target->state = TARGET_ENDED;
	target->deadline = TIMES_NEVER;
}

/* DYING: until the pidfd has told, or it has had its time. The status is taken as soon as it can be seen: whoever reaps the process takes it away on older kernels. */
static void look_at_dying(struct target *target, int64_t now)
{
	int status;

	if (!target->status_known && process_status(&target->process, &status)) {
		target->status_known = true;
		target->status = status;
	}
	if (!process_alive(&target->process) || now >= target->deadline)
		tell_end(target);
	else
		target->again = now + DYING_LOOK_MS * TIMES_MS;
}

static void broken(struct target *target, int64_t now)
{
	target->unheard = target->client.error;
	wire_client_close(&target->client);
	if (target_attaching(target)) {
		attach_broken(target, now);
		return;
	}
	if (target->state == TARGET_DYING || target->state == TARGET_ENDED)
		return;
	target->state = TARGET_DYING;
	target->flipping = false;
	target->deadline = now + DYING_MS * TIMES_MS;
	look_at_dying(target, now);
}

static void stopped(struct target *target)
{
	target->state = TARGET_ENDED;
	target->end = target->let_go ? TARGET_LET_GO : TARGET_STOPPED;
	target->deadline = TIMES_NEVER;
}

/* What it counts from now on is not seen any more. */
static void tell_unanswered(const struct target *target)
{
	const char state = process_state(&target->process);

	message_warning("process %d (%s) %s as the session ended: what it had counted by then is in the results; its probes go off as soon as it %s", (int)target->process.pid, target->process.comm,
	                state == 'T' || state == 't' ? "is stopped and did not answer" : "did not answer", state == 'T' || state == 't' ? "goes on" : "hears of it");
}

static void running_packet(struct target *target, const struct wire_packet *packet, int64_t now)
{
	const bool first = !target->started;

	target->started |= packet->type == JST_MESSAGE_STARTED;
	if (packet->type == JST_MESSAGE_STARTED && target->state == TARGET_STARTING) {
		target->state = TARGET_RUNNING;
		target->deadline = TIMES_NEVER;
	} else if (packet->type == JST_MESSAGE_STARTED && target->state == TARGET_STOPPING && first) {
		/* It was stopped before it had said that it started: an exit() in the first event, or Ctrl-C. */
	} else if (packet->type == JST_MESSAGE_FLIPPED && (target->state == TARGET_RUNNING || target->state == TARGET_STOPPING)) {
		target->flipping = false;
		target->deaf = false;
		target->flipped = true;
	} else if (packet->type == JST_MESSAGE_STOPPED && target->state == TARGET_STOPPING && target->listing && !target->stop_told) {
		target->stop_told = true;
	} else if (packet->type == JST_MESSAGE_STOPPED && target->state == TARGET_STOPPING && !target->listing) {
		stopped(target);
	} else if (packet->type == JST_MESSAGE_SITE && target->listing && attach_sites(target, packet)) {
		/* They are looked at by and by. */
	} else if (packet->type == JST_MESSAGE_LIST_END && target->listing) {
		target->listing = false;
		if (target->stop_told)
			stopped(target);
	} else {
		/* A refusal, or nonsense: either way the session is over. */
		broken(target, now);
	}
}

static void receive(struct target *target, const struct target_plan *plan, int64_t now)
{
	struct wire_packet packet;

	/* A bounded number a step: a target that floods us must not keep the others waiting, nor one that lists its sites those who fire. */
	const int most = target->listing ? LISTED_AT_ONCE : RECEIVED_AT_ONCE;

	for (int i = 0; i < most && target->client.fd >= 0; i++) {
		switch (wire_client_receive(&target->client, &packet)) {
		case WIRE_NONE:
			return;
		case WIRE_PACKET:
			if (target_attaching(target) && target->state != TARGET_LOADED)
				attach_packet(target, plan, &packet, now);
			else
				running_packet(target, &packet, now);
			wire_packet_close(&packet);
			break;
		case WIRE_END:
		case WIRE_MALFORMED:
			broken(target, now);
			return;
		}
	}
}

void target_step(struct target *target, const struct target_plan *plan, int64_t now, bool readable, bool ended)
{
	if (!target->admitted)
		return;
	if (target->state == TARGET_WAKING)
		attach_wake(target, now);
	if (target->client.queued && !wire_client_flush(&target->client))
		broken(target, now);
	if (readable || ended)
		receive(target, plan, now);
	if (ended && target->state < TARGET_DYING && !process_alive(&target->process))
		broken(target, now);
	if (target->state == TARGET_DYING)
		look_at_dying(target, now);
	else if (now >= target->deadline && target->state == TARGET_STOPPING) {
		/* It does not answer: read what is there. Closing the connection tells it the same as STOP. */
		tell_unanswered(target);
		stopped(target);
	} else if (now >= target->deadline && target->state <= TARGET_STARTING)
		attach_late(target);
}

int64_t target_due(const struct target *target)
{
	if (target->state == TARGET_WAKING || target->state == TARGET_DYING)
		return times_earlier(target->again, target->deadline);
	return target->state == TARGET_ENDED || target->state == TARGET_FAILED ? TIMES_NEVER : target->deadline;
}

static void send_plain(struct target *target, enum jst_message_type type)
{
	/* A broken connection shows again, as its end, in the next step. */
	wire_client_send(&target->client, type, NULL, 0);
}

void target_start(struct target *target, int64_t now)
{
	if (target->state != TARGET_LOADED)
		return;
	target->state = TARGET_STARTING;
	target->deadline = now + JST_QUIESCE_TIMEOUT_MS * TIMES_MS;
	send_plain(target, JST_MESSAGE_START);
	if (!target->lists_aside)
		return;
	target->listing = true;
	target->list_deadline = now + LIST_MS * TIMES_MS;
	send_plain(target, JST_MESSAGE_LIST);
}

void target_lease(struct target *target)
{
	if (target->state != TARGET_RUNNING)
		return;
	send_plain(target, JST_MESSAGE_LEASE);
	/* What it has loaded since is not to be had any more once it is dead. */
	mappings_refresh(target->view->mappings);
}

void target_flip(struct target *target)
{
	if (target->state != TARGET_RUNNING || target->flipping)
		return;
	target->flipping = true;
	send_plain(target, JST_MESSAGE_FLIP);
}

void target_release(struct target *target)
{
	target->flipped = false;
	if (target->state == TARGET_RUNNING)
		send_plain(target, JST_MESSAGE_RELEASE);
}

void target_stop(struct target *target, int64_t now)
{
	if (target->state == TARGET_RUNNING || target->state == TARGET_STARTING) {
		target->state = TARGET_STOPPING;
		target->deadline = now + (JST_QUIESCE_TIMEOUT_MS + JST_CONNECT_TIMEOUT_MS) * TIMES_MS;
		send_plain(target, JST_MESSAGE_STOP);
	} else if (target_attaching(target)) {
		target_fail(target, "process %d (%s) was not yet attached as the session ended", (int)target->process.pid, target->process.comm);
	}
}

void target_let_go(struct target *target, int64_t now, const char *format, ...)
{
	va_list arguments;

	if (target->state != TARGET_RUNNING)
		return;
	va_start(arguments, format);
	vsnprintf(target->reason, sizeof(target->reason), format, arguments);
	va_end(arguments);
	target->let_go = true;
	target_stop(target, now);
}

bool target_attaching(const struct target *target)
{
	return target->state <= TARGET_LOADED;
}

bool target_has_memory(const struct target *target)
{
	return target->view && target->state >= TARGET_STARTING && target->state <= TARGET_ENDED;
}

int target_exit_code(const struct target *target)
{
	/* Stored once by the thread that asked first; relaxed, since nothing else hangs on it. */
	return target_has_memory(target) ? atomic_load_explicit(&header_of(target)->exit_code, memory_order_relaxed) : -1;
}

uint32_t target_slots(const struct target *target)
{
	/* Pairs with the release of the thread that took the last slot. */
	uint32_t used = atomic_load_explicit(&header_of(target)->slots_used, memory_order_acquire);

	return used < JST_SLOTS ? used : JST_SLOTS;
}
