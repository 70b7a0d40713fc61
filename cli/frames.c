/*
 * See frames.h. One hash table for all kinds of keys: what is shown of a frame, the place it has in a file, stacks and their texts.
 *
 * Its hash is seeded, since keys come from targets; it stops growing at some size, for a stream of addresses that are nowhere has no end, nor has one of names that a file makes up. Those that come then share a frame that says nothing.
 */
#include "frames.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hash.h"
#include "messages.h"
#include "output.h"

/* BYTES_MOST: of keys, frames and texts, roughly. A frame can have 32 KiB of names, and a stack that many frames. */
enum { ENTRIES_MOST = 1 << 18, BYTES_MOST = 256 << 20 };

struct entry {
	uint64_t hash;
	size_t size;
	uint64_t number;
	unsigned char *key;
};

static struct entry *entries;          /* open addressing, at most half full */
static size_t capacity, count;
static size_t volume;                  /* of all that is kept, bytes */
static uint64_t seed;
static struct frame **frames;          /* number - 1 */
static size_t frame_count, frame_room;
static struct jst_value *stacks;       /* number - 1: stack and text, one after the other */
static size_t stack_count, stack_room;
static uint64_t elsewhere;             /* what frames_at() gives when the table is full */

static struct entry *probe(const void *key, size_t size, uint64_t hash)
{
	for (size_t i = (size_t)hash;; i++) {
		struct entry *entry = &entries[i & (capacity - 1)];

		if (!entry->key || (entry->hash == hash && entry->size == size && memcmp(entry->key, key, size) == 0))
			return entry;
	}
}

static void grow(void)
{
	struct entry *old = entries;
	const size_t old_capacity = capacity;

	if (!old && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint64_t)(uintptr_t)&old;
	capacity = capacity ? capacity * 2 : 256;
	entries = message_allocate(capacity, sizeof(*entries));
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i].key)
			*probe(old[i].key, old[i].size, old[i].hash) = old[i];
	free(old);
}

/* NULL: new, and the table is full. */
static uint64_t *find(const void *key, size_t size)
{
	if (count * 2 >= capacity)
		grow();
	const uint64_t hash = XXH3_64bits_withSeed(key, size, seed);
	struct entry *entry = probe(key, size, hash);

	if (!entry->key) {
		if (count == ENTRIES_MOST || volume > BYTES_MOST)
			return NULL;
		*entry = (struct entry){ .hash = hash, .size = size, .key = (unsigned char *)message_copy(key, size) };
		count++;
		volume += size;
	}
	return &entry->number;
}

uint64_t *frames_at(uint64_t module, uint64_t offset)
{
	const struct {
		char kind[8];
		uint64_t module, offset;
	} key = { "place", module, offset };
	uint64_t *number = find(&key, sizeof(key));

	if (number)
		return number;
	elsewhere = 0;
	return &elsewhere;
}

static const char *copy(const char *text)
{
	const size_t length = text ? strnlen(text, FRAME_TEXT) : 0;

	volume += length;
	return text ? message_copy(text, length) : NULL;
}

