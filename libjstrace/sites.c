/*
 * The registry of probe sites: a table from id to record, of which only what is used is ever touched.
 *
 * An object's place in the list is emitted by the header, so nothing is allocated here. A record that makes no sense (another version, too long a name) gets no id and is never on.
 */
#include "sites.h"

#include <string.h>

#include "install.h"
#include "jstrace.h"
#include "lock.h"

/* What the library keeps in a struct jstrace_object. */
struct object {
	struct jst_site_record *first, *end;
	uintptr_t registered;
};

_Static_assert(sizeof(struct object) <= sizeof(struct jstrace_object), "an object's place has room");

/* With the lock held; a child's copy is whole because each change is one store. */
static struct jst_site_record *table[JST_MAX_SITES];
static uint32_t table_end = 1;  /* id 0 is nobody's */
static uint32_t table_free = 1; /* no id below is free */

void jst_sites_lock(void)
{
	jst_lock(&jst_process->lock);
}

void jst_sites_unlock(void)
{
	jst_unlock(&jst_process->lock);
}

uint32_t jst_sites_end(void)
{
	return table_end;
}

struct jst_site_record *jst_sites_at(uint32_t id)
{
	return table[id];
}

static const char *follow(const int32_t *reference)
{
	return (const char *)reference + *reference;
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

static bool sound(const struct jst_site_record *record)
{
	const uint32_t length = jst_site_name(record).length;
	const char *key = follow(&record->keys);

	if (record->version != JST_SITE_VERSION || record->fields > JST_MAX_SITE_FIELDS || !length || length > JST_MAX_PROBE_NAME)
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
	for (uint32_t id = 1; id < table_end; id++)
		for (unsigned bit = 0; table[id] && bit < JST_MAX_SESSIONS; bit++)
			jst_site_switch(table[id], bit, false);
}

static uint32_t new_id(void)
{
	while (table_free < JST_MAX_SITES && table[table_free])
		table_free++;
	return table_free < JST_MAX_SITES ? table_free : 0;
}

void jstrace_object_register(struct jstrace_object *object, void *first, void *end)
{
	struct object *place = (struct object *)object;

	if (!jst_process_make())
		return;
	jst_sites_lock();
	if (!place->registered) {
		*place = (struct object){ .first = first, .end = end, .registered = 1 };
		for (struct jst_site_record *record = first; record < place->end; record++) {
			const uint32_t id = sound(record) ? new_id() : 0;

			record->id = id;
			if (!id)
				continue;
			table[id] = record;
			if (id >= table_end)
				table_end = id + 1;
			jst_install_site(record);
		}
	}
	jst_sites_unlock();
}

void jstrace_object_unregister(struct jstrace_object *object)
{
	struct object *place = (struct object *)object;

	/* As the process ends, other threads go on firing until the last moment. */
	if (!jst_process || atomic_load_explicit(&jst_process_exiting, memory_order_relaxed))
		return;
	jst_sites_lock();
	if (place->registered) {
		for (struct jst_site_record *record = place->first; record < place->end; record++) {
			const uint32_t id = record->id;

			if (!id)
				continue;
			jst_install_forget(record);
			table[id] = NULL;
			record->id = 0;
			if (id < table_free)
				table_free = id;
		}
		place->registered = 0;
	}
	jst_sites_unlock();
}
