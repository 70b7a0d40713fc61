/*
 * The registry of probe sites: a table of the objects that have some, of which only what is used is ever touched.
 *
 * An object's entry lies in one page and is published by one store, so that a child that is forked off by another thread in the middle of a change has a table without this object or with it, and nothing half. For that reason too the table lies here and not in
 * the objects, and nothing in it leads from one entry to another.
 */
#include "sites.h"

#include <string.h>

#include "jstrace.h"
#include "lock.h"
#include "watch.h"

/* What the library keeps in a struct jstrace_object. */
struct object {
	uint32_t place;     /* of its entry, and 1; 0: there was no room */
	uint32_t refused;   /* sites that got no id */
	uintptr_t registered;
};

_Static_assert(sizeof(struct object) <= sizeof(struct jstrace_object), "an object's place has room");

/* Changed with the lock, looked up without: jst_site_id(). */
struct entry {
	_Atomic(struct jst_site_record *) first; /* NULL: free. Stored last, and cleared first */
	_Atomic uint32_t base, count;
};

_Static_assert(sizeof(struct entry) == 16, "an entry lies in one page");

/* With the lock. */
static _Alignas(16) struct entry table[JST_MAX_OBJECTS];
static uint32_t table_end;    /* entries in use are below */
static uint32_t table_free;   /* no entry below is free */
static uint32_t ids_end = 1;  /* ids in use are below */
static uint32_t ids_free = 1; /* no id below is free */
static uint32_t sites, refused;
static bool expected;

void jst_sites_lock(void)
{
	jst_lock(&jst_process->lock);
}

void jst_sites_unlock(void)
{
	jst_unlock(&jst_process->lock);
}

void jst_sites_breathe(void)
{
	const bool awaited = atomic_load_explicit(&jst_process->lock, memory_order_relaxed) == 2; /* a hint */

	jst_sites_unlock();
	/* Whoever waits is asleep, and would find the lock taken again before it is awake. */
	if (awaited)
		jst_raw_sleep(50000);
	jst_sites_lock();
}

uint32_t jst_sites_count(void)
{
	return sites;
}

uint32_t jst_sites_refused(void)
{
	return refused;
}

void jst_sites_expect(void)
{
	/*
	 * In a child of another thread's fork() this must be true if a word may be on. fork() holds the address space's lock while it copies, so that whoever maps memory between this store and the first word has the two on different sides of any fork
	 * only in this order.
	 */
	__atomic_store_n(&expected, true, __ATOMIC_RELAXED);
}

