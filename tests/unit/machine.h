/*
 * A program put together instruction by instruction, verified, and run in a session on the heap: for the tests of the runtime.
 *
 *     struct machine m;
 *     machine_open(&m);                       one clause for every probe, 16 registers
 *     machine_add(&m, JST_OP_INT, 0, 0, 0, 5);
 *     machine_start(&m);                      adds a return
 *     machine_fire(&m);
 *     ck_assert_int_eq(machine_register(&m, 0).i, 5);
 *     machine_close(&m);
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "map.h"
#include "plan.h"
#include "session.h"
#include "verify.h"
#include "vm.h"

struct machine {
	struct jst_builder *builder;
	struct jst_program *program;
	struct jst_session session;
	struct jst_memory_options options;
	void *base;
	struct jst_runner runner;
	struct jst_binding binding;
	struct jst_plan *plans;
	struct jst_field_binding fields[JST_MAX_FIELDS];
	uint64_t words[JST_MAX_SITE_WORDS];
	uint32_t word_count;
};

static inline struct jst_string machine_string(const char *text)
{
	return (struct jst_string){ text, (uint32_t)strlen(text) };
}

static inline bool machine_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

static inline void machine_open(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	m->builder = jst_builder_new();
	m->options = (struct jst_memory_options){ .size = 8 << 20, .string_size = 256, .ring_size = 1 << 16 };
	m->runner = (struct jst_runner){ .slot = 0, .tid = 4711, .serial = 1 };
	m->session.budget = 10000;
	m->binding.probe.name = machine_string("request:end");
	m->binding.probe.file = machine_string("server.c");
	m->binding.probe.line = 42;
	jst_builder_clause(m->builder);
	jst_builder_pattern(m->builder, "*", 1, JST_PATTERN_GLOB);
	jst_builder_registers(m->builder, 16);
}

static inline uint32_t machine_add(struct machine *m, enum jst_opcode op, unsigned a, unsigned b, unsigned c, int32_t imm)
{
	return jst_builder_insn(m->builder, (struct jst_insn){ (uint8_t)op, (uint8_t)a, (uint8_t)b, (uint8_t)c, imm });
}

/* R[a] = value, whatever its kind. */
static inline void machine_load(struct machine *m, unsigned a, struct jst_value value)
{
	machine_add(m, JST_OP_CONSTANT, a, 0, 0, (int32_t)jst_builder_constant(m->builder, value));
}

static inline struct jst_value text_value(const char *text)
{
	return jst_value_string(text, (uint32_t)strlen(text));
}

/* A field of the probe that fires; the value's words are set by the test. Returns the index of its first word. */
static inline uint32_t machine_field(struct machine *m, const char *name, enum jst_field_type type)
{
	struct jst_probe *probe = &m->binding.probe;
	const uint32_t word = m->word_count;

	probe->field[probe->fields++] = (struct jst_field){ machine_string(name), (uint8_t)type, (uint8_t)word };
	m->word_count += type == JST_FIELD_BYTES ? 2 : 1;
	return word;
}

static inline bool machine_verify(const struct jst_program *program, struct jst_verify_error *error)
{
	static uint64_t scratch[JST_VERIFY_SCRATCH / sizeof(uint64_t)]; /* to allocate it each time takes a sanitizer long */

	return jst_verify(program, program->size, scratch, JST_VERIFY_SCRATCH, error);
}

/* The binding's plans, quickened or as the program has them. */
static inline void machine_plan(struct machine *m, bool quick)
{
	uint16_t clause[JST_MAX_CLAUSES];
	const uint32_t clauses = jst_probe_clauses(m->program, m->binding.probe.name, clause);

	free(m->plans);
	m->plans = malloc(jst_plan_size(m->program, clause, clauses) + clauses * sizeof(struct jst_plan) + 1);
	if (quick)
		jst_plan_make(m->program, &m->binding, clause, clauses, m->plans);
	else
		jst_plan_make_plain(m->program, &m->binding, clause, clauses, m->plans);
}

/* A session for a verified program, which the machine then owns. */
static inline void machine_run(struct machine *m, struct jst_program *program)
{
	m->program = program;
	ck_assert_ptr_nonnull(m->base = aligned_alloc(4096, m->options.size));
	memset(m->base, 0, m->options.size);
	m->session.program = program;
	m->session.string_size = m->options.string_size;
	m->session.work_size = jst_session_work_size(m->options.string_size);
	m->session.work = aligned_alloc(64, (size_t)m->session.work_size * (m->runner.slot + 1));
	memset(m->session.work, 0, (size_t)m->session.work_size * (m->runner.slot + 1));
	ck_assert(jst_memory_init(&m->session.memory, m->base, program, &m->options));
	jst_session_initialise(&m->session);
	m->binding.prefix = jst_probe_prefix(m->binding.probe.name);
	m->binding.probename = jst_probe_last(m->binding.probe.name);
	jst_probe_bind_fields(program, &m->binding.probe, m->fields);
	m->binding.field = m->fields;
	machine_plan(m, true);
	jst_session_claim(&m->session, &m->runner);
}

/* The clock of its events. */
static inline int64_t machine_now(const struct machine *m)
{
	struct jst_clock_line line = { .index = JST_CLOCK_NONE };

	return jst_clock_now(&line, &m->session.memory.header->clock);
}

static inline void machine_start(struct machine *m)
{
	struct jst_verify_error error;
	const char *limit;

	machine_add(m, JST_OP_RETURN, 0, 0, 0, 0);
	struct jst_program *program = jst_builder_finish(m->builder, &limit);

	ck_assert_msg(program != NULL, "limit: %s", limit);
	ck_assert_msg(machine_verify(program, &error), "clause %d, instruction %d: %s", error.clause, error.insn, error.reason);
	machine_run(m, program);
}

static inline void machine_fire(struct machine *m)
{
	jst_session_event(&m->session, &m->runner, &m->binding, m->words);
}

static inline void machine_start_and_fire(struct machine *m)
{
	machine_start(m);
	machine_fire(m);
}

/* What the register held at the end of the last clause. */
static inline struct jst_value machine_register(const struct machine *m, unsigned i)
{
	return ((const struct jst_run *)(const void *)(m->session.work + (size_t)m->session.work_size * m->runner.slot))->registers[i];
}

static inline uint64_t machine_loss(const struct machine *m, enum jst_loss loss)
{
	return atomic_load(&m->session.memory.slots[m->runner.slot].losses[loss]);
}

/* All losses of the thread together. */
static inline uint64_t machine_losses(const struct machine *m)
{
	uint64_t sum = 0;

	for (int i = 0; i < JST_LOSSES; i++)
		sum += machine_loss(m, (enum jst_loss)i);
	return sum;
}

/* The entry of a map of the program. Strings are good until the next event. */
static inline struct jst_value machine_entry(struct machine *m, uint32_t map, const struct jst_value *keys)
{
	static char scratch[8192];
	static uint32_t used;
	const struct jst_map_access access = {
		.memory = &m->session.memory,
		.slot = &m->session.memory.slots[m->runner.slot],
		.decl = (const struct jst_map_decl *)jst_program_section(m->program, JST_SECTION_MAPS) + map,
		.index = map,
		.scratch = scratch,
		.room = sizeof(scratch),
		.used = &used,
	};

	used = 0;
	return jst_map_get(&access, keys);
}

static inline void machine_close(struct machine *m)
{
	jst_builder_free(m->builder);
	free(m->program);
	free(m->base);
	free(m->plans);
	free(m->session.work);
}

#endif
