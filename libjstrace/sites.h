/*
 * The registry of probe sites: which sites the objects of this process have, each under an id of its own while its object is loaded.
 *
 * Each object's constructor registers the records of its section jstrace_sites, its destructor takes them back (jstrace.h). The records stay in the object; an id leads to its record, and a session's bindings
 * are indexed by id. All functions but the two public ones want the registry's lock.
 */
#ifndef JST_SITES_H
#define JST_SITES_H

#include "process.h"

enum { JST_MAX_SITES = 65536, JST_SITE_VERSION = 1 };

enum jst_site_kind {
	JST_SITE_EVENT = 0, /* JSTRACE */
	JST_SITE_GUARD = 1, /* JSTRACE_ENABLED, which has a word but no event */
	JST_SITE_NAMED = 2, /* a name alone: what fields it has shows as it fires (named.h) */
};

/* What the header's assembly emits for a site (773: in jstrace.h). References are relative to the address of the member that holds them. */
struct jst_site_record {
	uint32_t id;       /* 0 until registered; the library's */
	int32_t name;      /* text that ends in NUL */
	int32_t keys;      /* text: each key ends in \001, the whole in NUL */
	int32_t file;
	int32_t word;      /* the enable word */
	uint32_t line;
	uint8_t version;   /* JST_SITE_VERSION */
	uint8_t fields;
	uint8_t kind;      /* enum jst_site_kind */
	uint8_t reserved[5];
	uint64_t types;    /* four bits a field, the first in the lowest: enum jst_field_type */
};

_Static_assert(sizeof(struct jst_site_record) == 40, "records lie in a row");

void jst_sites_lock(void);
void jst_sites_unlock(void);

/* Ids in use are below this; the record of an id, or NULL. */
uint32_t jst_sites_end(void);
struct jst_site_record *jst_sites_at(uint32_t id);

/* What the record says, for the runtime; its strings lie in the object. */
void jst_site_describe(const struct jst_site_record *record, struct jst_probe *probe);

struct jst_string jst_site_name(const struct jst_site_record *record);

/* Turns the record's probe on or off for the session of index bit: the upper half of the word, written as 16 bits. */
void jst_site_switch(struct jst_site_record *record, unsigned bit, bool on);

/* Turns every probe off for all sessions: in a child, whose words still have what the parent had on. */
void jst_sites_off(void);

/* The upper half of the enable word: the sessions that watch. Context: probe. */
static inline uint32_t jst_site_watchers(const struct jst_site_record *record)
{
	const uint16_t *word = (const uint16_t *)((const char *)&record->word + record->word);

	return __atomic_load_n(word + 1, __ATOMIC_RELAXED); /* pairs with jst_site_switch(): a hint; the session's pointer decides */
}

#endif
