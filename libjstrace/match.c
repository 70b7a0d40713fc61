/*
 * The index, in one piece:
 *
 *     struct jst_match | globs, one each, chained from a list | places of names, a power of two and at least twice as many as there are
 */
#include "match.h"

#include <string.h>

#include "hash.h"

struct glob {
	struct jst_string text;
	uint16_t prefix;   /* characters before the first that stands for others */
	uint16_t next;     /* index and 1; 0: the last of its list */
	bool plain;        /* behind them is one star, and nothing else */
};

struct name {
	struct jst_string text; /* bytes NULL: free */
	uint64_t hash;
};

/* Lists of globs: by the letter they begin with; and those that may begin with any. */
enum { ANY = 256, LISTS };

struct jst_match {
	uint16_t list[LISTS];      /* index and 1; 0: none */
	uint64_t lengths[4];       /* of the names: JST_MAX_PROBE_NAME at most, for the others no probe has */
	uint32_t globs, places;
	struct name *place;
	struct glob glob[];
};

_Static_assert(JST_MAX_PATTERNS < UINT16_MAX && JST_MAX_PATTERN < UINT16_MAX && JST_MAX_PROBE_NAME < 256, "they fit");

static bool is_glob(const struct jst_pattern_decl *pattern)
{
	return pattern->flags & JST_PATTERN_GLOB;
}

static uint32_t count_globs(const struct jst_program *program)
{
	const struct jst_pattern_decl *patterns = jst_program_section(program, JST_SECTION_PATTERNS);
	uint32_t globs = 0;

	for (uint32_t i = 0; i < jst_program_count(program, JST_SECTION_PATTERNS); i++)
		globs += is_glob(&patterns[i]);
	return globs;
}

static uint32_t count_places(uint32_t names)
{
	uint32_t places = names ? 2 : 0;

	while (places < 2 * names)
		places *= 2;
	return places;
}

size_t jst_match_size(const struct jst_program *program)
{
	const uint32_t globs = count_globs(program);

	return sizeof(struct jst_match) + globs * sizeof(struct glob) + count_places(jst_program_count(program, JST_SECTION_PATTERNS) - globs) * sizeof(struct name);
}

static void add_glob(struct jst_match *match, struct jst_string text)
{
	uint32_t prefix = 0;

	while (prefix < text.length && !strchr("*?[", text.bytes[prefix]))
		prefix++;
	uint16_t *list = &match->list[prefix ? (unsigned char)text.bytes[0] : ANY];

	match->glob[match->globs] = (struct glob){ .text = text, .prefix = (uint16_t)prefix, .next = *list, .plain = prefix + 1 == text.length && text.bytes[prefix] == '*' };
	*list = (uint16_t)++match->globs;
}

/* The place of a name, or where it would be. */
static struct name *find(const struct jst_match *match, struct jst_string text, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & (match->places - 1);

	while (match->place[at].text.bytes && (match->place[at].hash != hash || !jst_string_equal(match->place[at].text, text)))
		at = (at + 1) & (match->places - 1);
	return &match->place[at];
}

static void add_name(struct jst_match *match, struct jst_string text)
{
	if (text.length > JST_MAX_PROBE_NAME)
		return;
	const uint64_t hash = jst_hash(text.bytes, text.length);

	*find(match, text, hash) = (struct name){ .text = text, .hash = hash };
	match->lengths[text.length / 64] |= UINT64_C(1) << text.length % 64;
}

void jst_match_init(struct jst_match *match, const struct jst_program *program)
{
	const struct jst_pattern_decl *patterns = jst_program_section(program, JST_SECTION_PATTERNS);
	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	const uint32_t globs = count_globs(program);

	memset(match, 0, jst_match_size(program));
	/* No two clauses share a pattern: the verifier sees to it. */
	match->places = count_places(jst_program_count(program, JST_SECTION_PATTERNS) - globs);
	match->place = (struct name *)&match->glob[globs];
	for (uint32_t c = 0; c < jst_program_count(program, JST_SECTION_CLAUSES); c++) {
		for (uint32_t i = 0; i < clauses[c].patterns; i++) {
			const struct jst_pattern_decl *pattern = &patterns[clauses[c].first_pattern + i];
			const struct jst_string text = jst_program_string(program, pattern->text);

			if (!is_glob(pattern))
				add_name(match, text);
			else
				add_glob(match, text);
		}
	}
}

static bool match_list(const struct jst_match *match, unsigned list, struct jst_string name)
{
	for (uint32_t i = match->list[list]; i; i = match->glob[i - 1].next) {
		const struct glob *glob = &match->glob[i - 1];

		if (name.length >= glob->prefix && memcmp(name.bytes, glob->text.bytes, glob->prefix) == 0 && (glob->plain || jst_glob_match(glob->text, name)))
			return true;
	}
	return false;
}

bool jst_match_name(const struct jst_match *match, struct jst_string name)
{
	if (name.length <= JST_MAX_PROBE_NAME && match->lengths[name.length / 64] >> name.length % 64 & 1 && find(match, name, jst_hash(name.bytes, name.length))->text.bytes)
		return true;
	return (name.length && match_list(match, (unsigned char)name.bytes[0], name)) || match_list(match, ANY, name);
}