/* The entry's members are those of one object, or false: with the lock, that it is free. */
static bool read_entry(const struct entry *entry, struct jst_site_span *span)
{
	/* Acquire pairs with the release in add(): the base and count that follow are that object's or a later one's; with the fences here and there, if a later one's, `first` is seen to have changed. */
	span->first = atomic_load_explicit(&entry->first, memory_order_acquire);
	span->id = atomic_load_explicit(&entry->base, memory_order_relaxed);
	span->count = atomic_load_explicit(&entry->count, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return span->first && span->first == atomic_load_explicit(&entry->first, memory_order_relaxed);
}

uint32_t jst_site_id(struct jst_site_record *record)
{
	const uint32_t end = __atomic_load_n(&table_end, __ATOMIC_RELAXED);
	uint32_t id = __atomic_load_n(&record->id, __ATOMIC_RELAXED);
	struct jst_site_span span;

	for (uint32_t i = 0; !id && i < end; i++)
		if (read_entry(&table[i], &span) && record >= span.first && record < span.first + span.count)
			__atomic_store_n(&record->id, id = span.id + (uint32_t)(record - span.first), __ATOMIC_RELAXED); /* whoever does this too writes the same */
	return id;
}

bool jst_sites_walk(struct jst_site_cursor *cursor, uint32_t most, struct jst_site_span *span)
{
	for (; cursor->object < table_end; *cursor = (struct jst_site_cursor){ .object = cursor->object + 1 }) {
		if (!read_entry(&table[cursor->object], span) || cursor->site >= span->count)
			continue;
		const uint32_t left = span->count - cursor->site;

		span->first += cursor->site;
		span->id += cursor->site;
		span->count = left < most ? left : most;
		cursor->site += span->count;
		return true;
	}
	return false;
}

static const char *follow(const int32_t *reference)
{
	return (const char *)((intptr_t)reference + *reference);
}

struct jst_string jst_site_name(const struct jst_site_record *record)
{
	const char *name = follow(&record->name);

	return (struct jst_string){ name, (uint32_t)strlen(name) };
}

void jst_site_describe(const struct jst_site_record *record, struct jst_probe *probe)
{
	const char *file = follow(&record->file);
	const char *key = follow(&record->keys);
	uint8_t word = 0;

	*probe = (struct jst_probe){ .name = jst_site_name(record), .file = { file, (uint32_t)strlen(file) }, .line = record->line, .fields = record->fields };
	for (unsigned i = 0; i < record->fields; i++) {
		const char *end = strchr(key, '\001');
		const uint8_t type = (uint8_t)(record->types >> (4 * i) & 15);

		probe->field[i] = (struct jst_field){ .name = { key, (uint32_t)(end - key) }, .type = type, .word = word };
		word = (uint8_t)(word + (type == JST_FIELD_BYTES ? 2 : 1));
		key = end + 1;
	}
}

bool jst_site_sound(const struct jst_site_record *record)
{
	const uint32_t length = record->version == JST_SITE_VERSION ? (uint32_t)strnlen(follow(&record->name), JST_MAX_PROBE_NAME + 1) : 0;
	const char *key = follow(&record->keys);

	if (!length || length > JST_MAX_PROBE_NAME || record->fields > JST_MAX_SITE_FIELDS)
		return false;
	for (unsigned i = 0; i < record->fields; i++) {
		const char *end = strchr(key, '\001');
		const unsigned type = record->types >> (4 * i) & 15;

		if (!end || end - key > JST_MAX_FIELD_NAME || type == JST_FIELD_ABSENT || type >= JST_FIELD_TYPES)
			return false;
		key = end + 1;
	}
	return true;
}

void jst_site_switch(struct jst_site_record *record, unsigned bit, bool on)
{
	uint16_t *half = (uint16_t *)((char *)&record->word + record->word) + 1;
	const uint16_t old = __atomic_load_n(half, __ATOMIC_RELAXED);
	const uint16_t new = (uint16_t)(on ? old | 1U << bit : old & ~(1U << bit));

	/* One writer at a time, by the lock; the lower half belongs to others. Pairs with the compare in the probe, which is a hint. A page that nobody watched stays clean. */
	if (new != old)
		__atomic_store_n(half, new, __ATOMIC_RELAXED);
}

void jst_sites_off(void)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span;

	while (expected && jst_sites_walk(&cursor, UINT32_MAX, &span))
		for (uint32_t i = 0; i < span.count; i++) {
			uint16_t *half = (uint16_t *)((char *)&span.first[i].word + span.first[i].word) + 1;

			if (span.first[i].version == JST_SITE_VERSION && __atomic_load_n(half, __ATOMIC_RELAXED))
				__atomic_store_n(half, 0, __ATOMIC_RELAXED); /* as in jst_site_switch() */
		}
}

/* The lowest ids in a row that are free; they may end beyond JST_MAX_SITES. Where there are gaps, objects mostly lie in the order of their ids, and then one look at each is enough. */
static uint32_t find_ids(uint32_t count)
{
	uint32_t base = ids_free;
	struct jst_site_span span;

	for (bool moved = true; moved && base < ids_end;) {
		moved = false;
		for (const struct entry *entry = table; entry < table + table_end; entry++) {
			if (!read_entry(entry, &span) || base >= span.id + span.count || span.id >= base + count)
				continue;
			base = span.id + span.count;
			moved = true;
		}
	}
	return base;
}

