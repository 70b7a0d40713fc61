/*
 * The probe path: from the stub, or jstrace_fire(), to the sessions that watch. Nothing here allocates, locks, makes a system call (but a thread's first gettid) or changes errno.
 */
#include <string.h>

#include "event.h"
#include "jstrace.h"
#include "leaf.h"
#include "run.h"
#include "stub.h"
#include "table.h"

_Static_assert((int)JSTRACE_TYPE_INT == (int)JST_FIELD_INT && (int)JSTRACE_TYPE_UINT == (int)JST_FIELD_UINT && (int)JSTRACE_TYPE_BOOL == (int)JST_FIELD_BOOL && (int)JSTRACE_TYPE_DOUBLE == (int)JST_FIELD_DOUBLE &&
               (int)JSTRACE_TYPE_STRING == (int)JST_FIELD_STRING && (int)JSTRACE_TYPE_BYTES == (int)JST_FIELD_BYTES && (int)JSTRACE_TYPE_POINTER == (int)JST_FIELD_POINTER &&
               (int)JSTRACE_MAX_FIELDS == (int)JST_MAX_SITE_FIELDS, "the header and the runtime agree");

/* Any number of sessions, on a thread in any state. */
static __attribute__((noinline)) void dispatch_any(const uint64_t *words, const struct jst_site_record *record, uintptr_t frame, uint32_t watchers)
{
	struct jst_thread *thread = jst_thread_enter(frame, watchers);

	if (!thread)
		return;
	for (; watchers; watchers &= watchers - 1) {
		struct jst_installed *installed = jst_event_session((unsigned)__builtin_ctz(watchers));
		const struct jst_bound *bound = installed ? jst_event_bound(installed, record) : NULL;
		const struct jst_binding *binding = bound ? &bound->binding : installed ? jst_table_site(installed, record, thread->runner.slot) : NULL;

		if (binding && jst_plan_passes(binding, words))
			jst_event_run(installed, thread, binding, words);
	}
	jst_thread_leave(thread);
}

/* Puts down what the short way needs of the site. The epoch is read first: whatever makes this untrue changes it later, so it is never believed too long. */
static void warm(const struct jst_installed *installed, const struct jst_site_record *record, const struct jst_bound *bound, struct jst_thread *thread)
{
	struct jst_hot *hot = jst_leaf_hot(thread, record);
	const uint32_t epoch = atomic_load_explicit(&jst_process->epoch, memory_order_acquire);

	if (hot->record == record && hot->epoch == epoch)
		return;
	if (thread->claimed[installed->index] != installed->serial || jst_site_watchers(record) != 1U << installed->index || jst_event_session(installed->index) != installed || jst_event_bound(installed, record) != bound)
		return;
	hot->record = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	hot->run = jst_run_of(&installed->run, thread->runner.slot);
	hot->binding = &bound->binding;
	hot->epoch = epoch;
	/* Last: a signal handler may leave this event anywhere. */
	atomic_signal_fence(memory_order_seq_cst);
	hot->record = record;
}

static __attribute__((noinline)) void run_one(const uint64_t *words, struct jst_installed *installed, const struct jst_site_record *record, const struct jst_bound *bound, struct jst_thread *thread)
{
	jst_event_run(installed, thread, &bound->binding, words);
	if (JST_HAS_LEAF && __builtin_expect(bound->binding.flags & JST_BINDING_SHORT, 0))
		warm(installed, record, bound, thread);
	jst_thread_leave(thread);
}

/* The site fires for the first time in a session that has not bound it yet. */
static __attribute__((noinline)) void run_unbound(const uint64_t *words, struct jst_installed *installed, const struct jst_site_record *record, struct jst_thread *thread)
{
	const struct jst_binding *binding = jst_table_site(installed, record, thread->runner.slot);

	if (binding && jst_plan_passes(binding, words))
		jst_event_run(installed, thread, binding, words);
	jst_thread_leave(thread);
}

/* One session, on a thread that has entered: an event that no clause wants costs neither registers to keep nor a call. */
static inline __attribute__((always_inline)) void dispatch_one(const uint64_t *words, const struct jst_site_record *record, struct jst_thread *thread, uint32_t watchers)
{
	struct jst_installed *installed = jst_event_session((unsigned)__builtin_ctz(watchers));
	const struct jst_bound *bound = installed ? jst_event_bound(installed, record) : NULL;

	if (__builtin_expect(bound && jst_plan_passes(&bound->binding, words), 1)) {
		run_one(words, installed, record, bound, thread);
		return;
	}
	if (__builtin_expect(installed && !bound, 0)) {
		run_unbound(words, installed, record, thread);
		return;
	}
	jst_thread_leave(thread);
}

void jst_probe_dispatch(const uint64_t *words, const struct jst_site_record *record, const struct jst_frame *const *innermost)
{
	const uint32_t watchers = jst_site_watchers(record);
	const uintptr_t frame = (uintptr_t)innermost;

	if (__builtin_expect(watchers & (watchers - 1), 0)) {
		dispatch_any(words, record, frame, watchers);
		return;
	}
	/* Only an SDT tool watches. */
	if (__builtin_expect(!watchers, 0))
		return;
	uint64_t sequence;
	struct jst_thread *thread = jst_thread_enter_straight(frame, &sequence);

	if (__builtin_expect(!thread, 0)) {
		dispatch_any(words, record, frame, watchers);
		return;
	}
	dispatch_one(words, record, thread, watchers);
}

