/*
 * Blocks of the general table and of string variables: what they hold, and the stacks they are reused from (any thread pushes and pops; the count of pops in a head works as in memory.c).
 */
#include <string.h>

#include "map_table.h"

static uint64_t word_load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static void word_store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static jst_ref pop(struct jst_memory *memory, unsigned size_class)
{
	_Atomic uint64_t *stack = &jst_map_directory(memory)->free_blocks[size_class];
	uint64_t head = atomic_load_explicit(stack, memory_order_acquire); /* pairs with the release in jst_block_free() */

	while ((uint32_t)head) {
		const struct jst_block *block = jst_memory_at(memory, (jst_ref)head);
		const uint64_t next = ((head >> 32) + 1) << 32 | (uint32_t)word_load(&block->words[0]);

		if (atomic_compare_exchange_weak_explicit(stack, &head, next, memory_order_acquire, memory_order_acquire))
			return (jst_ref)head;
	}
	return 0;
}

void jst_block_free(struct jst_memory *memory, jst_ref ref)
{
	struct jst_block *block = jst_memory_at(memory, ref);
	_Atomic uint64_t *stack = &jst_map_directory(memory)->free_blocks[word_load(&block->words[1]) >> JST_BLOCK_CLASS & 15];
	uint64_t head = atomic_load_explicit(stack, memory_order_relaxed);

	do
		word_store(&block->words[0], (uint32_t)head);
	while (!atomic_compare_exchange_weak_explicit(stack, &head, (head & ~(uint64_t)UINT32_MAX) | ref, memory_order_release, memory_order_relaxed));
}

/* Bytes put one after another into words, whatever their alignment. */
struct writer {
	_Atomic uint64_t *at;
	uint64_t pending;
	unsigned fill; /* bytes in pending, less than 8 */
};

static void put(struct writer *writer, uint64_t bytes, unsigned count)
{
	if (count < 8)
		bytes &= (1ULL << 8 * count) - 1;
	writer->pending |= bytes << 8 * writer->fill;
	if (writer->fill + count < 8) {
		writer->fill += count;
		return;
	}
	word_store(writer->at++, writer->pending);
	writer->pending = writer->fill ? bytes >> 8 * (8 - writer->fill) : 0;
	writer->fill = writer->fill + count - 8;
}

static void put_bytes(struct writer *writer, const char *bytes, uint32_t length)
{
	for (; length >= 8; bytes += 8, length -= 8) {
		uint64_t word;
		memcpy(&word, bytes, 8);
		put(writer, word, 8);
	}
	if (length) {
		uint64_t word = 0;
		memcpy(&word, bytes, length);
		put(writer, word, length);
	}
}

static void put_words(struct writer *writer, const _Atomic uint64_t *words, uint32_t length)
{
	for (; length >= 8; length -= 8)
		put(writer, word_load(words++), 8);
	if (length)
		put(writer, word_load(words), length);
}

/* Bytes that a block of this class has for key and string. */
static uint32_t capacity(unsigned size_class)
{
	return ((uint32_t)JST_BLOCK_MIN << size_class) - (uint32_t)sizeof(struct jst_block);
}

/* Where the string is, and its length, bounded by what the block can hold: the words may be of different uses of the block. */
static const _Atomic uint64_t *string_of(const struct jst_block *block, uint64_t info, uint32_t *length)
{
	const uint32_t room = capacity((unsigned)(info >> JST_BLOCK_CLASS) & 15) - (uint32_t)info;
	const uint64_t claimed = word_load(&block->words[2]);

	*length = claimed < room ? (uint32_t)claimed : room;
	return block->payload + (uint32_t)info / 8;
}

