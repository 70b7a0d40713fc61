/*
 * Named probes: sites in one mapping that grows no further, with the words at its beginning, so that a record reaches its word by a relative reference as a compiled one does.
 */
#include "named.h"

#include <string.h>
#include <sys/mman.h>

#include "event.h"
#include "hash.h"
#include "jstrace.h"
#include "lock.h"
#include "table.h"

/* A site as the header's assembly would have emitted it. */
struct named {
	struct jstrace_object object;
	struct jst_site_record record;
	char nothing;
	char name[JST_MAX_PROBE_NAME + 1];
};

struct pool {
	uint32_t word[JST_NAMED_MAX];
	uint64_t hash[JST_NAMED_MAX];
	struct named named[JST_NAMED_MAX];
};

/* With jst_process->named_lock; pool is written once. */
static struct pool *pool;
static uint32_t count;

static struct pool *map_pool(void)
{
	if (!pool) {
		void *memory = mmap(NULL, sizeof(struct pool), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		pool = memory == MAP_FAILED ? NULL : memory;
	}
	return pool;
}

uint32_t *jst_named_words(void)
{
	if (!jst_process)
		return NULL;
	jst_lock(&jst_process->named_lock);
	uint32_t *words = map_pool() ? pool->word : NULL;

	atomic_store_explicit(&jst_process->named, true, memory_order_relaxed); /* by itself */
	jst_unlock(&jst_process->named_lock);
	return words;
}

static int32_t reference(const int32_t *from, const void *to)
{
	return (int32_t)((const char *)to - (const char *)from);
}

static struct jst_site_record *make(const char *name, size_t length, uint64_t hash)
{
	struct named *named = &pool->named[count];
	struct jst_site_record *record = &named->record;

	memcpy(named->name, name, length);
	*record = (struct jst_site_record){ .version = JST_SITE_VERSION, .kind = JST_SITE_NAMED };
	record->name = reference(&record->name, named->name);
	record->keys = reference(&record->keys, &named->nothing);
	record->file = reference(&record->file, &named->nothing);
	record->word = reference(&record->word, &pool->word[count]);
	pool->hash[count] = hash;
	jstrace_object_register(&named->object, record, record + 1);
	jst_site_id(record); /* at once: that it has one is how jst_named_at() knows it */
	count++;
	return record;
}

struct jst_site_record *jst_named_site(const char *name, size_t length, uint32_t *index)
{
	struct jst_site_record *record = NULL;
	const uint64_t hash = jst_hash(name, length);

