/*
 * Records: decoded from bytes that nobody vouches for, printed as text and as JSON.
 */
#include <check.h>
#include <stdlib.h>

#include "cell.h"
#include "json_check.h"
#include "record.h"

enum { R_PRINTF, R_PRINT, R_EMIT, R_EVENT, R_TIME, R_CLEAR, R_RECORDS };

static struct format_piece pieces[] = {
	{ .text = (char *)"slow ", .length = 5 }, { .conversion = 's', .width = -1, .precision = -1 }, { .text = (char *)": ", .length = 2 }, { .conversion = 't', .width = -1, .precision = -1 }, { .text = (char *)"\n", .length = 1 },
};
static char *emit_names[] = { (char *)"path", (char *)"took" };
static enum unit emit_units[] = { UNIT_NONE, UNIT_DURATION }, print_units[] = { UNIT_DURATION, UNIT_NONE, UNIT_NONE };
static struct compiled_record records[R_RECORDS] = {
	[R_PRINTF] = { .type = RECORD_PRINTF, .pieces = pieces, .piece_count = 5, .values = 2 },
	[R_PRINT] = { .type = RECORD_PRINT, .values = 3, .units = print_units },
	[R_EMIT] = { .type = RECORD_EMIT, .values = 2, .names = emit_names, .units = emit_units },
	[R_EVENT] = { .type = RECORD_EVENT },
	[R_TIME] = { .type = RECORD_TIME, .text = (char *)"%H:%M:%S\n" },
	[R_CLEAR] = { .type = RECORD_CLEAR },
};
static const struct compiled compiled = { .records = records, .record_count = R_RECORDS };

static _Alignas(64) unsigned char memory_bytes[1 << 16];
static jst_ref site;
static _Alignas(8) unsigned char buffer[8192];

/* A memory with one site's description: request:end {id, path, ok}. */
static void make_site(void)
{
	struct jst_memory memory = { .base = memory_bytes, .header = (struct jst_memory_header *)memory_bytes };
	const struct jst_probe probe = {
		.name = { "request:end", 11 }, .file = { "a.c", 3 }, .line = 7, .fields = 3,
		.field = { { .name = { "id", 2 }, .type = JST_FIELD_INT }, { .name = { "path", 4 }, .type = JST_FIELD_STRING, .word = 1 }, { .name = { "ok", 2 }, .type = JST_FIELD_BOOL, .word = 2 } },
	};

	memset(memory_bytes, 0, sizeof(memory_bytes));
	memory.header->size = sizeof(memory_bytes);
	atomic_store(&memory.header->heap_used, 8192);
	atomic_store(&memory.header->permit, sizeof(memory_bytes));
	site = jst_site_write(&memory, &probe);
	ck_assert(site != 0);
}

static size_t encode(uint32_t index, const struct jst_value *values, uint32_t count)
{
	bool cut = false;
	const uint32_t payload = count ? jst_key_encode(buffer + sizeof(struct jst_record), sizeof(buffer) - sizeof(struct jst_record), values, count, 1024, &cut) : 0;
	const struct jst_record header = {
		.size = (uint32_t)sizeof(struct jst_record) + payload, .index = index, .timestamp = 1769860800123456789, .tid = 78, .site = site, .values = (uint16_t)count,
	};

	memcpy(buffer, &header, sizeof(header));
	return header.size;
}

static struct record_source source(void)
{
	return (struct record_source){ .pid = 77, .title = "a\"pi", .hostname = "web1", .base = memory_bytes, .size = sizeof(memory_bytes) };
}

static void expect(enum output_format format, uint32_t index, const struct jst_value *values, uint32_t count, const char *expected)
{
	const size_t size = encode(index, values, count);
	struct record record;
	char *text;
	size_t length;
	struct output output = { .file = open_memstream(&text, &length), .format = format, .width = 80 };
	const struct record_source from = source();

	ck_assert(record_decode(&compiled, buffer, size, &record));
	record_print(&output, &record, &from);
	fclose(output.file);
	ck_assert_str_eq(text, expected);
	if (format == OUTPUT_JSON && length)
		ck_assert_int_eq(json_lines(text, length), 1);
	free(text);
}

