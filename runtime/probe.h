/*
 * Probes as the runtime sees them: what a probe is called and carries, and what a program does when it fires (its binding).
 *
 * A description is made once per site by whoever owns the probes (libjstrace in a target, the CLI for its special clauses, tests). A binding is made once per site and program,
 * when the program is installed or the site appears: patterns are matched and fields looked up then, never at an event.
 */
#ifndef JST_PROBE_H
#define JST_PROBE_H

#include "memory.h"

/* How a field's value is passed in the event's words. */
enum jst_field_type {
	JST_FIELD_ABSENT = 0,
	JST_FIELD_INT = 1,     /* one word: any signed integer, sign-extended */
	JST_FIELD_UINT = 2,    /* one word: any unsigned integer, zero-extended; read as int64 (uint64 wraps) */
	JST_FIELD_BOOL = 3,    /* one word, 0 or 1 */
	JST_FIELD_DOUBLE = 4,  /* one word, the bits */
	JST_FIELD_STRING = 5,  /* one word, char *, NUL-terminated; NULL reads as nil */
	JST_FIELD_BYTES = 6,   /* two words: pointer, length */
	JST_FIELD_POINTER = 7, /* one word, any other pointer: its address as an integer */
	JST_FIELD_TYPES
};

/* Whether a field of that type is one word that reads as an integer. Context: any. */
static inline bool jst_field_is_integer(unsigned type)
{
	const unsigned integers = 1U << JST_FIELD_INT | 1U << JST_FIELD_UINT | 1U << JST_FIELD_BOOL | 1U << JST_FIELD_POINTER;

	_Static_assert(JST_FIELD_TYPES <= 32, "types are bits");
	return type < 32 && (1U << type & integers);
}

enum { JST_MAX_SITE_FIELDS = 16, JST_MAX_SITE_WORDS = 32, JST_MAX_PROBE_NAME = 255, JST_MAX_FIELD_NAME = 127 };

struct jst_field {
	struct jst_string name;
	uint8_t type;  /* enum jst_field_type */
	uint8_t word;  /* index of its first word */
};

struct jst_probe {
	struct jst_string name;
	struct jst_string file;  /* length 0: unknown */
	uint32_t line;           /* 0: unknown */
	uint32_t fields;
	struct jst_field field[JST_MAX_SITE_FIELDS];
};

/* What the program reads of field f of its field section at this probe. */
struct jst_field_binding {
	uint8_t type;  /* JST_FIELD_ABSENT: nil */
	uint8_t word;
};

/* What must hold for a clause to do anything at all: an integer of the event lies in a range, or (inverted) does not. */
struct jst_guard {
	uint64_t low, span;  /* the range: low <= word <= low + span, as signed numbers and without overflow */
	uint8_t word;
	bool inverted;
};

/* A clause made ready for a binding (plan.h). */
struct jst_plan {
	const struct jst_insn *code;
	uint32_t insns;
	uint8_t shortcut;    /* enum jst_shortcut: what the whole clause does, with … */
	uint8_t word;        /* … the event's word that is its key or value */
	uint8_t value;       /* of an update (plan.h): the word that is its value, … */
	uint8_t by, step;    /* … enum jst_by and jst_step, … */
	uint8_t bits;        /* … and those of its histogram */
	bool guarded;        /* and only if guard holds */
	int32_t map, aggregation;
	struct jst_guard guard;
};

enum {
	JST_BINDING_CLOCK = 1,     /* a clause reads the clock */
	JST_BINDING_DOUBLES = 2,   /* a clause may compute with doubles */
	JST_BINDING_GUARDED = 4,   /* every clause has a guard */
	JST_BINDING_MEASURED = 8,  /* its events are counted, and some timed */
	JST_BINDING_UPDATES = 16,  /* one clause, which updates an aggregation and does nothing else, after a test at most */
	JST_BINDING_LEAF = 32,     /* one clause, which counts, after a test at most */
	JST_BINDING_STARTS = 64,   /* one clause, without a test: JST_SHORTCUT_PUT_NOW */
	JST_BINDING_ENDS = 128,    /* two, likewise: JST_SHORTCUT_SINCE_HIST, and JST_SHORTCUT_SPANEND under the same key */
	JST_BINDING_SHORT = JST_BINDING_LEAF | JST_BINDING_STARTS | JST_BINDING_ENDS, /* libjstrace has a short way for it */
};

/* A probe bound to a program. Immutable once published. */
struct jst_binding {
	uint32_t clauses;                /* how many run, in script order */
	uint32_t flags;                  /* JST_BINDING_… */
	const struct jst_plan *plan;     /* one a clause */
	const struct jst_field_binding *field; /* one a field of the program */
	struct jst_probe probe;          /* its strings are owned by whoever made the binding */
	struct jst_string prefix;        /* points into probe.name */
	struct jst_string probename;     /* likewise */
	jst_ref site;                    /* struct jst_site_entry of it, for records */
};

/* True if the pattern matches the whole name. A glob: * any run, ? one character, [a-z] [!a-z] a set; linear time in practice, bounded by length x length. Context: any. */
bool jst_pattern_match(struct jst_string pattern, bool glob, struct jst_string name);
bool jst_glob_match(struct jst_string glob, struct jst_string text);
/* The same, but gives up (false, *steps 0) after *steps steps; those it took are subtracted. */
bool jst_glob_match_within(struct jst_string glob, struct jst_string text, uint64_t *steps);

/* How many clauses of the program have a pattern that matches name; their indices, in script order, go to clause (room for JST_MAX_CLAUSES), if not NULL. Context: any. */
uint32_t jst_probe_clauses(const struct jst_program *program, struct jst_string name, uint16_t *clause);

/* Looks up each of the program's fields in the probe; a dotted name is a field literally so named. field has room for the program's fields. Context: any. */
void jst_probe_bind_fields(const struct jst_program *program, const struct jst_probe *probe, struct jst_field_binding *field);

/* The parts of a name: before and after its last colon; without one, "" and the name. */
struct jst_string jst_probe_prefix(struct jst_string name);
struct jst_string jst_probe_last(struct jst_string name);

/* A site's description in the session's memory, so that the CLI can name what records refer to, also after the target's death. Followed by name, file and field names, without terminators. */
struct jst_site_entry {
	uint32_t size;       /* bytes of all, a multiple of 8 */
	jst_ref next;        /* older entry, 0: none */
	uint16_t name_length;
	uint16_t file_length;
	uint32_t line;
	uint32_t fields;
	uint8_t type[JST_MAX_SITE_FIELDS];
	uint8_t field_length[JST_MAX_SITE_FIELDS];
	char text[];
};

/* Writes the entry and links it from the header; 0 when no memory is left. Any number of callers, lock-free. Context: any. */
jst_ref jst_site_write(struct jst_memory *memory, const struct jst_probe *probe);

/* Reads an entry out of memory mapped read-only and not trusted, size bytes at base; the strings point into the mapping and are within it. False if malformed. */
bool jst_site_read(const unsigned char *base, uint64_t size, jst_ref ref, struct jst_probe *probe);

#endif