static uint64_t keep(const struct frame *frame)
{
	struct frame *kept = message_allocate(1, sizeof(*kept));

	volume += sizeof(*kept);
	*kept = *frame;
	kept->module = copy(frame->module);
	for (uint32_t i = 0; i < frame->names; i++)
		kept->name[i] = (struct frame_name){ copy(frame->name[i].function), copy(frame->name[i].file), frame->name[i].line };
	if (frame_count == frame_room)
		frames = message_resize(frames, frame_room = frame_room ? frame_room * 2 : 64, sizeof(struct frame *));
	frames[frame_count++] = kept;
	return frame_count;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void write_text(FILE *stream, const char *text)
{
	fprintf(stream, "%.*s%c", FRAME_TEXT, text ? text : "", 0);
}

uint64_t frames_add(const struct frame *frame)
{
	static uint64_t nothing;
	char *key;
	size_t size;
	FILE *stream = open_memstream(&key, &size);

	if (!stream)
		abort();
	write_text(stream, "frame");
	if (!frame->names)
		fprintf(stream, "%s+%" PRIx64, frame->module ? base_name(frame->module) : "", frame->offset);
	for (uint32_t i = 0; i < frame->names; i++) {
		const struct frame_name *name = &frame->name[i];

		write_text(stream, name->function);
		write_text(stream, name->file ? base_name(name->file) : frame->module ? base_name(frame->module) : "");
		fprintf(stream, "%d", name->line);
	}
	fclose(stream);
	uint64_t *number = find(key, size);

	free(key);
	if (!number) {
		if (!nothing)
			nothing = keep(&(struct frame){ .module = NULL });
		return nothing;
	}
	if (!*number)
		*number = keep(frame);
	return *number;
}

static uint64_t number_at(struct jst_value stack, uint32_t i)
{
	uint64_t number;

	memcpy(&number, stack.s + (size_t)i * 8, sizeof(number));
	return number;
}

/* NULL: the mark of further frames. */
static const struct frame *frame_at(struct jst_value stack, uint32_t i)
{
	static const struct frame nothing;
	const uint64_t number = number_at(stack, i);

	if (!number)
		return NULL;
	return number <= frame_count ? frames[number - 1] : &nothing;
}

static bool is_main(const struct frame *frame)
{
	return frame && frame->names && strcmp(frame->name[frame->names - 1].function, "main") == 0;
}

/* How many words of the stack are shown. Behind main there is only what libc begins a program with, which has no frame pointers, so there every walk ends with the mark, which says nothing then. */
static uint32_t shown(struct jst_value stack)
{
	const uint32_t words = stack.length / 8;

	if (words < 2 || frame_at(stack, words - 1))
		return words;
	return is_main(frame_at(stack, words - 2)) || (words > 2 && is_main(frame_at(stack, words - 3))) ? words - 1 : words;
}

static void begin_line(FILE *file, int indent, bool *fresh)
{
	if (!*fresh)
		fputc('\n', file);
	*fresh = false;
	fprintf(file, "%*s", indent, "");
}

static void print_base(FILE *file, const char *path)
{
	const char *base = base_name(path);

	print_text(file, base, strlen(base));
}

static void print_frame(FILE *file, const struct frame *frame, int indent, bool *fresh)
{
	for (uint32_t i = 0; i < frame->names; i++) {
		const struct frame_name *name = &frame->name[i];

		begin_line(file, indent, fresh);
		print_text(file, name->function, strlen(name->function));
		if (name->file) {
			fputs("  ", file);
			print_base(file, name->file);
			fprintf(file, ":%d", name->line);
		} else if (frame->module) {
			fputs("  ", file);
			print_base(file, frame->module);
		}
	}
	if (frame->names)
		return;
	begin_line(file, indent, fresh);
	if (frame->module) {
		print_base(file, frame->module);
		fputc('+', file);
	}
	fprintf(file, "0x%" PRIx64, frame->offset);
}

void frames_print(FILE *file, struct jst_value stack, int indent, bool fresh)
{
	for (uint32_t i = 0, words = shown(stack); i < words; i++) {
		const struct frame *frame = frame_at(stack, i);

		if (frame) {
			print_frame(file, frame, indent, &fresh);
			continue;
		}
		begin_line(file, indent, &fresh);
		fputs("…", file);
	}
}

static void print_json_text(FILE *file, const char *name, const char *text)
{
	fprintf(file, "\"%s\":", name);
	if (text)
		print_json_string(file, text, strlen(text));
	else
		fputs("null", file);
}

static void print_json_frame(FILE *file, const struct frame *frame)
{
	static const struct frame_name unknown;

	for (uint32_t i = 0; i < (frame->names ? frame->names : 1); i++) {
		const struct frame_name *name = frame->names ? &frame->name[i] : &unknown;

		fputs(i ? ",{" : "{", file);
		print_json_text(file, "function", name->function);
		fputc(',', file);
		print_json_text(file, "file", name->file);
		if (name->file)
			fprintf(file, ",\"line\":%d,", name->line);
		else
			fputs(",\"line\":null,", file);
		print_json_text(file, "module", frame->module);
		if (!frame->names)
			fprintf(file, ",\"%s\":%" PRIu64, frame->module ? "offset" : "address", frame->offset);
		fputc('}', file);
	}
}

void frames_print_json(FILE *file, struct jst_value stack)
{
	fputc('[', file);
	for (uint32_t i = 0, words = shown(stack); i < words; i++) {
		const struct frame *frame = frame_at(stack, i);

		if (i)
			fputc(',', file);
		if (frame)
			print_json_frame(file, frame);
		else
			fputs("{\"cut\":true}", file);
	}
	fputc(']', file);
}

/* ---- texts ---- */

static void write_names(FILE *stream, const struct frame *frame, const char **separator)
{
	for (uint32_t i = frame->names; i-- > 0;) {
		const struct frame_name *name = &frame->name[i];

		fprintf(stream, "%s%s", *separator, name->function);
		*separator = ";";
		if (name->file)
			fprintf(stream, " %s:%d", base_name(name->file), name->line);
		else if (frame->module)
			fprintf(stream, " %s", base_name(frame->module));
	}
	if (!frame->names)
		fprintf(stream, "%s%s%s0x%" PRIx64, *separator, frame->module ? base_name(frame->module) : "", frame->module ? "+" : "", frame->offset);
	*separator = ";";
}

static struct jst_value write_stack(struct jst_value stack)
{
	const char *separator = "";
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		abort();
	for (uint32_t i = shown(stack); i-- > 0;) {
		const struct frame *frame = frame_at(stack, i);

		if (frame) {
			write_names(stream, frame, &separator);
			continue;
		}
		fprintf(stream, "%s…", separator);
		separator = ";";
	}
	fclose(stream);
	return jst_value_string(text, (uint32_t)size);
}

/* Where the number of a stack is remembered that has, or whose text has, these bytes. */
static uint64_t *stack_by(const char *what, struct jst_value bytes)
{
	char *key;
	size_t size;
	FILE *stream = open_memstream(&key, &size);

	if (!stream)
		abort();
	fputs(what, stream);
	fwrite(bytes.s, 1, bytes.length, stream);
	fclose(stream);
	uint64_t *number = find(key, size);

	free(key);
	return number;
}

struct jst_value frames_text(struct jst_value stack)
{
	uint64_t *number = stack_by("stack:", stack);

	if (!number)
		return jst_value_nil();
	if (*number)
		return stacks[2 * (*number - 1) + 1];
	if (stack_count == stack_room)
		stacks = message_resize(stacks, 2 * (stack_room = stack_room ? stack_room * 2 : 64), sizeof(*stacks));
	stacks[2 * stack_count] = jst_value_stack(message_copy(stack.s, stack.length), stack.length);
	stacks[2 * stack_count + 1] = write_stack(stack);
	volume += stack.length + stacks[2 * stack_count + 1].length;
	*number = ++stack_count;

	const struct jst_value text = stacks[2 * stack_count - 1];

	/* A stack that looks the same, but for a mark that is not shown, may have come first. */
	number = stack_by("text:", text);
	if (number && !*number)
		*number = stack_count;
	return text;
}

bool frames_restore(struct jst_value *values, uint32_t value_count)
{
	bool any = false;

	for (uint32_t i = 0; stack_count && i < value_count; i++) {
		const uint64_t *number = values[i].kind == JST_STRING ? stack_by("text:", values[i]) : NULL;

		if (!number || !*number)
			continue;
		values[i] = stacks[2 * (*number - 1)];
		any = true;
	}
	return any;
}

/* ---- order ---- */

static int compare_text(const char *a, const char *b)
{
	return !a || !b ? (a != NULL) - (b != NULL) : strcmp(a, b);
}

static int compare_frames(const struct frame *a, const struct frame *b)
{
	int order = 0;

	for (uint32_t i = 0; !order && i < a->names && i < b->names; i++) {
		order = compare_text(a->name[i].function, b->name[i].function);
		if (!order)
			order = compare_text(a->name[i].file, b->name[i].file);
		if (!order)
			order = (a->name[i].line > b->name[i].line) - (a->name[i].line < b->name[i].line);
	}
	if (!order)
		order = (a->names > b->names) - (a->names < b->names);
	if (!order)
		order = compare_text(a->module, b->module);
	return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

int frames_compare(struct jst_value a, struct jst_value b)
{
	const uint32_t shorter = (a.length < b.length ? a.length : b.length) / 8;

	for (uint32_t i = 0; i < shorter; i++) {
		const struct frame *x = frame_at(a, i), *y = frame_at(b, i);
		const int order = x && y ? compare_frames(x, y) : (y == NULL) - (x == NULL);

		if (order)
			return order;
	}
	return (a.length > b.length) - (a.length < b.length);
}
