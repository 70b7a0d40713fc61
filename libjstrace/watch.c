/*
 * Sites and sessions.
 *
 * A site that comes back as it was (dlopen after dlclose) takes up the binding it had, so that an object that comes and goes costs no memory.
 */
#include "watch.h"

#include <string.h>

#include "hash.h"
#include "leaf.h"
#include "match.h"
#include "raw.h"

/* Sites between two releases of the lock, tenths of a millisecond: where all are bound, and where none is. */
enum { STEP_BINDING = 64, STEP = 1024 };

static bool is_watched(const struct jst_installed *installed, uint32_t id)
{
	return installed->watched[id / 64] >> id % 64 & 1;
}

/* The first watched id from that one on, or end. */
static uint32_t next_watched(const struct jst_installed *installed, uint32_t id, uint32_t end)
{
	while (id < end) {
		const uint64_t word = installed->watched[id / 64] >> id % 64;

		if (word) {
			id += (uint32_t)__builtin_ctzll(word);
			return id < end ? id : end;
		}
		id = (id / 64 + 1) * 64;
	}
	return end;
}

/* ---- bindings that wait for their site to come back ---- */

static bool same_probe(const struct jst_probe *a, const struct jst_probe *b)
{
	if (a->line != b->line || a->fields != b->fields || !jst_string_equal(a->name, b->name) || !jst_string_equal(a->file, b->file))
		return false;
	for (uint32_t i = 0; i < a->fields; i++)
		if (a->field[i].type != b->field[i].type || !jst_string_equal(a->field[i].name, b->field[i].name))
			return false;
	return true;
}

static struct jst_bound **retired_list(struct jst_installed *installed, const struct jst_probe *probe)
{
	return &installed->retired[(jst_hash(probe->name.bytes, probe->name.length) + probe->line) % JST_RETIRED_LISTS];
}

static void retire(struct jst_installed *installed, struct jst_bound *bound)
{
	struct jst_bound **list = retired_list(installed, &bound->binding.probe);

	bound->retired = *list;
	*list = bound;
	installed->retired_count++;
}

static struct jst_bound *take_up(struct jst_installed *installed, const struct jst_probe *probe)
{
	for (struct jst_bound **link = retired_list(installed, probe); installed->retired_count && *link; link = &(*link)->retired) {
		struct jst_bound *bound = *link;

		if (!same_probe(&bound->binding.probe, probe))
			continue;
		*link = bound->retired;
		installed->retired_count--;
		return bound;
	}
	return NULL;
}

/* ---- watching ---- */

/* Another session's guard of the site gives way: while both watch, none holds. */
static void hint(struct jst_installed *installed, struct jst_site_record *record, uint32_t id, const struct jst_binding *binding)
{
	uint64_t guard = jst_guard_of(binding, installed->index);
	_Atomic uint64_t *guards = atomic_load_explicit(&jst_process->guards, memory_order_relaxed);

	if (guard && !guards) {
		guards = jst_raw_memory(JST_MAX_SITES * sizeof(*guards));
		guard = guards ? guard : 0;
		atomic_store_explicit(&jst_process->guards, guards, memory_order_release); /* pairs with leaf.c */
	}
	if (guards && (guard || record->leaf & JST_HINT_GUARD))
		atomic_store_explicit(&guards[id], guard, memory_order_relaxed);
	jst_leaf_hint(record, JST_HINT_GUARD, guard);
	jst_leaf_hint(record, JST_HINT_WAYS & ~jst_leaf_way(binding), false);
	jst_leaf_hint(record, jst_leaf_way(binding), true);
}

/* Takes away the guard of a site that is the session's, before the session's index is another's or the site's id. */
static void unhint(const struct jst_installed *installed, const struct jst_site_record *record, uint32_t id)
{
	_Atomic uint64_t *guards = atomic_load_explicit(&jst_process->guards, memory_order_relaxed);

	if (record->leaf & JST_HINT_GUARD && guards && JST_GUARD_WATCHERS(atomic_load_explicit(&guards[id], memory_order_relaxed)) == 1U << installed->index)
		atomic_store_explicit(&guards[id], 0, memory_order_relaxed);
}

static void bind_one(struct jst_installed *installed, struct jst_site_record *record, uint32_t id)
{
	struct jst_probe probe;
	bool full;

	if (!installed->retired_count && installed->bound_early == JST_BOUND_EARLY)
		return;
	jst_site_describe(record, &probe);
	struct jst_bound *bound = take_up(installed, &probe);

	if (!bound && installed->bound_early < JST_BOUND_EARLY) {
		bound = jst_install_bind(installed, &probe, &full);
		installed->bound_early++;
	}
	if (!bound)
		return;
	jst_site_id(record);
	atomic_store_explicit(&installed->bound[id], bound, memory_order_release); /* pairs with the acquire in probe.c */
	hint(installed, record, id, &bound->binding);
}

