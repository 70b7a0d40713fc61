/*
 * Probes that are known by their name: what a binding of another language makes of its probes.
 *
 * Each name has one site in the process, with an enable word of its own, which jstrace -l lists. The fields are those that an event happens to have, so they are looked up as it fires; what was found is kept in a cache
 * of the caller's. A binding that can choose asks which fields the programs read, and reads no others. A site is never given up.
 */
#ifndef JST_NAMED_H
#define JST_NAMED_H

#include "process.h"
#include "sites.h"

enum { JST_NAMED_MAX = 4096 };

/* The enable words, JST_NAMED_MAX of them, at index: see jstrace.h for their halves. The lower one is nobody's here but the caller's. NULL: there is no memory. */
uint32_t *jst_named_words(void);

/* The site called name, made if there is none; NULL: too long, empty or with a NUL in it, too many, or no memory. *index: of its word. Takes the registry's lock. Context: any but probe. */
struct jst_site_record *jst_named_site(const char *name, size_t length, uint32_t *index);

/* The site of an index that jst_named_site() gave; NULL: there is none. Lock-free. Context: any. */
const struct jst_site_record *jst_named_at(uint32_t index);

/* Wakes whoever waits for jst_process->epoch to change, as a change of the sessions does. Takes the registry's lock. Context: any but probe. */
void jst_named_stir(void);

/* What the sessions' programs would read of the events of a name. */
struct jst_wanted {
	uint32_t epoch;        /* of which this is true; jst_process->epoch changes before anything else is wanted */
	uint32_t string_size;  /* longest string that any of them keeps, bytes */
	bool all;              /* some of them want all fields, by emit or print, and do not say JST_WHOLE */
	bool more;             /* there were more fields, which are left out */
	uint32_t count;        /* names, each once, dots included */
	struct { uint32_t length; char name[JST_MAX_FIELD_NAME + 1]; } field[JST_MAX_SITE_FIELDS];
};

/* The field under which a binding passes a whole object as JSON text. */
#define JST_WHOLE "__json"

/* Takes the registry's lock. Context: any but probe. */
void jst_named_wanted(struct jst_string name, struct jst_wanted *wanted);

/* Bindings of a site for events whose fields have the same names, by their types. One thread's; zero at first. */
struct jst_named_cache {
	struct jst_named_kept { uint32_t serial, age; uint64_t types; const struct jst_binding *binding; } kept[JST_MAX_SESSIONS][4];
};

/*
 * Fires the site. probe: name, field names, and the types and words as they are in this event; types: those types, four bits a field, the first in the lowest. cache: of just these names; NULL: none. epoch: as jst_named_wanted() gave it
 * with what was read: a session that came later does not see the event, for its fields may be missing. lost: values that could not be taken, counted as a loss.
 * Nothing is kept but what is in the cache. Never allocates, locks or makes a system call. Context: probe.
 */
void jst_named_fire(const struct jst_site_record *record, struct jst_named_cache *cache, const struct jst_probe *probe, uint64_t types, const uint64_t *words, uint32_t epoch, uint32_t lost);

#endif