static uint32_t find_place(void)
{
	while (table_free < table_end && atomic_load_explicit(&table[table_free].first, memory_order_relaxed))
		table_free++;
	return table_free;
}

/* The place of a new object, or JST_MAX_OBJECTS; *span: those of its sites that have ids, which may be none. */
static uint32_t add(struct jst_site_record *first, size_t count, struct jst_site_span *span)
{
	const uint32_t place = find_place();
	const uint32_t wanted = count < JST_MAX_SITES ? (uint32_t)count : JST_MAX_SITES;
	const uint32_t base = find_ids(wanted);

	*span = (struct jst_site_span){ .first = first, .count = wanted < JST_MAX_SITES - base ? wanted : JST_MAX_SITES - base, .id = base };
	if (place == JST_MAX_OBJECTS)
		span->count = 0;
	if (!span->count)
		return JST_MAX_OBJECTS;
	struct entry *entry = &table[place];

	/* Pairs with the fence in read_entry(): who sees one of these sees that the entry is no longer the former object's. */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&entry->base, base, memory_order_relaxed);
	atomic_store_explicit(&entry->count, span->count, memory_order_relaxed);
	atomic_store_explicit(&entry->first, first, memory_order_release); /* pairs with the acquire in read_entry() */
	if (place >= table_end)
		__atomic_store_n(&table_end, place + 1, __ATOMIC_RELAXED); /* who is in the object sees it, by whatever led there */
	if (base == ids_free)
		ids_free = base + span->count;
	if (base + span->count > ids_end)
		ids_end = base + span->count;
	return place;
}

void jstrace_object_register(struct jstrace_object *object, void *first, void *end)
{
	struct object *own = (struct object *)object;

	if (!jst_process_make())
		return;
	jst_sites_lock();
	if (!own->registered) {
		const size_t count = (size_t)((struct jst_site_record *)end - (struct jst_site_record *)first);
		struct jst_site_span span;
		const uint32_t place = add(first, count, &span);
		const size_t left = count - span.count;

		*own = (struct object){ .place = span.count ? place + 1 : 0, .refused = left < UINT32_MAX - refused ? (uint32_t)left : UINT32_MAX - refused, .registered = 1 };
		sites += span.count;
		refused += own->refused;
		if (span.count)
			jst_watch_come(&span);
	}
	jst_sites_unlock();
}

static void take_back(struct entry *entry)
{
	struct jst_site_span span;

	if (!read_entry(entry, &span))
		return;
	jst_watch_go(&span);
	/* An id is the next's soon: who registers the same records again must not find it in them. */
	for (uint32_t i = 0; expected && i < span.count; i++)
		if (span.first[i].id)
			span.first[i].id = 0;
	atomic_store_explicit(&entry->first, NULL, memory_order_relaxed); /* what follows for the next object is behind a fence: add() */
	sites -= span.count;
	if (span.id < ids_free)
		ids_free = span.id;
	if (span.id + span.count == ids_end)
		ids_end = span.id;
	if (entry - table < (ptrdiff_t)table_free)
		table_free = (uint32_t)(entry - table);
}

void jstrace_object_unregister(struct jstrace_object *object)
{
	struct object *own = (struct object *)object;

	/* As the process ends, other threads go on firing until the last moment. */
	if (!jst_process || atomic_load_explicit(&jst_process_exiting, memory_order_relaxed))
		return;
	jst_sites_lock();
	if (own->registered) {
		if (own->place)
			take_back(&table[own->place - 1]);
		refused -= own->refused;
		*own = (struct object){ 0 };
	}
	jst_sites_unlock();
}

uint32_t jst_sites_base(const struct jstrace_object *object)
{
	const uint32_t place = ((const struct object *)object)->place;

	return place ? atomic_load_explicit(&table[place - 1].base, memory_order_relaxed) : 0;
}