	if (!jst_process || !length || length > JST_MAX_PROBE_NAME || memchr(name, 0, length))
		return NULL;
	jst_lock(&jst_process->named_lock);
	if (map_pool()) {
		uint32_t at = 0;

		while (at < count && (pool->hash[at] != hash || strncmp(pool->named[at].name, name, length) != 0 || pool->named[at].name[length]))
			at++;
		*index = at;
		if (at < count)
			record = &pool->named[at].record;
		else if (count < JST_NAMED_MAX)
			record = make(name, length, hash);
	}
	jst_unlock(&jst_process->named_lock);
	/* There was no id left for it. */
	return record && record->id ? record : NULL;
}

const struct jst_site_record *jst_named_at(uint32_t index)
{
	/* Who was given the index was given the site with it: nothing changes any more. */
	return index < JST_NAMED_MAX && pool->named[index].record.id ? &pool->named[index].record : NULL;
}

void jst_named_stir(void)
{
	jst_sites_lock();
	jst_install_changed();
	jst_sites_unlock();
}

static void add_field(struct jst_wanted *wanted, struct jst_string name)
{
	for (uint32_t i = 0; i < wanted->count; i++)
		if (wanted->field[i].length == name.length && memcmp(wanted->field[i].name, name.bytes, name.length) == 0)
			return;
	if (wanted->count == JST_MAX_SITE_FIELDS || name.length > JST_MAX_FIELD_NAME) {
		wanted->more = true;
		return;
	}
	wanted->field[wanted->count].length = name.length;
	memcpy(wanted->field[wanted->count].name, name.bytes, name.length);
	wanted->field[wanted->count++].name[name.length] = 0;
}

/* What the clauses that match read: a program has others. */
static void add_wanted(struct jst_wanted *wanted, const struct jst_program *program, struct jst_string probe)
{
	static uint16_t matching[JST_MAX_CLAUSES]; /* with the registry's lock */
	const struct jst_clause_decl *clauses = jst_program_section(program, JST_SECTION_CLAUSES);
	const struct jst_insn *code = jst_program_section(program, JST_SECTION_CODE);
	const struct jst_string_ref *fields = jst_program_section(program, JST_SECTION_FIELDS);
	const uint32_t matches = jst_probe_clauses(program, probe, matching);
	bool all = false, whole = false;

	for (uint32_t c = 0; c < matches; c++) {
		const struct jst_clause_decl *clause = &clauses[matching[c]];

		for (uint32_t i = 0; i < clause->insns; i++) {
			const struct jst_insn *insn = &code[clause->first_insn + i];

			all |= insn->op == JST_OP_EVENT;
			if (insn->op != JST_OP_FIELD)
				continue;
			const struct jst_string name = jst_program_string(program, fields[insn->imm]);

			whole |= name.length == strlen(JST_WHOLE) && memcmp(name.bytes, JST_WHOLE, name.length) == 0;
			add_field(wanted, name);
		}
	}
	wanted->all |= all && !whole;
}

void jst_named_wanted(struct jst_string name, struct jst_wanted *wanted)
{
	wanted->all = wanted->more = false;
	wanted->count = 0;
	wanted->string_size = 0;
	jst_sites_lock();
	wanted->epoch = atomic_load_explicit(&jst_process->epoch, memory_order_relaxed); /* changes with the lock held */
	for (unsigned i = 0; i < JST_MAX_SESSIONS; i++) {
		const struct jst_installed *installed = jst_process->prepared[i];

		if (!installed)
			continue;
		if (wanted->string_size < installed->run.string_size)
			wanted->string_size = installed->run.string_size;
		add_wanted(wanted, installed->run.program, name);
	}
	jst_sites_unlock();
}

/* The binding for an event of these types, kept or found by its hash. */
static const struct jst_binding *look_up(struct jst_installed *installed, struct jst_named_kept *kept, const struct jst_probe *probe, uint64_t types, uint64_t *hash, uint32_t slot)
{
	enum { KEPT = sizeof(((struct jst_named_cache *)0)->kept[0]) / sizeof(struct jst_named_kept) };
	struct jst_named_kept *oldest = kept;

	for (unsigned i = 0; kept && i < KEPT; i++) {
		if (kept[i].serial == installed->serial && kept[i].types == types)
			return kept[i].binding;
		if (kept[i].age < oldest->age)
			oldest = &kept[i];
	}
	if (!*hash)
		*hash = jst_table_hash(probe->name, probe->field, probe->fields);
	const struct jst_binding *binding = jst_table_find(installed, probe, *hash, slot);

	/* One that is made for this event alone is not kept. */
	if (kept && binding && binding != &jst_unkept_of(installed, slot)->binding) {
		const uint32_t age = oldest->age + KEPT;

		*oldest = (struct jst_named_kept){ .serial = installed->serial, .age = age, .types = types, .binding = binding };
	}
	return binding;
}

__attribute__((noinline)) void jst_named_fire(const struct jst_site_record *record, struct jst_named_cache *cache, const struct jst_probe *probe, uint64_t types, const uint64_t *words, uint32_t epoch, uint32_t lost)
{
	uint32_t watchers = jst_site_watchers(record);

	if (!watchers)
		return;
	/* As a site's: what jst_thread_enter() is given begins with the address of the frame that stack() starts from. */
	const struct {
		const struct jst_frame *innermost;
		struct jst_frame frame;
	} entry = { &entry.frame, { *(const uintptr_t *)__builtin_frame_address(0), (uintptr_t)__builtin_return_address(0) } };
	struct jst_thread *thread = jst_thread_enter((uintptr_t)&entry, watchers);

	if (!thread)
		return;
	uint64_t hash = 0;

	for (; watchers; watchers &= watchers - 1) {
		const unsigned index = (unsigned)__builtin_ctz(watchers);
		struct jst_installed *installed = jst_event_session(index);

		if (!installed || (int32_t)(epoch - installed->since) < 0)
			continue;
		const struct jst_binding *binding = look_up(installed, cache ? cache->kept[index] : NULL, probe, types, &hash, thread->runner.slot);

		if (!binding)
			continue;
		if (jst_plan_passes(binding, words))
			jst_event_run(installed, thread, binding, words);
		else if (__builtin_expect(lost != 0 && thread->claimed[index] != installed->serial, 0))
			jst_event_claim(installed, thread);
		if (__builtin_expect(lost != 0, 0))
			jst_slot_lose_many(&installed->run.memory.slots[thread->runner.slot], JST_LOSS_VALUES, lost);
	}
	jst_thread_leave(thread);
}