/* Watches the sites of the span whose names match, and which it does not watch yet; how many. */
static uint32_t watch(struct jst_installed *installed, const struct jst_site_span *span)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < span->count; i++) {
		struct jst_site_record *record = &span->first[i];
		const uint32_t id = span->id + i;

		/* The name first: of most sites nothing else is looked at. */
		if (record->version != JST_SITE_VERSION || is_watched(installed, id) || !jst_match_name(installed->match, jst_site_name(record)) || !jst_site_sound(record))
			continue;
		if (record->kind == JST_SITE_EVENT)
			bind_one(installed, record, id);
		installed->watched[id / 64] |= UINT64_C(1) << id % 64;
		found++;
	}
	return found;
}

static void switch_span(struct jst_installed *installed, const struct jst_site_span *span, bool on)
{
	const uint32_t end = span->id + span->count;

	for (uint32_t id = next_watched(installed, span->id, end); id < end; id = next_watched(installed, id + 1, end)) {
		struct jst_site_record *record = &span->first[id - span->id];

		jst_site_switch(record, installed->index, on);
		if (!on)
			unhint(installed, record, id);
	}
}

void jst_watch_switch(struct jst_installed *installed, bool on)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span;

	while (jst_sites_walk(&cursor, STEP, &span)) {
		switch_span(installed, &span, on);
		jst_sites_breathe();
	}
}

/* Names by their hashes: of each its place tells one half and what lies there the other, so that of a million names two are hardly ever taken for one. */
struct names {
	uint32_t *place;
	uint32_t places, room;
};

static void count_site(struct jst_installed *installed, struct names *names, struct jst_string name)
{
	const uint64_t hash = jst_hash(name.bytes, name.length);
	const uint32_t other = (uint32_t)hash | 1;
	uint32_t at = (uint32_t)((hash >> 32) * names->places >> 32);

	if (!names->room)
		return;
	names->room--;
	installed->sites++;
	while (names->place[at] && names->place[at] != other)
		at = at + 1 < names->places ? at + 1 : 0;
	installed->probes += !names->place[at];
	names->place[at] = other;
}

/* Counts the sites that are watched, but for guards, and their names: as many as were found, not what came since. */
static bool count(struct jst_installed *installed, uint32_t found)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span;
	struct names names = { .places = found + found / 2 + 1, .room = found };
	const size_t size = names.places * sizeof(*names.place);

	/* What the kernel does for it takes longer than a step. */
	jst_sites_unlock();
	void *memory = jst_raw_memory(size);

	if (memory)
		jst_raw_advise(memory, size, MADV_POPULATE_WRITE);
	jst_sites_lock();
	if (!memory)
		return false;
	names.place = memory;
	while (jst_sites_walk(&cursor, STEP, &span)) {
		const uint32_t end = span.id + span.count;

		for (uint32_t id = next_watched(installed, span.id, end); id < end; id = next_watched(installed, id + 1, end))
			if (span.first[id - span.id].kind != JST_SITE_GUARD)
				count_site(installed, &names, jst_site_name(&span.first[id - span.id]));
		jst_sites_breathe();
	}
	jst_sites_unlock();
	jst_raw_unmap(memory, size);
	jst_sites_lock();
	return true;
}

bool jst_watch_all(struct jst_installed *installed)
{
	struct jst_site_cursor cursor = { 0 };
	struct jst_site_span span;
	uint32_t found = 0;

	while (jst_sites_walk(&cursor, installed->bound_early < JST_BOUND_EARLY ? STEP_BINDING : STEP, &span)) {
		found += watch(installed, &span);
		jst_sites_breathe();
	}
	return count(installed, found);
}

/* ---- objects that come and go ---- */

void jst_watch_come(const struct jst_site_span *span)
{
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++) {
		struct jst_installed *installed = jst_process->prepared[i];

		/* Of one that ends nothing is put down any more, for who takes it away may be past here. All of them are found before one is on: sites of one name have one word, and a thread of an earlier constructor may be there already. */
		if (installed && !installed->ending && watch(installed, span) && installed->running)
			switch_span(installed, span, true);
	}
}

static void forget(struct jst_installed *installed, const struct jst_site_span *span)
{
	const uint32_t end = span->id + span->count;

	switch_span(installed, span, false);
	for (uint32_t id = next_watched(installed, span->id, end); id < end; id = next_watched(installed, id + 1, end)) {
		struct jst_bound *bound = (struct jst_bound *)atomic_load_explicit(&installed->bound[id], memory_order_acquire); /* pairs with jst_table_site(), where it may have been made */

		atomic_store_explicit(&installed->bound[id], NULL, memory_order_relaxed);
		/* The binding stays whole: a thread may still be inside with it. */
		if (bound)
			retire(installed, bound);
		installed->watched[id / 64] &= ~(UINT64_C(1) << id % 64);
	}
}

void jst_watch_go(const struct jst_site_span *span)
{
	bool any = false;

	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++) {
		if (jst_process->prepared[i]) {
			forget(jst_process->prepared[i], span);
			any = true;
		}
	}
	/* Others may come to lie where these did: what threads know of a site (struct jst_hot) is over. */
	if (any)
		jst_install_changed();
}