jst_ref jst_block_make(struct jst_memory *memory, const uint64_t *key, uint32_t key_size, const struct jst_content *content)
{
	const bool string = content->value.kind == JST_STRING;
	const uint32_t length = string ? content->base_length + content->value.length : 0;
	unsigned size_class = 0;

	while (size_class < JST_BLOCK_CLASSES && (uint64_t)capacity(size_class) < (uint64_t)key_size + length)
		size_class++;
	if (size_class == JST_BLOCK_CLASSES)
		return 0;
	jst_ref ref = pop(memory, size_class);
	if (!ref)
		ref = jst_map_take(memory, (uint64_t)JST_BLOCK_MIN << size_class);
	if (!ref)
		return 0;

	struct jst_block *block = jst_memory_at(memory, ref);
	word_store(&block->words[1], key_size | (uint64_t)content->value.kind << JST_BLOCK_KIND | (uint64_t)size_class << JST_BLOCK_CLASS);
	word_store(&block->words[2], string ? length : (uint64_t)content->value.i);
	for (uint32_t i = 0; i < key_size / 8; i++)
		word_store(&block->payload[i], key[i]);
	if (string) {
		struct writer writer = { .at = block->payload + key_size / 8 };
		if (content->base) {
			uint32_t whole;
			put_words(&writer, string_of(content->base, word_load(&content->base->words[1]), &whole), content->base_length);
		}
		put_bytes(&writer, content->value.s, content->value.length);
		if (writer.fill)
			word_store(writer.at, writer.pending);
	}
	return ref;
}

struct jst_value jst_block_value(const struct jst_memory *memory, const struct jst_block *block, char *to, uint32_t room, bool *fits)
{
	const uint64_t info = word_load(&block->words[1]);
	const uint32_t kind = (uint32_t)(info >> JST_BLOCK_KIND) & 3;
	uint32_t length;

	(void)memory;
	if (kind != JST_STRING)
		return (struct jst_value){ .i = (int64_t)word_load(&block->words[2]), .kind = kind };
	const _Atomic uint64_t *words = string_of(block, info, &length);
	if (length > room) {
		*fits = false;
		return jst_value_nil();
	}
	for (uint32_t i = 0; i < length; i += 8) {
		const uint64_t word = word_load(words++);
		memcpy(to + i, &word, length - i < 8 ? length - i : 8);
	}
	return jst_value_string(to, length);
}

struct jst_value jst_block_own(struct jst_block *block)
{
	const uint64_t info = word_load(&block->words[1]);
	const uint32_t kind = (uint32_t)(info >> JST_BLOCK_KIND) & 3;
	uint32_t length;

	if (kind != JST_STRING)
		return (struct jst_value){ .i = (int64_t)word_load(&block->words[2]), .kind = kind };
	const char *text = (const char *)string_of(block, info, &length);
	return jst_value_string(text, length);
}

static double as_double(struct jst_value value)
{
	return value.kind == JST_INT ? (double)value.i : value.d;
}

bool jst_content_add(struct jst_content *content, struct jst_value old, const struct jst_block *block, struct jst_value value, int sign, uint32_t limit, bool *cut)
{
	const bool strings = value.kind == JST_STRING && (old.kind == JST_STRING || old.kind == JST_NIL);

	*content = (struct jst_content){ .value = value };
	if (strings && sign > 0) {
		uint32_t length = 0;
		if (old.kind == JST_STRING)
			string_of(block, word_load(&block->words[1]), &length);
		content->base = length ? block : NULL;
		content->base_length = length < limit ? length : limit;
		if (content->value.length > limit - content->base_length) {
			content->value.length = limit - content->base_length;
			*cut = true;
		}
		return true;
	}
	if (value.kind == JST_STRING || old.kind == JST_STRING)
		return false;
	if (old.kind == JST_NIL)
		old = jst_value_int(0);
	if (old.kind == JST_INT && value.kind == JST_INT)
		content->value = jst_value_int((int64_t)(sign > 0 ? (uint64_t)old.i + (uint64_t)value.i : (uint64_t)old.i - (uint64_t)value.i));
	else
		content->value = jst_value_double(sign > 0 ? as_double(old) + as_double(value) : as_double(old) - as_double(value));
	return true;
}
