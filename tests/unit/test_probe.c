/*
 * Patterns and globs, the clauses and fields of a probe, the parts of a name, and sites written by the target and read by someone who does not trust it.
 */
#include "machine.h"

static bool glob(const char *pattern, const char *text)
{
	return jst_glob_match(machine_string(pattern), machine_string(text));
}

START_TEST(globs)
{
	ck_assert(glob("", ""));
	ck_assert(!glob("", "a"));
	ck_assert(glob("abc", "abc"));
	ck_assert(!glob("abc", "abd"));
	ck_assert(!glob("abc", "ab"));
	ck_assert(!glob("ab", "abc"));
	ck_assert(glob("*", ""));
	ck_assert(glob("*", "a:b:c"));
	ck_assert(glob("request:*", "request:end"));
	ck_assert(glob("request:*", "request:"));
	ck_assert(!glob("request:*", "request"));
	ck_assert(glob("*:end", "http:request:end"));
	ck_assert(!glob("*:end", "request:ending"));
	ck_assert(glob("a*b*c", "a::b:b::c"));
	ck_assert(!glob("a*b*c", "a::b:b::"));
	ck_assert(glob("a**", "a"));
	ck_assert(glob("*ab", "aab"));
	ck_assert(glob("*a*a*b", "aaaab"));
	ck_assert(!glob("*a*a*b", "aaaa"));
	ck_assert(glob("?", "x"));
	ck_assert(!glob("?", ""));
	ck_assert(!glob("?", "xy"));
	ck_assert(glob("a?c*", "abcd"));
	ck_assert(glob("A", "A"));
	ck_assert(!glob("A", "a"));
}
END_TEST

START_TEST(sets)
{
	ck_assert(glob("[abc]", "b"));
	ck_assert(!glob("[abc]", "d"));
	ck_assert(glob("[a-c]x", "bx"));
	ck_assert(!glob("[a-c]x", "dx"));
	ck_assert(glob("[!a-c]", "d"));
	ck_assert(!glob("[!a-c]", "b"));
	ck_assert(!glob("[!a-c]", ""));
	ck_assert(glob("[a-cx-z]", "y"));
	ck_assert(glob("[]]", "]"));
	ck_assert(glob("[!]]", "a"));
	ck_assert(!glob("[!]]", "]"));
	ck_assert(glob("[a-]", "-"));
	ck_assert(glob("[a-]", "a"));
	ck_assert(!glob("[a-]", "b"));
	ck_assert(!glob("[c-a]", "b"));
	ck_assert(glob("*[0-9]", "worker:12"));
	ck_assert(!glob("*[0-9]", "worker:"));
	ck_assert(glob("[\x80-\xff]", "\xc3"));
	/* Without its end a [ is itself. */
	ck_assert(glob("a[b", "a[b"));
	ck_assert(!glob("a[b", "ab"));
	ck_assert(glob("[", "["));
	ck_assert(glob("[!", "[!"));
}
END_TEST

/* The plain definition, which takes exponential time. */
static bool slow_match(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*')
		return slow_match(pattern + 1, text) || (*text && slow_match(pattern, text + 1));
	return *text && (*pattern == '?' || *pattern == *text) && slow_match(pattern + 1, text + 1);
}

START_TEST(globs_agree_with_their_definition)
{
	/* All patterns of four characters out of a, b, *, ? with all texts up to five out of a, b. */
	for (int p = 0; p < 256; p++) {
		const char pattern[5] = { "ab*?"[p & 3], "ab*?"[p >> 2 & 3], "ab*?"[p >> 4 & 3], "ab*?"[p >> 6], 0 };

		for (int t = 0; t < 32; t++) {
			for (int length = 0; length <= 5; length++) {
				char text[6] = { 0 };

				for (int i = 0; i < length; i++)
					text[i] = "ab"[t >> i & 1];
				ck_assert_msg(glob(pattern, text) == slow_match(pattern, text), "%s, %s", pattern, text);
			}
		}
	}
}
END_TEST

