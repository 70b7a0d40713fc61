/*
 * The bytes of a record, as they come out of a target's ring, and of the description of the site that it names: decoded, and printed as text and as JSON by all kinds of records that scripts have.
 *
 *     input: the script, what is made right, the length of the site's description, that, and the record
 *
 * Half a record, or half a description, is what a target that was killed leaves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell.h"
#include "compile.h"
#include "fuzz.h"
#include "guarded.h"
#include "mappings.h"
#include "printed.h"
#include "record.h"

enum { RIGHT_SIZE = 1, RIGHT_INDEX = 2, RIGHT_SITE = 4, RIGHT_VALUES = 8, HOW_JSON = 16, SCRIPTS = 64, MOST = 64 << 10 };

static struct compiled *scripts[SCRIPTS];
static unsigned script_count;
static unsigned char *record_end, *memory_end;
static unsigned long decoded, tried;

void fuzz_begin(void)
{
	const struct compile_options options = { .file = "script" };

	for (int i = 0; fuzz_scripts[i]; i++) {
		struct compiled *compiled = compile(fuzz_scripts[i], strlen(fuzz_scripts[i]), &options);

		if (!compiled->errors && compiled->record_count && script_count < SCRIPTS)
			scripts[script_count++] = compiled;
		else
			compiled_free(compiled);
	}
	record_end = guarded_memory(MOST) + MOST;
	memory_end = guarded_memory(MOST) + MOST;
}

/* A memory that has nothing but the description, at ref 1, and ends with it. */
static struct record_source source_of(const uint8_t *site, size_t size, bool right)
{
	const size_t whole = 8 + (size + 7) / 8 * 8;
	unsigned char *base = memory_end - whole;

	memset(base, 0, whole);
	if (size)
		memcpy(base + 8, site, size);
	if (right && size >= sizeof(struct jst_site_entry))
		((struct jst_site_entry *)(void *)(base + 8))->size = (uint32_t)(whole - 8);
	return (struct record_source){ .pid = 77, .title = "a \x1b[31mtitle", .hostname = "host", .base = base, .size = whole };
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };
	const struct compiled *compiled = scripts[fuzz_number(&input, 1) % script_count];
	const unsigned right = (unsigned)fuzz_number(&input, 1);
	size_t site_size = fuzz_number(&input, 1);
	const uint8_t *site = fuzz_bytes(&input, &site_size);
	const struct record_source source = source_of(site, site_size, right & RIGHT_SITE);
	const size_t length = input.left / 8 * 8;
	unsigned char *at = record_end - length;
	struct jst_record *header = (struct jst_record *)(void *)at;
	struct record record;
	char *text;
	size_t text_length;

	if (length > MOST)
		return;
	if (length)
		memcpy(at, input.at, length);
	if (length >= sizeof(*header)) {
		if (right & RIGHT_SIZE)
			header->size = (uint32_t)length;
		if (right & RIGHT_INDEX)
			header->index %= compiled->record_count;
		if (right & RIGHT_SITE)
			header->site = 1;
		if (right & RIGHT_VALUES && header->index < compiled->record_count)
			header->values = (uint16_t)compiled->records[header->index].values;
	}
	tried++;
	/* As gather.c: other records are not printed. */
	if (!record_decode(compiled, at, length, &record) || record.compiled->type > RECORD_EVENT)
		return;
	decoded++;
	mappings_resolve(NULL, record.values, record.count);
	struct output output = { .file = open_memstream(&text, &text_length), .format = right & HOW_JSON ? OUTPUT_JSON : OUTPUT_TEXT, .width = 80, .pipe = -1 };

	if (!output.file)
		abort();
	record_print(&output, &record, &source);
	fclose(output.file);
	printed_check(text, text_length, right & HOW_JSON);
	free(text);
}

/* A record of each kind, with values of each kind. */
void fuzz_seeds(fuzz_take *take, void *context)
{
	static const char description[] = "request:enda.cid";
	struct jst_value values[JST_MAX_ARGUMENTS];

	for (uint32_t i = 0; i < JST_MAX_ARGUMENTS; i++)
		values[i] = i % 4 == 0 ? jst_value_int(-(int64_t)i) : i % 4 == 1 ? jst_value_string("te\x1bxt", 5) : i % 4 == 2 ? jst_value_double(i / 3.0) : jst_value_nil();
	for (unsigned s = 0; s < script_count; s++) {
		for (uint32_t r = 0; r < scripts[s]->record_count; r++) {
			const uint32_t count = scripts[s]->records[r].type == RECORD_EVENT ? 1 : scripts[s]->records[r].values;
			_Alignas(8) unsigned char input[8 + 96 + 4096] = { (unsigned char)s, (unsigned char)(RIGHT_SIZE | RIGHT_SITE | (r + s) % 2 * HOW_JSON), 96 };
			struct jst_site_entry entry = { .size = 96, .name_length = 11, .file_length = 3, .line = 7, .fields = 1, .type = { 1 }, .field_length = { 2 } };
			const struct jst_record header = { .index = r, .now = 5, .timestamp = 1700000000123456789, .tid = 9, .site = 1, .values = (uint16_t)count };
			bool cut = false;
			char name[32];

			memcpy(input + 3, &entry, sizeof(entry));
			memcpy(input + 3 + offsetof(struct jst_site_entry, text), description, sizeof(description));
			memcpy(input + 3 + 96, &header, sizeof(header));
			_Alignas(8) unsigned char keys[2048];
			const uint32_t size = count ? jst_key_encode(keys, sizeof(keys), values, count, 256, &cut) : 0;

			memcpy(input + 3 + 96 + sizeof(header), keys, size);
			snprintf(name, sizeof(name), "script-%u-%u", s, r);
			take(context, name, input, 3 + 96 + sizeof(header) + size);
		}
	}
}

void fuzz_end(void)
{
	printf("record: %lu of %lu records decoded\n", decoded, tried);
}
