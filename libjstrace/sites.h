/*
 * The registry of probe sites: which objects of this process have sites, and under which ids.
 *
 * Each object's constructor registers its section jstrace_sites as a whole, its destructor takes it back (jstrace.h). An object's sites have consecutive ids, from its base on, for as long as it is loaded. Nothing is read or written for a
 * single site then, so that a hundred thousand of them cost a start no more than one: a record is looked at when a session comes, and gets its id when it is bound or fires. The records stay in the object; a session's
 * bindings are indexed by id. All functions but the two public ones want the registry's lock.
 */
#ifndef JST_SITES_H
#define JST_SITES_H

#include "process.h"

struct jstrace_object;

enum {
	JST_MAX_OBJECTS = 1 << 14,  /* that are loaded at a time; a named probe (named.h) is one too */
	JST_SITE_VERSION = 1,
};

enum jst_site_kind {
	JST_SITE_EVENT = 0, /* JSTRACE */
	JST_SITE_GUARD = 1, /* JSTRACE_ENABLED, which has a word but no event */
	JST_SITE_NAMED = 2, /* a name alone: what fields it has shows as it fires (named.h) */
};

/* What the header's assembly emits for a site (773: in jstrace.h). References are relative to the address of the member that holds them. */
struct jst_site_record {
	uint32_t id;       /* 0 until the site is bound, or fires while a session watches; the library's: jst_site_id() */
	int32_t name;      /* text that ends in NUL */
	int32_t keys;      /* text: each key ends in \001, the whole in NUL */
	int32_t file;
	int32_t word;      /* the enable word */
	uint32_t line;
	uint8_t version;   /* JST_SITE_VERSION */
	uint8_t fields;
	uint8_t kind;      /* enum jst_site_kind */
	uint8_t leaf;      /* JST_HINT_… of leaf.h; the library's */
	uint8_t reserved[4];
	uint64_t types;    /* four bits a field, the first in the lowest: enum jst_field_type */
};

_Static_assert(sizeof(struct jst_site_record) == 40, "records lie in a row");

/* Sites in a row: all of an object, or some. */
struct jst_site_span {
	struct jst_site_record *first;
	uint32_t count;
	uint32_t id;       /* of the first; the next has the next */
};

/* How far a walk through all sites has come. Begins as zeros. */
struct jst_site_cursor {
	uint32_t object, site;
};

void jst_sites_lock(void);
void jst_sites_unlock(void);

/* Lets whoever waits for the lock have it; the registry may have changed when it returns. For walks that take long: an object that is being loaded waits for the lock. */
void jst_sites_breathe(void);

/*
 * The next sites of a walk, at most `most` of one object; false: that was all. The lock may be released between two calls: whatever stays registered meanwhile is met once, and what comes or goes may be met or not.
 */
bool jst_sites_walk(struct jst_site_cursor *cursor, uint32_t most, struct jst_site_span *span);

/* How many sites there are; and how many there are besides, for which no id or place was left: they are never on. */
uint32_t jst_sites_count(void);
uint32_t jst_sites_refused(void);

/* The id of the first site that was registered with the object; 0: it is not registered, or there was no id left. */
uint32_t jst_sites_base(const struct jstrace_object *object);

/* Says that sessions are to come: from now on sites may have their ids, and words may be on. To be called before the memory of the first is mapped (sites.c). */
void jst_sites_expect(void);

/* Whether the record makes sense: of our version, no text longer than it may be. One that does not is never on. */
bool jst_site_sound(const struct jst_site_record *record);

/*
 * The record's id, 0: it has none. The first time, the object is looked for that the record lies in, and the id is put down in the record: not before, since writing into each record would make a copy of all of an object's pages.
 * Lock-free; Context: any, while the object is registered.
 */
uint32_t jst_site_id(struct jst_site_record *record);

/* What a sound record says, for the runtime; its strings lie in the object. */
void jst_site_describe(const struct jst_site_record *record, struct jst_probe *probe);

struct jst_string jst_site_name(const struct jst_site_record *record);

/* Turns the record's probe on or off for the session of index bit: the upper half of the word, written as 16 bits. */
void jst_site_switch(struct jst_site_record *record, unsigned bit, bool on);

/* Turns every probe off for all sessions, if there ever was one: in a child, whose words still have what the parent had on. */
void jst_sites_off(void);

/* The upper half of the enable word: the sessions that watch. Context: probe. */
static inline uint32_t jst_site_watchers(const struct jst_site_record *record)
{
	const uint16_t *word = (const uint16_t *)((const char *)&record->word + record->word);

	return __atomic_load_n(word + 1, __ATOMIC_RELAXED); /* pairs with jst_site_switch(): a hint; the session's pointer decides */
}

#endif