START_TEST(a_glob_with_many_stars_ends)
{
	static char pattern[513], text[4097];

	for (int i = 0; i < 512; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[511] = 'b';
	memset(text, 'a', 4096);
	ck_assert(!glob(pattern, text));
	/* With a bound it gives up, and tells what it took. */
	uint64_t steps = 100;

	ck_assert(!jst_glob_match_within(machine_string(pattern), machine_string(text), &steps));
	ck_assert_uint_eq(steps, 0);
	steps = 100;
	ck_assert(jst_glob_match_within(machine_string("ab*"), machine_string("abcdef"), &steps));
	ck_assert_uint_eq(steps, 97);
}
END_TEST

START_TEST(patterns_are_literal_without_the_flag)
{
	ck_assert(jst_pattern_match(machine_string("a*"), true, machine_string("abc")));
	ck_assert(!jst_pattern_match(machine_string("a*"), false, machine_string("abc")));
	ck_assert(jst_pattern_match(machine_string("a*"), false, machine_string("a*")));
	ck_assert(!jst_pattern_match(machine_string("a"), false, machine_string("ab")));
}
END_TEST

START_TEST(parts_of_a_name)
{
	static const char *const rows[][3] = {
		{ "request:end", "request", "end" }, { "http:request:end", "http:request", "end" }, { "tick", "", "tick" }, { "a:", "a", "" }, { ":b", "", "b" }, { "", "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct jst_string prefix = jst_probe_prefix(machine_string(rows[i][0])), last = jst_probe_last(machine_string(rows[i][0]));

		ck_assert_uint_eq(prefix.length, strlen(rows[i][1]));
		ck_assert_mem_eq(prefix.bytes, rows[i][1], prefix.length);
		ck_assert_uint_eq(last.length, strlen(rows[i][2]));
		ck_assert_mem_eq(last.bytes, rows[i][2], last.length);
	}
	ck_assert_uint_eq(jst_probe_last((struct jst_string){ NULL, 0 }).length, 0);
}
END_TEST

/* Four clauses: two patterns; the same name twice; none; a glob. */
static struct jst_program *four_clauses(void)
{
	struct jst_builder *builder = jst_builder_new();
	const char *limit;

	for (int clause = 0; clause < 4; clause++) {
		jst_builder_clause(builder);
		if (clause == 0)
			jst_builder_pattern(builder, "conn:open", 9, 0);
		if (clause == 0 || clause == 1)
			jst_builder_pattern(builder, "request:end", 11, 0);
		if (clause == 1)
			jst_builder_pattern(builder, "request:*", 9, JST_PATTERN_GLOB);
		if (clause == 3)
			jst_builder_pattern(builder, "*:[eo]*", 7, JST_PATTERN_GLOB);
		jst_builder_insn(builder, (struct jst_insn){ .op = JST_OP_RETURN });
	}
	jst_builder_field(builder, "id", 2);
	jst_builder_field(builder, "req.url", 7);
	jst_builder_field(builder, "missing", 7);
	struct jst_program *program = jst_builder_finish(builder, &limit);

	ck_assert(program != NULL);
	jst_builder_free(builder);
	return program;
}

static const char *clauses_of(const struct jst_program *program, const char *name)
{
	static char list[16];
	uint16_t clauses[JST_MAX_CLAUSES];
	const uint32_t count = jst_probe_clauses(program, machine_string(name), clauses);

	ck_assert_uint_eq(jst_probe_clauses(program, machine_string(name), NULL), count);
	for (uint32_t i = 0; i < count; i++)
		list[i] = (char)('0' + clauses[i]);
	list[count] = '\0';
	return list;
}

START_TEST(clauses_of_a_name)
{
	struct jst_program *program = four_clauses();

	ck_assert_str_eq(clauses_of(program, "request:end"), "013");
	ck_assert_str_eq(clauses_of(program, "request:start"), "1");
	ck_assert_str_eq(clauses_of(program, "conn:open"), "03");
	ck_assert_str_eq(clauses_of(program, "tick"), "");
	free(program);
}
END_TEST

static struct jst_probe example_probe(void)
{
	return (struct jst_probe){
		.name = machine_string("request:end"),
		.file = machine_string("src/server.c"),
		.line = 99,
		.fields = 3,
		.field = { { machine_string("body"), JST_FIELD_BYTES, 0 }, { machine_string("id"), JST_FIELD_UINT, 2 }, { machine_string("req.url"), JST_FIELD_STRING, 3 } },
	};
}

START_TEST(fields_are_bound_by_name)
{
	struct jst_program *program = four_clauses();
	const struct jst_probe probe = example_probe();
	struct jst_field_binding fields[3];

	jst_probe_bind_fields(program, &probe, fields);
	ck_assert_uint_eq(fields[0].type, JST_FIELD_UINT);
	ck_assert_uint_eq(fields[0].word, 2);
	ck_assert_uint_eq(fields[1].type, JST_FIELD_STRING);
	ck_assert_uint_eq(fields[1].word, 3);
	ck_assert_uint_eq(fields[2].type, JST_FIELD_ABSENT);
	free(program);
}
END_TEST

/* ---- sites ---- */

static void check_probe(const struct jst_probe *probe, const struct jst_probe *want)
{
	ck_assert_uint_eq(probe->name.length, want->name.length);
	ck_assert_mem_eq(probe->name.bytes, want->name.bytes, want->name.length);
	ck_assert_uint_eq(probe->file.length, want->file.length);
	if (want->file.length)
		ck_assert_mem_eq(probe->file.bytes, want->file.bytes, want->file.length);
	ck_assert_uint_eq(probe->line, want->line);
	ck_assert_uint_eq(probe->fields, want->fields);
	for (uint32_t i = 0; i < want->fields; i++) {
		ck_assert_uint_eq(probe->field[i].type, want->field[i].type);
		ck_assert_uint_eq(probe->field[i].word, want->field[i].word);
		ck_assert_uint_eq(probe->field[i].name.length, want->field[i].name.length);
		ck_assert_mem_eq(probe->field[i].name.bytes, want->field[i].name.bytes, want->field[i].name.length);
	}
}

START_TEST(sites_are_written_and_read)
{
	struct machine m;
	struct jst_probe read;
	const struct jst_probe probe = example_probe(), bare = { .name = machine_string("tick") };

	machine_open(&m);
	machine_start(&m);
	const jst_ref first = jst_site_write(&m.session.memory, &probe), second = jst_site_write(&m.session.memory, &bare);

	ck_assert_uint_ne(first, 0);
	ck_assert_uint_ne(second, 0);
	ck_assert(jst_site_read(m.base, m.options.size, first, &read));
	check_probe(&read, &probe);
	ck_assert(jst_site_read(m.base, m.options.size, second, &read));
	check_probe(&read, &bare);
	/* The newest first. */
	const struct jst_site_entry *entry = jst_memory_at(&m.session.memory, atomic_load(&m.session.memory.header->sites));

	ck_assert_ptr_eq(entry, jst_memory_at(&m.session.memory, second));
	ck_assert_uint_eq(entry->next, first);
	ck_assert_uint_eq(entry->size % 8, 0);
	machine_close(&m);
}
END_TEST

START_TEST(names_that_are_too_long_are_cut)
{
	static char text[70000];
	struct machine m;
	struct jst_probe read, probe = { .fields = 1 };

	memset(text, 'n', sizeof(text));
	probe.name = probe.file = probe.field[0].name = (struct jst_string){ text, sizeof(text) };
	probe.field[0].type = JST_FIELD_INT;
	machine_open(&m);
	machine_start(&m);
	ck_assert(jst_site_read(m.base, m.options.size, jst_site_write(&m.session.memory, &probe), &read));
	ck_assert_uint_eq(read.name.length, JST_MAX_PROBE_NAME);
	ck_assert_uint_eq(read.file.length, UINT16_MAX);
	ck_assert_uint_eq(read.field[0].name.length, JST_MAX_FIELD_NAME);
	machine_close(&m);
}
END_TEST

START_TEST(a_full_memory_has_no_room_for_a_site)
{
	struct machine m;
	const struct jst_probe probe = example_probe();

	machine_open(&m);
	machine_start(&m);
	while (jst_memory_take(&m.session.memory, 64))
		;
	ck_assert_uint_eq(jst_site_write(&m.session.memory, &probe), 0);
	ck_assert_uint_eq(atomic_load(&m.session.memory.header->sites), 0);
	machine_close(&m);
}
END_TEST

/* An entry in exactly as many bytes as it needs, at offset 8. */
static unsigned char *lone_entry(uint64_t *size)
{
	struct machine m;
	const struct jst_probe probe = example_probe();

	machine_open(&m);
	machine_start(&m);
	const struct jst_site_entry *entry = jst_memory_at(&m.session.memory, jst_site_write(&m.session.memory, &probe));
	unsigned char *bytes = malloc(8 + entry->size);

	memset(bytes, 0, 8);
	memcpy(bytes + 8, entry, entry->size);
	*size = 8 + entry->size;
	machine_close(&m);
	return bytes;
}

START_TEST(malformed_sites_are_refused)
{
	uint64_t size;
	unsigned char *bytes = lone_entry(&size);
	struct jst_site_entry *entry = (struct jst_site_entry *)(void *)(bytes + 8), whole;
	struct jst_probe probe;

	memcpy(&whole, entry, sizeof(whole));
	ck_assert(jst_site_read(bytes, size, 1, &probe));
	ck_assert(!jst_site_read(bytes, size, 0, &probe));
	ck_assert(!jst_site_read(bytes, size, 2, &probe));
	ck_assert(!jst_site_read(bytes, size, UINT32_MAX, &probe));
	ck_assert(!jst_site_read(bytes, size - 8, 1, &probe));
	ck_assert(!jst_site_read(bytes, 16, 1, &probe));
#define REFUSED(change)                                           \
	do {                                                      \
		memcpy(entry, &whole, sizeof(whole));             \
		change;                                           \
		ck_assert(!jst_site_read(bytes, size, 1, &probe)); \
	} while (0)
	REFUSED(entry->size = UINT32_MAX);
	REFUSED(entry->size = (uint32_t)sizeof(whole) - 8);
	REFUSED(entry->size = (uint32_t)size);
	REFUSED(entry->fields = JST_MAX_SITE_FIELDS + 1);
	REFUSED(entry->name_length = JST_MAX_PROBE_NAME + 1);
	REFUSED(entry->file_length = 60000);
	REFUSED(entry->type[1] = JST_FIELD_TYPES);
	REFUSED(entry->type[1] = JST_FIELD_ABSENT);
	REFUSED(entry->field_length[2] = 200);
	free(bytes);
}
END_TEST

START_TEST(any_bytes_may_be_read_as_a_site)
{
	uint64_t size, state = 88172645463325252ULL;
	unsigned char *whole = lone_entry(&size), *bytes = malloc(size);
	int accepted = 0;

	for (int i = 0; i < 50000; i++) {
		struct jst_probe probe;

		memcpy(bytes, whole, size);
		for (int n = 0; n < 3; n++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			bytes[8 + (state >> 16) % (size - 8)] = (unsigned char)(state >> 48);
		}
		if (!jst_site_read(bytes, size, 1, &probe))
			continue;
		accepted++;
		/* All that it points to is within. */
		unsigned sum = 0;

		for (uint32_t f = 0; f < probe.fields; f++) {
			for (uint32_t c = 0; c < probe.field[f].name.length; c++)
				sum += (unsigned char)probe.field[f].name.bytes[c];
			ck_assert_uint_lt(probe.field[f].word, JST_MAX_SITE_WORDS);
		}
		for (uint32_t c = 0; c < probe.name.length; c++)
			sum += (unsigned char)probe.name.bytes[c];
		for (uint32_t c = 0; c < probe.file.length; c++)
			sum += (unsigned char)probe.file.bytes[c];
		ck_assert_uint_lt(sum, 255 * (unsigned)size);
	}
	ck_assert_int_gt(accepted, 1000);
	ck_assert_int_lt(accepted, 49000);
	free(whole);
	free(bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *names = tcase_create("names");
	TCase *sites = tcase_create("sites");

	tcase_add_test(names, globs);
	tcase_add_test(names, sets);
	tcase_add_test(names, globs_agree_with_their_definition);
	tcase_add_test(names, a_glob_with_many_stars_ends);
	tcase_add_test(names, patterns_are_literal_without_the_flag);
	tcase_add_test(names, parts_of_a_name);
	tcase_add_test(names, clauses_of_a_name);
	tcase_add_test(names, fields_are_bound_by_name);
	tcase_add_test(sites, sites_are_written_and_read);
	tcase_add_test(sites, names_that_are_too_long_are_cut);
	tcase_add_test(sites, a_full_memory_has_no_room_for_a_site);
	tcase_add_test(sites, malformed_sites_are_refused);
	tcase_add_test(sites, any_bytes_may_be_read_as_a_site);
	tcase_set_timeout(names, 60);
	tcase_set_timeout(sites, 60);
	suite_add_tcase(suite, names);
	suite_add_tcase(suite, sites);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	const int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
