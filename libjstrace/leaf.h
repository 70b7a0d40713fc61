/*
 * The short way through a probe (leaf.c): to the end of an event of which nothing comes, one more, or a time.
 *
 * Where one clause is bound to a site, and begins with a test that may end it, that test is put down as one word, a guard, with the only session that watches. An event that fails it is over before it has begun: neither the thread's record nor the session is looked at. The word alone decides, so it needs no
 * pointer that might be freed. It is taken away when the session ends, before another one can have its index; who still reads the old word had begun before that.
 */
#ifndef JST_LEAF_H
#define JST_LEAF_H

#include "process.h"
#include "sites.h"

/* What a site's record says, in its member leaf: hints, for the words and bindings decide. */
enum {
	JST_HINT_LEAF = 1,  /* jst_probe_leaf() may do */
	JST_HINT_GUARD = 2, /* there may be a guard */
	JST_HINT_START = 4, /* jst_probe_start() may do */
	JST_HINT_END = 8,   /* jst_probe_end() may do */
	JST_HINT_WAYS = JST_HINT_LEAF | JST_HINT_START | JST_HINT_END,
};

/* The short way that a binding may take, as hints. */
static inline uint8_t jst_leaf_way(const struct jst_binding *binding)
{
	return (uint8_t)((binding->flags & JST_BINDING_LEAF ? JST_HINT_LEAF : 0) | (binding->flags & JST_BINDING_STARTS ? JST_HINT_START : 0) | (binding->flags & JST_BINDING_ENDS ? JST_HINT_END : 0));
}

enum jst_leaf {
	JST_LEAF_DONE,
	JST_LEAF_NOT,   /* nothing was done: jst_probe_dispatch() must */
	JST_LEAF_BEGUN, /* the thread has entered, and that is all: jst_probe_begun() must go on */
	JST_LEAF_LEFT,  /* the thread has entered, and something was done: jst_probe_left() must do what is left */
};

/* What the stub has at its stack pointer as it calls them. Registers that carry something there or back would not do: no_caller_saved_registers does not make clang keep that of an argument, and without optimisation it keeps that of the result, so that there is none. */
struct jst_leaf_call {
	uint64_t answer; /* enum jst_leaf; NOT until it is told */
	const struct jst_site_record *record;
	const uint64_t *words;
};

/* A guard's bits. 0: none. */
#define JST_GUARD_CONSTANT(guard) ((int64_t)(int32_t)(guard))
#define JST_GUARD_WORD(guard) ((guard) >> 32 & 0xff)
#define JST_GUARD_EQUAL (UINT64_C(1) << 40)    /* the word must equal the constant; without: be at most as large */
#define JST_GUARD_INVERTED (UINT64_C(1) << 41) /* and must not, with this */
#define JST_GUARD_WATCHERS(guard) ((guard) >> 48)

/* The guard of a binding of the session of that index, or 0. Context: agent. */
static inline uint64_t jst_guard_of(const struct jst_binding *binding, uint32_t index)
{
	const struct jst_guard *test = &binding->plan->guard;
	const uint64_t least = (uint64_t)INT64_MIN, rest = (uint64_t)test->word << 32 | UINT64_C(1) << (48 + index);
	int64_t constant = (int64_t)test->low;
	uint64_t kind = 0;

	_Static_assert(JST_MAX_SESSIONS <= 16 && JST_MAX_SITE_WORDS <= 256, "a guard is a word");
	if (binding->clauses != 1 || !(binding->flags & JST_BINDING_GUARDED))
		return 0;
	if (!test->span)
		kind = JST_GUARD_EQUAL;
	else if (test->low == least)
		constant = (int64_t)(test->low + test->span);
	else if (test->low + test->span == (uint64_t)INT64_MAX)
		constant--, kind = JST_GUARD_INVERTED; /* at least so large: not at most one less */
	else
		return 0;
	if (test->inverted)
		kind ^= JST_GUARD_INVERTED;
	return constant == (int32_t)constant ? rest | kind | (uint32_t)constant : 0;
}

/* Puts down or takes away hints. Threads that bind a site and the agent may do so at once, and none is lost. Context: any. */
static inline void jst_leaf_hint(struct jst_site_record *record, uint8_t hint, bool on)
{
	if (!(__atomic_load_n(&record->leaf, __ATOMIC_RELAXED) & hint) == !on)
		return;
	if (on)
		__atomic_fetch_or(&record->leaf, hint, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&record->leaf, (uint8_t)~hint, __ATOMIC_RELAXED);
}

/* Whether the event of a site that these sessions watch fails the guard. Context: probe. */
static inline bool jst_guard_refuses(uint64_t guard, uint32_t watchers, const uint64_t *words)
{
	if (JST_GUARD_WATCHERS(guard) != watchers)
		return false;
	const int64_t word = (int64_t)words[JST_GUARD_WORD(guard)], constant = JST_GUARD_CONSTANT(guard);

	return (guard & JST_GUARD_EQUAL ? word == constant : word <= constant) == !!(guard & JST_GUARD_INVERTED);
}

/* Where the thread keeps what it knows of a site. */
static inline struct jst_hot *jst_leaf_hot(struct jst_thread *thread, const struct jst_site_record *record)
{
	return &thread->hot[((uintptr_t)record >> 3) % JST_HOT];
}

/* Without vector registers the tools cannot look on. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define JST_HAS_LEAF 1
/* With a struct jst_leaf_call at the caller's stack pointer, of any alignment. They keep all registers. Context: probe. */
__attribute__((visibility("hidden"), no_caller_saved_registers)) void jst_probe_refuses(void); /* DONE or NOT */
__attribute__((visibility("hidden"), no_caller_saved_registers)) void jst_probe_leaf(void);
__attribute__((visibility("hidden"), no_caller_saved_registers)) void jst_probe_start(void);
__attribute__((visibility("hidden"), no_caller_saved_registers)) void jst_probe_end(void);
#else
#define JST_HAS_LEAF 0
#endif

#endif