START_TEST(texts)
{
	make_site();
	expect(OUTPUT_TEXT, R_PRINTF, (struct jst_value[]){ jst_value_string("/a\x1b[2J", 6), jst_value_int(1020000) }, 2, "slow /a\\x1b[2J: 1.02ms\n");
	expect(OUTPUT_TEXT, R_PRINT, (struct jst_value[]){ jst_value_int(1020000), jst_value_string("x\ny", 3), jst_value_nil() }, 3, "1.02ms x\\x0ay nil\n");
	expect(OUTPUT_TEXT, R_EMIT, (struct jst_value[]){ jst_value_string("/a b\"c", 6), jst_value_int(2000) }, 2, "2026-01-31T12:00:00.123456Z request:end pid=77 path=\"/a b\\\"c\" took=2.00us\n");
	expect(OUTPUT_TEXT, R_EVENT, (struct jst_value[]){ jst_value_int(1), jst_value_string("/x", 2), jst_value_int(1) }, 3, "2026-01-31T12:00:00.123456Z request:end pid=77 id=1 path=\"/x\" ok=1\n");
	expect(OUTPUT_TEXT, R_CLEAR, NULL, 0, "");
	setenv("TZ", "UTC", 1);
	expect(OUTPUT_TEXT, R_TIME, NULL, 0, "12:00:00\n");
}
END_TEST

START_TEST(objects)
{
	make_site();
	expect(OUTPUT_JSON, R_PRINTF, (struct jst_value[]){ jst_value_string("/a\x1b", 3), jst_value_int(1020000) }, 2, "{\"type\":\"print\",\"text\":\"slow /a\\u001b: 1.02ms\\n\"}\n");
	expect(OUTPUT_JSON, R_PRINT, (struct jst_value[]){ jst_value_int(1020000), jst_value_string("x\xff", 2), jst_value_nil() }, 3,
	       "{\"type\":\"print\",\"text\":\"1.02ms x\xef\xbf\xbd nil\",\"values\":[1020000,\"x\xef\xbf\xbd\",null]}\n");
	expect(OUTPUT_JSON, R_EMIT, (struct jst_value[]){ jst_value_string("/a", 2), jst_value_int(2000) }, 2,
	       "{\"type\":\"emit\",\"name\":\"request:end\",\"timestamp\":1769860800123456789,\"pid\":77,\"title\":\"a\\\"pi\",\"hostname\":\"web1\",\"fields\":{\"path\":\"/a\",\"took\":2000}}\n");
	expect(OUTPUT_JSON, R_EVENT, (struct jst_value[]){ jst_value_int(1), jst_value_string("/x", 2), jst_value_int(0) }, 3,
	       "{\"type\":\"emit\",\"name\":\"request:end\",\"timestamp\":1769860800123456789,\"pid\":77,\"title\":\"a\\\"pi\",\"hostname\":\"web1\",\"fields\":{\"id\":1,\"path\":\"/x\",\"ok\":0}}\n");
	expect(OUTPUT_JSON, R_CLEAR, NULL, 0, "");
}
END_TEST

/* A site that cannot be read costs the names, not the event; more or fewer values than the probe has fields are no trouble. */
START_TEST(unknown_sites)
{
	make_site();
	expect(OUTPUT_TEXT, R_EVENT, (struct jst_value[]){ jst_value_int(1), jst_value_int(2), jst_value_int(3), jst_value_int(4) }, 4, "2026-01-31T12:00:00.123456Z request:end pid=77 id=1 path=2 ok=3 field3=4\n");
	expect(OUTPUT_TEXT, R_EVENT, NULL, 0, "2026-01-31T12:00:00.123456Z request:end pid=77\n");
	static const jst_ref refs[] = { 0, UINT32_MAX, sizeof(memory_bytes) / 8, sizeof(memory_bytes) / 8 - 1 };
	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
		site = refs[i];
		expect(OUTPUT_TEXT, R_EVENT, (struct jst_value[]){ jst_value_int(1) }, 1, "2026-01-31T12:00:00.123456Z ? pid=77 field0=1\n");
		expect(OUTPUT_JSON, R_EVENT, (struct jst_value[]){ jst_value_int(1) }, 1,
		       "{\"type\":\"emit\",\"name\":null,\"timestamp\":1769860800123456789,\"pid\":77,\"title\":\"a\\\"pi\",\"hostname\":\"web1\",\"fields\":{\"field0\":1}}\n");
	}
}
END_TEST

