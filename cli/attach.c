/*
 * The handshake.
 *
 * Only the agent's own thread is ever signalled, and only after the process was seen to have a marker and to be the one we mean; beside the signal goes a futex wake through the
 * read-only mapping of the marker. Both are repeated until the agent listens, since it may be busy, or an old listener may just have gone.
 */
#include "attach.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "messages.h"
#include "times.h"

enum {
	LOOK_FIRST_US = 50, /* an agent that sleeps answers in 100 to 200 us; each wait is half as long again as the one before … */
	LOOK_MS = 2,        /* … up to this */
};
enum { CONNECTIONS = 5, SITES_MS = 10, SITES_MAX = 1 << 20, SITE_BYTES_MAX = 256 << 20 };

static void wake(struct target *target)
{
	const struct process *process = &target->process;
	siginfo_t information;

	memset(&information, 0, sizeof(information));
	information.si_signo = SIGUSR2;
	information.si_code = SI_QUEUE;
	information.si_pid = getpid();
	information.si_uid = getuid();
	information.si_value.sival_int = JST_WAKE_MAGIC;

	if (syscall(SYS_rt_tgsigqueueinfo, process->pid, process->agent, SIGUSR2, &information) < 0 && errno != EAGAIN) {
		if (errno == ESRCH)
			target_fail(target, "process %d (%s) has exited or became another program", (int)process->pid, process->comm);
		else
			target_fail(target, "cannot wake process %d (%s): %s", (int)process->pid, process->comm, strerror(errno));
		return;
	}
	syscall(SYS_futex, &process->marker->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Copies the name of the socket the agent listens on; false while there is none. The marker may change at any moment, and may lie. */
static bool socket_name(const struct jst_marker *marker, char name[sizeof(marker->socket_name)])
{
	/* Pairs with the agent's release stores around its change of the name; odd: it is changing. */
	uint32_t before = atomic_load_explicit(&marker->listening, memory_order_acquire);

	if (before & 1)
		return false;
	for (size_t i = 0; i < sizeof(marker->socket_name); i++)
		name[i] = ((const volatile char *)marker->socket_name)[i];
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&marker->listening, memory_order_relaxed) == before && name[0] && memchr(name, 0, sizeof(marker->socket_name));
}

static void greet(struct target *target, int64_t now)
{
	struct jst_message_hello hello = {
		.abi_min = JST_ABI_MIN,
		.abi_max = JST_ABI_MAX,
		.pid = target->process.inner_pid,
		.start_time = target->process.inner_start_time,
		.version = JSTRACE_VERSION,
	};

	target->state = TARGET_GREETING;
	target->deadline = now + JST_HELLO_TIMEOUT_MS * TIMES_MS;
	if (!wire_client_send(&target->client, JST_MESSAGE_HELLO, &hello, sizeof(hello)))
		attach_broken(target, now);
}

void attach_wake(struct target *target, int64_t now)
{
	const struct process *process = &target->process;
	char name[sizeof(process->marker->socket_name)];
	struct ucred peer;

	if (socket_name(process->marker, name)) {
		if (wire_client_connect(&target->client, process->pid, name, &peer)) {
			if (peer.pid != process->pid) {
				target_fail(target, "the socket that process %d (%s) names belongs to process %d", (int)process->pid, process->comm, (int)peer.pid);
				return;
			}
			greet(target, now);
			return;
		}
		if (errno == EPERM || errno == EACCES) {
			target_fail(target, "process %d (%s) is in another network namespace, which only root may enter: run jstrace with sudo or inside the container", (int)process->pid, process->comm);
			return;
		}
		/* Nobody listens there any more, or too many ask at once: wake on. */
	}
	if (now >= target->wake)
		target->look = LOOK_FIRST_US * TIMES_MS / 1000;
	target->again = now + target->look;
	target->look = times_earlier(target->look + target->look / 2, LOOK_MS * TIMES_MS);
	if (now < target->wake)
		return;
	target->wake = now + JST_WAKE_AGAIN_MS * TIMES_MS;
	if (!process_alive(process)) {
		target_fail(target, "process %d (%s) has exited", (int)process->pid, process->comm);
		return;
	}
	wake(target);
}

static void load(struct target *target, const struct target_plan *plan, int64_t now)
{
	const struct jst_message_load load = {
		.program_size = plan->program->size,
		.budget = plan->budget,
		.memory = plan->memory,
		.string_size = plan->string_size,
		.ring_size = target->abi >= JST_ABI_GROWTH || plan->ring_size < JST_RING_FIRST ? plan->ring_size : JST_RING_FIRST,
	};
	const unsigned char *bytes = (const unsigned char *)plan->program;
	const size_t most = JST_PACKET_MAX - sizeof(struct jst_message);
	bool sent = (!plan->measures || wire_client_send(&target->client, JST_MESSAGE_MEASURE, NULL, 0)) && wire_client_send(&target->client, JST_MESSAGE_LOAD, &load, sizeof(load));

	for (size_t at = 0; sent && at < load.program_size; at += most)
		sent = wire_client_send(&target->client, JST_MESSAGE_PROGRAM, bytes + at, load.program_size - at < most ? load.program_size - at : most);
	target->state = TARGET_LOADING;
	target->deadline = now + JST_UPLOAD_TIMEOUT_MS * TIMES_MS;
	if (!sent)
		attach_broken(target, now);
}

static void protocol(struct target *target)
{
	target_fail(target, "process %d (%s) answered with something that jstrace does not understand", (int)target->process.pid, target->process.comm);
}

static void hello(struct target *target, const struct target_plan *plan, const struct wire_packet *packet, int64_t now)
{
	struct jst_message_hello theirs;

	if (packet->size < sizeof(theirs)) {
		protocol(target);
		return;
	}
	memcpy(&theirs, packet->body, sizeof(theirs));
	theirs.version[sizeof(theirs.version) - 1] = 0;
	if (theirs.abi_min > JST_ABI_MAX || theirs.abi_max < JST_ABI_MIN) {
		target_fail(target, "process %d (%s) was built with jstrace %s, which is incompatible with this one, " JSTRACE_VERSION, (int)target->process.pid, target->process.comm, theirs.version);
		return;
	}
	if (theirs.pid != target->process.inner_pid || theirs.start_time != target->process.inner_start_time) {
		target_fail(target, "process %d (%s) is not the one that was found: its pid was used again", (int)target->process.pid, target->process.comm);
		return;
	}
	/* Of a great many sites the list takes longer than all the rest, and the first event waits for none of it. */
	target->abi = theirs.abi_max;
	target->lists_aside = plan->program && target->abi >= JST_ABI_ASIDE;
	if (plan->measures && target->abi < JST_ABI_MEASURE) {
		target_fail(target, "process %d (%s) cannot be traced with --max-overhead: it was built with jstrace %s, which does not measure itself", (int)target->process.pid, target->process.comm, theirs.version);
		return;
	}
	if (target->lists_aside) {
		load(target, plan, now);
		return;
	}
	target->state = TARGET_LISTING;
	target->deadline = now + JST_HELLO_TIMEOUT_MS * TIMES_MS;
	if (!wire_client_send(&target->client, JST_MESSAGE_LIST, NULL, 0))
		attach_broken(target, now);
}

/* How many entries lie in the memory from a ref up to its end; 0: not each of them makes sense. */
static uint32_t count_sites(const unsigned char *memory, size_t size, jst_ref ref)
{
	struct jst_probe probe;
	uint32_t count = 0;

	for (uint32_t length; (uint64_t)ref * 8 < size; ref += length / 8, count++) {
		if (!jst_site_read(memory, size, ref, &probe))
			return 0;
		length = ((const struct jst_site_entry *)(memory + (uint64_t)ref * 8))->size;
		if (length % 8)
			return 0;
	}
	return count;
}

uint32_t attach_sites(struct target *target, const struct wire_packet *packet)
{
	const size_t size = ((size_t)packet->size + 7) / 8 * 8, at = target->site_bytes ? target->site_bytes : 8; /* ref 0 is none's */

	if (target->site_count >= SITES_MAX || at + size > SITE_BYTES_MAX)
		return 0;
	if (at + size > target->site_room) {
		target->site_room = 2 * (at + size);
		target->sites = message_resize(target->sites, target->site_room, 1);
	}
	memset(target->sites + at + size - (size ? 8 : 0), 0, size ? 8 : 0); /* what the packet does not fill */
	memcpy(target->sites + at, packet->body, packet->size);

	const uint32_t count = count_sites(target->sites, at + size, (jst_ref)(at / 8));

	if (!count)
		return 0;
	target->site_count += count;
	target->site_bytes = at + size;
	return count;
}

/* A list that all the rest waits for. */
static void sites(struct target *target, const struct wire_packet *packet)
{
	/* The deadline ends a list that is too long. */
	const uint32_t count = target->site_count < SITES_MAX ? attach_sites(target, packet) : 1;

	if (!count)
		protocol(target);
	/* A great many take their time on a machine that is busy. */
	else if (count > 1)
		target->deadline += SITES_MS * TIMES_MS;
}

static void loaded(struct target *target, const struct target_plan *plan, struct wire_packet *packet)
{
	struct jst_message_loaded body;

	if (packet->size < sizeof(body)) {
		protocol(target);
		return;
	}
	memcpy(&body, packet->body, sizeof(body));
	if (!target_map(target, &body, packet, plan))
		return;
	if (body.refused)
		message_warning("process %d (%s) has %u probe sites more than can be watched", (int)target->process.pid, target->process.comm, body.refused);
	target->state = TARGET_LOADED;
	target->deadline = TIMES_NEVER;
}

static void refused(struct target *target, const struct wire_packet *packet)
{
	struct jst_message_refused body = { 0 };

	memcpy(&body, packet->body, packet->size < sizeof(body) ? packet->size : sizeof(body));
	body.reason[sizeof(body.reason) - 1] = 0;
	target_fail(target, "process %d (%s) refused%s%s", (int)target->process.pid, target->process.comm, body.reason[0] ? ": " : "", body.reason);
}

void attach_packet(struct target *target, const struct target_plan *plan, struct wire_packet *packet, int64_t now)
{
	if (packet->type == JST_MESSAGE_REFUSED) {
		refused(target, packet);
	} else if (packet->type == JST_MESSAGE_HELLO && target->state == TARGET_GREETING) {
		hello(target, plan, packet, now);
	} else if (packet->type == JST_MESSAGE_SITE && target->state == TARGET_LISTING) {
		sites(target, packet);
	} else if (packet->type == JST_MESSAGE_LIST_END && target->state == TARGET_LISTING) {
		if (plan->program) {
			load(target, plan, now);
		} else {
			target->state = TARGET_ENDED;
			wire_client_close(&target->client);
		}
	} else if (packet->type == JST_MESSAGE_LOADED && target->state == TARGET_LOADING) {
		loaded(target, plan, packet);
	} else {
		protocol(target);
	}
}

void attach_broken(struct target *target, int64_t now)
{
	const struct process *process = &target->process;
	const int error = target->unheard ? target->unheard : target->client.error;

	wire_client_close(&target->client);
	if (error) {
		target_fail(target, "cannot talk with process %d (%s): %s", (int)process->pid, process->comm, strerror(error));
	} else if (!process_alive(process)) {
		target_fail(target, "process %d (%s) exited while it was being attached", (int)process->pid, process->comm);
	} else if (target->state == TARGET_GREETING && ++target->connections < CONNECTIONS) {
		/* We met the end of a listener that somebody else had called: call again. */
		target->state = TARGET_WAKING;
		target->deadline = now + JST_WAKE_TIMEOUT_MS * TIMES_MS;
		target->again = target->wake = now;
	} else {
		target_fail(target, "process %d (%s) broke the connection while it was being attached", (int)process->pid, process->comm);
	}
}

void attach_late(struct target *target)
{
	static const char *const step[] = {
		[TARGET_WAKING] = "did not wake up within 2 s",
		[TARGET_GREETING] = "did not greet within 1 s",
		[TARGET_LISTING] = "did not list its probes in time",
		[TARGET_LOADING] = "did not load the program within 2 s",
		[TARGET_LOADED] = "did not get ready in time",
		[TARGET_STARTING] = "did not switch its probes on within 1 s",
	};
	const int pid = (int)target->process.pid;
	const char state = process_state(&target->process);

	if (!state || state == 'Z' || state == 'X')
		target_fail(target, "process %d (%s) exited while it was being attached", pid, target->process.comm);
	else if (state == 'T' || state == 't')
		target_fail(target, "process %d (%s) is stopped (%s) and cannot answer; let it go on with: kill -CONT %d", pid, target->process.comm, state == 't' ? "by a debugger" : "SIGSTOP", pid);
	else
		target_fail(target, "process %d (%s) %s", pid, target->process.comm, step[target->state]);
}