void jst_probe_begun(const uint64_t *words, const struct jst_site_record *record, const struct jst_frame *const *innermost)
{
	struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);
	const uint32_t watchers = jst_site_watchers(record);

	atomic_store_explicit(&thread->frame, (uintptr_t)innermost, memory_order_relaxed);
	/* Others may have come since, or all be gone. */
	if (__builtin_expect(!watchers || watchers & (watchers - 1), 0)) {
		jst_thread_leave(thread);
		jst_probe_dispatch(words, record, innermost);
		return;
	}
	dispatch_one(words, record, thread, watchers);
}

#if JST_HAS_LEAF
void jst_probe_left(const uint64_t *words, const struct jst_site_record *record, const struct jst_frame *const *innermost)
{
	struct jst_thread *thread = __atomic_load_n(&jst_thread_own, __ATOMIC_RELAXED);
	const struct jst_hot *hot = jst_leaf_hot(thread, record);

	atomic_store_explicit(&thread->frame, (uintptr_t)innermost, memory_order_relaxed);
	/* A child that a signal handler forked meanwhile knows nothing any more. */
	if (hot->record == record)
		jst_run_left(hot->run, hot->binding, words);
	jst_thread_leave(thread);
}
#endif

/* The event's description and words; false: not one that a probe may have. */
static bool describe(struct jst_probe *probe, uint64_t *words, const char *name, const struct jstrace_field *fields, size_t count)
{
	uint8_t word = 0;
	const size_t length = name ? strnlen(name, JST_MAX_PROBE_NAME + 1) : 0;

	if (!length || length > JST_MAX_PROBE_NAME || count > JST_MAX_SITE_FIELDS)
		return false;
	probe->name = (struct jst_string){ name, (uint32_t)length };
	probe->file = (struct jst_string){ "", 0 };
	probe->line = 0;
	probe->fields = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		const size_t key = fields[i].key ? strnlen(fields[i].key, JST_MAX_FIELD_NAME + 1) : SIZE_MAX;

		if (key > JST_MAX_FIELD_NAME || fields[i].type == JST_FIELD_ABSENT || fields[i].type >= JST_FIELD_TYPES)
			return false;
		probe->field[i] = (struct jst_field){ .name = { fields[i].key, (uint32_t)key }, .type = (uint8_t)fields[i].type, .word = word };
		words[word++] = fields[i].value.u;
		if (fields[i].type == JST_FIELD_BYTES)
			words[word++] = fields[i].length;
	}
	return true;
}

/* Apart from jstrace_fire(), so that its stack is taken only while somebody watches. caller: where jstrace_fire() returns to. */
__attribute__((noinline)) static void fire(uint32_t watchers, const char *name, const struct jstrace_field *fields, size_t count, const void *caller)
{
	/* As a site's: what jst_thread_enter() is given begins with the address of the frame that stack() starts from. The frame pointer that ours keeps is the caller's, or jstrace_fire()'s if that has one. */
	const struct {
		const struct jst_frame *innermost;
		struct jst_frame frame;
	} entry = { &entry.frame, { *(const uintptr_t *)__builtin_frame_address(0), (uintptr_t)caller } };
	uint64_t words[JST_MAX_SITE_WORDS];
	struct jst_probe probe;

	if (!describe(&probe, words, name, fields, count))
		return;
	struct jst_thread *thread = jst_thread_enter((uintptr_t)&entry, watchers);

	if (!thread)
		return;
	const uint64_t hash = jst_table_hash(probe.name, probe.field, probe.fields);

	for (; watchers; watchers &= watchers - 1) {
		struct jst_installed *installed = jst_event_session((unsigned)__builtin_ctz(watchers));
		const struct jst_binding *binding = installed ? jst_table_find(installed, &probe, hash, thread->runner.slot) : NULL;

		if (binding && jst_plan_passes(binding, words))
			jst_event_run(installed, thread, binding, words);
	}
	jst_thread_leave(thread);
}

static uint32_t watched(void)
{
	/* A hint; the sessions' pointers decide. */
	return jst_process ? atomic_load_explicit(&jst_process->watched, memory_order_relaxed) & ~JST_WATCHED_HERE : 0;
}

void jstrace_fire(const char *name, const struct jstrace_field *fields, size_t count)
{
	const uint32_t watchers = watched();

	if (__builtin_expect(watchers != 0, 0))
		fire(watchers, name, fields, count, __builtin_return_address(0));
}

int jstrace_enabled(const char *name)
{
	uint32_t watchers = watched();
	int enabled = 0;

	if (!watchers)
		return 0;
	const struct jst_string text = { name, (uint32_t)strnlen(name, JST_MAX_PROBE_NAME + 1) };
	struct jst_thread *thread = jst_thread_enter((uintptr_t)__builtin_frame_address(0), 0);

	/* Inside another probe: whatever fires now is skipped. */
	if (!thread)
		return 0;
	for (; watchers && !enabled; watchers &= watchers - 1) {
		struct jst_installed *installed = jst_event_session((unsigned)__builtin_ctz(watchers));

		enabled = installed && jst_table_matches(installed, text);
	}
	jst_thread_leave(thread);
	return enabled;
}
