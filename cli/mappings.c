/*
 * See mappings.h. The list is sorted and without overlaps, of executable mappings alone.
 */
#include "mappings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "messages.h"
#include "proc.h"
#include "symbols.h"
#include "times.h"

enum {
	MAPPINGS_MOST = 65536,
	LOOK_MS = 100,         /* an unknown address makes us look again, but not more often than this */
};

struct mapped {
	uint64_t low, high;
	uint64_t offset;             /* in the file */
	struct symbols_file *file;   /* NULL: none */
};

struct mappings {
	const struct process *process;
	struct mapped *mapped;
	size_t count;
	int64_t look_due;
};

/* low-high rwxp offset major:minor inode path */
static bool parse(char *line, struct symbols_mapping *mapping)
{
	char permissions[5];
	unsigned major, minor;
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &mapping->low, &mapping->high, permissions, &mapping->offset, &major, &minor, &mapping->inode, &path) < 7 || !path)
		return false;
	mapping->device = (uint64_t)major << 32 | minor;
	mapping->path = line + path;
	return permissions[2] == 'x' && mapping->low < mapping->high;
}

static void append(struct mapped **list, size_t *count, size_t *room, struct mapped mapped)
{
	if (*count == *room)
		*list = message_resize(*list, *room = *room ? *room * 2 : 64, sizeof(**list));
	(*list)[(*count)++] = mapped;
}

static int by_address(const void *a, const void *b)
{
	const struct mapped *x = a, *y = b;

	return (x->low > y->low) - (x->low < y->low);
}

/* list: in the order of addresses, as the kernel tells them. A target may have tens of thousands. */
static bool overlaps(const struct mapped *list, size_t count, const struct mapped *old)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (list[middle].high <= old->low)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && list[low].low < old->high;
}

static void read_maps(struct mappings *mappings)
{
	const struct process *process = mappings->process;
	char *text = proc_read(NULL, "/proc/%d/maps", (int)process->pid), *rest = NULL;
	struct mapped *list = NULL;
	size_t count = 0, room = 0;

	mappings->look_due = times_now() + LOOK_MS * TIMES_MS;
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line && count < MAPPINGS_MOST; line = strtok_r(NULL, "\n", &rest)) {
		struct symbols_mapping mapping;

		if (parse(line, &mapping))
			append(&list, &count, &room, (struct mapped){ mapping.low, mapping.high, mapping.offset, symbols_open(process->pid, &mapping) });
	}
	free(text);
	/* After the files were opened: it was this process, and no other that took its pid. */
	if (!count || !process_alive(process) || !process_has_marker(process)) {
		free(list);
		return;
	}
	const size_t present = count;

	for (size_t i = 0; i < mappings->count && count < MAPPINGS_MOST; i++)
		if (!overlaps(list, present, &mappings->mapped[i]))
			append(&list, &count, &room, mappings->mapped[i]);
	qsort(list, count, sizeof(*list), by_address);
	free(mappings->mapped);
	mappings->mapped = list;
	mappings->count = count;
}

struct mappings *mappings_new(const struct process *process)
{
	struct mappings *mappings = message_allocate(1, sizeof(*mappings));

	mappings->process = process;
	read_maps(mappings);
	return mappings;
}

void mappings_free(struct mappings *mappings)
{
	if (!mappings)
		return;
	free(mappings->mapped);
	free(mappings);
}

void mappings_refresh(struct mappings *mappings)
{
	if (mappings && process_alive(mappings->process))
		read_maps(mappings);
}

static const struct mapped *find(const struct mappings *mappings, uint64_t address)
{
	size_t low = 0, high = mappings ? mappings->count : 0;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct mapped *mapped = &mappings->mapped[middle];

		if (address < mapped->low)
			high = middle;
		else if (address >= mapped->high)
			low = middle + 1;
		else
			return mapped;
	}
	return NULL;
}

static uint64_t frame_of(struct mappings *mappings, uint64_t address)
{
	/* The address behind a call may be the first of what follows. */
	const struct mapped *mapped = find(mappings, address - 1);

	if (!mapped && mappings && times_now() >= mappings->look_due) {
		mappings_refresh(mappings);
		mapped = find(mappings, address - 1);
	}
	if (mapped && mapped->file)
		return symbols_frame(mapped->file, address - mapped->low + mapped->offset);
	return frames_add(&(struct frame){ .offset = address });
}

void mappings_resolve(struct mappings *mappings, const struct jst_value *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t at = 0; values[i].kind == JST_STACK && at + 8 <= values[i].length; at += 8) {
			unsigned char *word = (unsigned char *)(uintptr_t)values[i].s + at;
			uint64_t address;

			memcpy(&address, word, sizeof(address));
			address = address ? frame_of(mappings, address) : 0;
			memcpy(word, &address, sizeof(address));
		}
	}
}
