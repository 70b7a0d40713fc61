/*
 * What the agent looks up, all of it in /proc and /sys.
 */
#include "sample.h"

#include <string.h>

#include "raw.h"
#include "text.h"

int jst_sample_read(const char *path, char *buffer, size_t room)
{
	const int fd = jst_raw_open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (fd < 0)
		return -1;
	while (length < room - 1) {
		const ssize_t got = jst_raw_read(fd, buffer + length, room - 1 - length);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	jst_raw_close(fd);
	buffer[length] = 0;
	return (int)length;
}

void jst_sample_title(struct jst_memory_header *header)
{
	char text[sizeof(header->title)] = "";
	int length = jst_sample_read("/proc/self/cmdline", text, sizeof(text));

	while (length > 0 && (text[length - 1] == 0 || text[length - 1] == ' '))
		length--;
	if (length <= 0) {
		length = jst_sample_read("/proc/self/comm", text, sizeof(text));
		while (length > 0 && text[length - 1] == '\n')
			length--;
	}
	if (length < 0)
		length = 0;
	for (int i = 0; i < length; i++)
		if (!text[i])
			text[i] = ' ';
	text[length] = 0;
	/* Probes read it: change it only when it changed, and always with a NUL at its end. */
	if (strcmp(text, header->title) != 0)
		memcpy(header->title, text, sizeof(text));
}

void jst_sample_comms(struct jst_memory *memory)
{
	const uint32_t used = atomic_load_explicit(&memory->header->slots_used, memory_order_acquire);

	for (uint32_t i = 0; i < used && i < JST_SLOTS; i++) {
		struct jst_slot *slot = &memory->slots[i];
		const int32_t tid = atomic_load_explicit(&slot->tid, memory_order_relaxed);
		char path[48], comm[sizeof(slot->comm) + 1];

		if (!tid)
			continue;
		jst_text_print(path, sizeof(path), "/proc/self/task/%d/comm", (int)tid);
		int length = jst_sample_read(path, comm, sizeof(comm));

		if (length > 0 && comm[length - 1] == '\n')
			comm[--length] = 0;
		if (length > 0 && strcmp(comm, slot->comm) != 0)
			memcpy(slot->comm, comm, sizeof(slot->comm));
	}
}

static bool read_number(const char *folder, const char *file, uint64_t *number)
{
	char path[512], text[64];

	if (jst_text_print(path, sizeof(path), "%s/%s", folder, file) >= sizeof(path) || jst_sample_read(path, text, sizeof(text)) <= 0)
		return false;
	/* "max" has no digits: no limit. */
	if (text[0] < '0' || text[0] > '9')
		return false;
	*number = jst_text_number(text, 10, NULL);
	return true;
}

/* What is left below the tightest limit of the folder and its parents. */
static uint64_t headroom(const char *root, char *folder, const char *limit_file, const char *usage_file)
{
	uint64_t least = UINT64_MAX;

	for (;;) {
		uint64_t limit, usage;

		if (read_number(folder, limit_file, &limit) && read_number(folder, usage_file, &usage)) {
			const uint64_t left = limit > usage ? limit - usage : 0;

			if (left < least)
				least = left;
		}
		char *slash = strrchr(folder, '/');

		if (!slash || strlen(folder) <= strlen(root))
			return least;
		*slash = 0;
	}
}

/* The line of /proc/self/cgroup for the controller ("" is version 2), as a folder below root. */
static bool cgroup_folder(char *lines, const char *controller, const char *root, char *folder, size_t room)
{
	char *rest = NULL;

	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *first = strchr(line, ':');
		char *second = first ? strchr(first + 1, ':') : NULL;

		if (!second)
			continue;
		*second = 0;
		if (strcmp(first + 1, controller) == 0)
			return jst_text_print(folder, room, "%s%s", root, strcmp(second + 1, "/") == 0 ? "" : second + 1) < room;
		*second = ':';
	}
	return false;
}

static uint64_t cgroup_headroom(void)
{
	static const struct {
		const char *controller, *root, *limit, *usage;
	} version[] = {
		{ "", "/sys/fs/cgroup", "memory.max", "memory.current" },
		{ "memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes" },
	};
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		char lines[2048], folder[512];

		if (jst_sample_read("/proc/self/cgroup", lines, sizeof(lines)) <= 0 || !cgroup_folder(lines, version[i].controller, version[i].root, folder, sizeof(folder)))
			continue;
		const uint64_t left = headroom(version[i].root, folder, version[i].limit, version[i].usage);

		if (left < least)
			least = left;
	}
	return least;
}

/* The number on the line of /proc/meminfo, in bytes. */
static bool meminfo(const char *text, const char *name, uint64_t *bytes)
{
	const char *at = strstr(text, name);

	if (!at)
		return false;
	*bytes = jst_text_number(at + strlen(name), 10, NULL) << 10;
	return true;
}

/* What may still be committed where the kernel keeps strict account: beyond it the first touch of a page of a memfd is SIGBUS. */
static uint64_t commit_headroom(void)
{
	char text[4096];
	uint64_t limit, committed;

	if (jst_sample_read("/proc/sys/vm/overcommit_memory", text, sizeof(text)) <= 0 || text[0] != '2' || jst_sample_read("/proc/meminfo", text, sizeof(text)) <= 0 ||
	    !meminfo(text, "\nCommitLimit:", &limit) || !meminfo(text, "\nCommitted_AS:", &committed))
		return UINT64_MAX;
	return limit > committed ? limit - committed : 0;
}

void jst_sample_permit(struct jst_memory *memory)
{
	struct jst_memory_header *header = memory->header;
	const uint64_t used = atomic_load_explicit(&header->heap_used, memory_order_relaxed);
	const uint64_t in_group = cgroup_headroom(), to_commit = commit_headroom();
	const uint64_t left = in_group < to_commit ? in_group : to_commit;
	uint64_t permit = header->size;

	if (left != UINT64_MAX && used < permit && left / 4 < permit - used)
		permit = used + left / 4;
	/* A bound that stands by itself: nothing else is read because of it. */
	atomic_store_explicit(&header->permit, permit, memory_order_relaxed);
}

uint64_t jst_sample_start_time(void)
{
	char text[1024];

	if (jst_sample_read("/proc/self/stat", text, sizeof(text)) <= 0)
		return 0;
	/* The name, field 2, is in brackets and may hold anything. */
	const char *at = strrchr(text, ')');

	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? jst_text_number(at, 10, NULL) : 0;
}

int32_t jst_sample_filters(void)
{
	char text[4096];

	if (jst_sample_read("/proc/thread-self/status", text, sizeof(text)) <= 0)
		return 0;
	const char *at = strstr(text, "\nSeccomp_filters:");

	if (!at)
		at = strstr(text, "\nSeccomp:");
	return at ? (int32_t)jst_text_number(strchr(at, ':') + 1, 10, NULL) : 0;
}

bool jst_sample_every_user(void)
{
	char text[128];
	const char *at = text;

	if (jst_sample_read("/proc/self/uid_map", text, sizeof(text)) <= 0)
		return false;
	/* "inside outside count": the first range begins at 0 and has all. */
	return jst_text_number(at, 10, &at) == 0 && jst_text_number(at, 10, &at) == 0 && jst_text_number(at, 10, &at) == UINT32_MAX;
}

bool jst_sample_pending(int signal)
{
	char text[4096];

	if (jst_sample_read("/proc/thread-self/status", text, sizeof(text)) <= 0)
		return false;
	const char *at = strstr(text, "\nSigPnd:");

	return at && (jst_text_number(at + 8, 16, NULL) >> (signal - 1) & 1);
}
