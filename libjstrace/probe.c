/*
 * The probe path: from the stub, or jstrace_fire(), to the sessions that watch. Nothing here allocates, locks, makes a system call (but a thread's first gettid) or changes errno.
 */
#include <string.h>
#include <sys/prctl.h>

#include "install.h"
#include "jstrace.h"
#include "stub.h"
#include "table.h"
#include "thread.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

_Static_assert((int)JSTRACE_TYPE_INT == (int)JST_FIELD_INT && (int)JSTRACE_TYPE_UINT == (int)JST_FIELD_UINT && (int)JSTRACE_TYPE_BOOL == (int)JST_FIELD_BOOL && (int)JSTRACE_TYPE_DOUBLE == (int)JST_FIELD_DOUBLE &&
               (int)JSTRACE_TYPE_STRING == (int)JST_FIELD_STRING && (int)JSTRACE_TYPE_BYTES == (int)JST_FIELD_BYTES && (int)JSTRACE_TYPE_POINTER == (int)JST_FIELD_POINTER &&
               (int)JSTRACE_MAX_FIELDS == (int)JST_MAX_SITE_FIELDS, "the header and the runtime agree");

/* The session of index i as long as this event lasts, or NULL. Pairs with the release in jst_install_start(), and with the barrier in jst_install_stop(). */
static inline struct jst_installed *session(unsigned i)
{
	return atomic_load_explicit(&jst_process->sessions[i], memory_order_acquire);
}

/* A script computes with doubles where the program may have asked for SIGFPE, or be about to look at its exception flags: nothing is raised here, and the flags stay as they were. */
static inline unsigned keep_floating(void)
{
#if defined(__SSE2__)
	const unsigned control = _mm_getcsr();

	if (__builtin_expect((control & _MM_MASK_MASK) != _MM_MASK_MASK, 0))
		_mm_setcsr(control | _MM_MASK_MASK);
	return control;
#else
	return 0; /* arm64: no processor that we know of traps */
#endif
}

static inline void restore_floating(unsigned control)
{
#if defined(__SSE2__)
	if (__builtin_expect(_mm_getcsr() != control, 0))
		_mm_setcsr(control);
#else
	(void)control;
#endif
}

static void claim(struct jst_installed *installed, struct jst_thread *thread)
{
	jst_session_claim(&installed->run, &thread->runner);
	if (installed->uses_comm)
		prctl(PR_GET_NAME, installed->run.memory.slots[thread->runner.slot].comm);
	thread->claimed[installed->index] = installed->serial;
}

static inline void run(struct jst_installed *installed, struct jst_thread *thread, const struct jst_binding *binding, const uint64_t *words)
{
	if (__builtin_expect(thread->claimed[installed->index] != installed->serial, 0))
		claim(installed, thread);
	jst_session_event(&installed->run, &thread->runner, binding, words);
}

void jst_probe_dispatch(const uint64_t *words, const struct jst_site_record *record)
{
	uint32_t watchers = jst_site_watchers(record);

	/* Only an SDT tool watches. */
	if (!watchers)
		return;
	/* The frame begins with the stub's frame pointer, and that is where the stub keeps its caller's and the address to return to. */
	struct jst_thread *thread = jst_thread_enter((uintptr_t)__builtin_frame_address(0), watchers);

	if (!thread)
		return;
	const unsigned floating = keep_floating();

	for (; watchers; watchers &= watchers - 1) {
		struct jst_installed *installed = session((unsigned)__builtin_ctz(watchers));

		if (!installed)
			continue;
		const struct jst_bound *bound = atomic_load_explicit(&installed->bound[record->id], memory_order_acquire); /* pairs with bind.c */

		if (bound)
			run(installed, thread, &bound->binding, words);
	}
	restore_floating(floating);
	jst_thread_leave(thread);
}

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
	const unsigned floating = keep_floating();

	for (; watchers; watchers &= watchers - 1) {
		struct jst_installed *installed = session((unsigned)__builtin_ctz(watchers));
		const struct jst_binding *binding = installed ? jst_table_find(installed, &probe, hash, thread->runner.slot) : NULL;

		if (binding)
			run(installed, thread, binding, words);
	}
	restore_floating(floating);
	jst_thread_leave(thread);
}

static uint32_t watched(void)
{
	/* A hint; the sessions' pointers decide. */
	return jst_process ? atomic_load_explicit(&jst_process->watched, memory_order_relaxed) : 0;
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
		struct jst_installed *installed = session((unsigned)__builtin_ctz(watchers));

		enabled = installed && jst_table_matches(installed, text);
	}
	jst_thread_leave(thread);
	return enabled;
}