/* The target as it rewrites its names: whatever was written so far, the rest of the description changes. */
static ssize_t change_names(void *text, const char *bytes, size_t size)
{
	const jst_ref ref = site;

	memset(memory_bytes + (uint64_t)ref * 8 + sizeof(struct jst_site_entry), 0x1b, 32);
	return (ssize_t)fwrite(bytes, 1, size, text);
}

START_TEST(names_that_change)
{
	const struct jst_value values[] = { jst_value_int(1), jst_value_string("/x", 2), jst_value_int(1) };
	char *text;
	size_t length;
	FILE *whole = open_memstream(&text, &length);
	struct output output = { .file = fopencookie(whole, "w", (cookie_io_functions_t){ .write = change_names }), .format = OUTPUT_TEXT, .width = 80 };
	const struct record_source from = source();
	struct record record;

	setvbuf(output.file, NULL, _IONBF, 0);
	make_site();
	ck_assert(record_decode(&compiled, buffer, encode(R_EVENT, values, 3), &record));
	record_print(&output, &record, &from);
	fclose(output.file);
	fclose(whole);
	ck_assert_str_eq(text, "2026-01-31T12:00:00.123456Z request:end pid=77 id=1 path=\"/x\" ok=1\n");
	free(text);
}
END_TEST

static bool decodes(size_t size)
{
	struct record record;

	return record_decode(&compiled, buffer, size, &record);
}

START_TEST(malformed)
{
	const struct jst_value values[] = { jst_value_string("text", 4), jst_value_int(2) };
	struct jst_record *header = (struct jst_record *)buffer;

	make_site();
	const size_t size = encode(R_PRINTF, values, 2);
	ck_assert(decodes(size));
	for (size_t shorter = 0; shorter < size; shorter++)
		ck_assert(!decodes(shorter));
	header->index = R_RECORDS;
	ck_assert(!decodes(size));
	header->index = JST_RECORD_SKIP;
	ck_assert(!decodes(size));
	encode(R_PRINTF, values, 2);
	header->values = 3;
	ck_assert(!decodes(size));
	header->values = UINT16_MAX;
	ck_assert(!decodes(size));
	encode(R_PRINTF, values, 2);
	header->size = UINT32_MAX;
	ck_assert(!decodes(size));
	/* A string said to be longer than the record. */
	encode(R_PRINTF, values, 2);
	memset(buffer + sizeof(*header) + 8, 0xff, 4);
	ck_assert(!decodes(size));
	/* A payload shortened together with the header. */
	encode(R_PRINTF, values, 2);
	header->size = sizeof(*header) + 8;
	ck_assert(!decodes(header->size));
}
END_TEST

/* Any bytes: at worst refused, and what is accepted prints as valid JSON. */
START_TEST(any_bytes)
{
	const struct jst_value values[] = { jst_value_string("text", 4), jst_value_int(2), jst_value_double(0.5) };
	uint64_t random = 7;

	make_site();
	const struct record_source from = source();
	for (int round = 0; round < 20000; round++) {
		const size_t size = encode(round % 3 ? R_PRINT : R_EVENT, values, 3);

		for (int i = 0; i < 3; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			buffer[(random >> 8) % size] = (unsigned char)random;
		}
		struct record record;
		if (!record_decode(&compiled, buffer, size, &record))
			continue;
		char *text;
		size_t length;
		struct output output = { .file = open_memstream(&text, &length), .format = OUTPUT_JSON };
		record_print(&output, &record, &from);
		fclose(output.file);
		ck_assert_int_eq(json_lines(text, length), length ? 1 : 0);
		free(text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("record");

	tcase_add_test(tcase, texts);
	tcase_add_test(tcase, objects);
	tcase_add_test(tcase, unknown_sites);
	tcase_add_test(tcase, names_that_change);
	tcase_add_test(tcase, malformed);
	tcase_add_test(tcase, any_bytes);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
