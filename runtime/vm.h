/*
 * The virtual machine: runs one clause of a verified program on one event.
 */
#ifndef JST_VM_H
#define JST_VM_H

#include "aggregation.h"
#include "clock.h"
#include "map.h"
#include "plan.h"
#include "session.h"
#include "speculation.h"

/* A cell of the present bank. */
struct jst_run_cell {
	uint64_t key;        /* an integer */
	int32_t aggregation;
	jst_ref ref;         /* 0: none */
};
enum { JST_RUN_CELLS = 64, JST_RUN_TEXTS = 512 };

#ifdef JST_CHECKED
/* What checked.c remembers of the clause that runs. */
struct jst_checked {
	const struct jst_insn *last; /* the instruction that ran last, if it is a plain one */
	uint32_t b, c;               /* kinds of its R[b] and R[c] before */
	uint32_t registers;          /* of the clause */
	bool plain;                  /* the code is the program's own */
};
#endif

enum jst_left {
	JST_LEFT_INSERTED,  /* of a start: found.slot was filled, and there may be a copy of the key elsewhere */
	JST_LEFT_REMOVED,   /* of an end: its histogram and its entry are done, and there may be a copy */
	JST_LEFT_UNREMOVED, /* of an end: its histogram is done */
};

/* All that the runs of a session on one thread need: at the beginning of the thread's work area. */
struct jst_run {
	/* the event's: session.c, once an event */
	const uint64_t *words;
	const struct jst_binding *binding;
	int64_t now;         /* ns, read before the first clause if one of them uses it */
	struct { struct jst_atomic_pair *slot; uint64_t salted; int32_t map; } found; /* an entry of a one-word table that a clause found; slot NULL: none */
	enum jst_left left;  /* what the short way of libjstrace has not done of an event: jst_run_left() */

	/* the clause's */
	uint32_t used;       /* of the room for strings; starts at 0 with each clause. Strings read from maps may reach into the room for keys */
	uint32_t speculates; /* 1 since this clause's SPECULATE: what it ships is held under … */
	struct jst_speculation_key speculation; /* … this key; nil: nowhere */
	struct jst_map_access map; /* all but decl and index, which the instruction sets */
	struct jst_update update;  /* its bank is that of the generation; decl, index, timestamp, scratch and room are the instruction's */

	/* the thread's, as it claims its slot */
	struct jst_session *session;
	const struct jst_program *program;
	const struct jst_memory_header *header;
	struct jst_slot *slot;
	struct jst_clock_line clock;
	uint32_t generation; /* of the session, for which update.bank was picked and cells and texts hold; 0: none, or the budget is too small for shortcuts */
	struct jst_run_cell cells[JST_RUN_CELLS]; /* those found last, each in its place */
	const struct jst_runner *runner;
	struct jst_value *registers;  /* JST_MAX_REGISTERS, and JST_MAX_SITE_FIELDS more for the values of an event */
	char *scratch;       /* 8-byte aligned; strings made by the run, then as much room again for encoded keys */
	uint32_t room;       /* bytes for the strings */
#ifdef JST_CHECKED
	struct jst_checked checked;
#endif
	bool knows_texts;    /* some of these are not 0 */
	uint64_t texts[JST_RUN_TEXTS][2]; /* cells found last under a string: run_update.c. Last, since most threads use none of its pages */
};

/* Bytes, from its beginning, of what is an event's or a clause's. */
enum { JST_RUN_EVENT = offsetof(struct jst_run, session) };

/* The run of the slot of that index, which is claimed. Context: probe, the slot's owner. */
static inline struct jst_run *jst_run_of(const struct jst_session *session, uint32_t slot)
{
	return (struct jst_run *)(void *)(session->work + (size_t)session->work_size * slot);
}

/*
 * run.c: runs as many clauses, of a binding, for an event whose arguments are words: each to its end or until its budget is spent (LOSS_BUDGET). flags: JST_BINDING_… of these clauses. The clock is read at most once; after exit() nothing is run any more.
 * Context: probe, the slot's owner.
 */
void jst_run_event(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words, uint32_t flags, const struct jst_plan *plan, uint32_t plans);

/* run_update.c: the same for a binding that JST_BINDING_UPDATES. Context: likewise. */
void jst_run_update_only(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words);

/* All clauses of the binding, where jst_plan_passes() has been asked. Context: likewise. */
static inline void jst_run_binding(struct jst_run *run, const struct jst_binding *binding, const uint64_t *words)
{
	if (binding->flags & JST_BINDING_UPDATES)
		jst_run_update_only(run, binding, words);
	else
		jst_run_event(run, binding, words, binding->flags, binding->plan, binding->clauses);
}

/* run_update.c: JST_SHORTCUT_UPDATE of an event that run knows; false: it is not for it, and nothing was done. Context: likewise. */
bool jst_run_update(struct jst_run *run, const struct jst_plan *plan);

/* vm.c: the clauses' code, from plan on and before end, at least one, within an event. Context: likewise. */
void jst_vm_run(struct jst_run *run, const struct jst_plan *plan, const struct jst_plan *end);

/* vm_record.c: runs an instruction that sends a record, of values, or for EVENT of the event's fields. Returns the bytes of the fields that it looked at. Context: probe. */
uint64_t jst_run_record(struct jst_run *run, const struct jst_insn *insn, const struct jst_value *values);

/* builtin.c, builtin_variable.c: the value of a builtin variable; a function applied to count arguments. Strings they make lie in run's scratch; nil and LOSS_SCRATCH when that is full. *cost: bytes touched, charged to the budget. Context: probe. */
struct jst_value jst_builtin_variable(struct jst_run *run, enum jst_variable variable);
struct jst_value jst_builtin_call(struct jst_run *run, enum jst_function function, const struct jst_value *arguments, uint32_t count, uint32_t *cost);

/* read.c: runs an instruction that reads an aggregation (AGGGET to AGGKEYS). Returns the bytes that it took, to be charged. Context: CLI; in a target all is nil. */
uint32_t jst_run_read(const struct jst_run *run, const struct jst_insn *insn);

/* size bytes of the run's scratch, or NULL and LOSS_SCRATCH. */
char *jst_run_scratch(struct jst_run *run, uint32_t size);

/* vm_speculation.c: SPECULATE, COMMIT and DISCARD. Commit returns the bytes it copied, charged to the budget. Context: probe. */
void jst_run_speculate(struct jst_run *run, const struct jst_value *id);
uint32_t jst_run_commit(struct jst_run *run, const struct jst_value *id);
void jst_run_discard(struct jst_run *run, const struct jst_value *id);

/* value.c, number.c: comparisons and text, shared by VM, builtins and the CLI. */
enum { JST_VALUE_TEXT = 32 };  /* room that any number's text needs */
/* -1, 0, 1; -2: not comparable (a nil, NaN, or different kinds). Integers and doubles compare by exact value. */
int jst_value_compare(const struct jst_value *a, const struct jst_value *b);
/* A number's text as print shows it: integers in decimal, and doubles that equal one likewise, as they are sent and kept as keys; other doubles with the fewest digits that read back the same, up to 17; inf, nan. Returns its length. No locale, no libc printf. */
uint32_t jst_value_text(const struct jst_value *value, char text[JST_VALUE_TEXT]);
/* Reads a number: white space around it, a sign, decimal digits, a dot, an exponent, or 0x and hexadecimal digits of at most 64 bits, the highest of which is the sign. A decimal one is an integer where it is written as one and fits, else the nearest double. False if it is none. Context: any. */
bool jst_value_parse(const char *bytes, uint32_t length, struct jst_value *value);

/* The text of one instruction, for --dump=bytecode: mnemonic and operands with names from the program. Context: CLI. */
void jst_disassemble(const struct jst_program *program, char *buffer, size_t room, const struct jst_insn *insn, uint32_t index);

/* How opcodes look: generated from opcode.def. */
enum jst_shape_id { JST_OPERANDS_A, JST_OPERANDS_AI, JST_OPERANDS_AB, JST_OPERANDS_ABC, JST_OPERANDS_AK, JST_OPERANDS_AF, JST_OPERANDS_AV, JST_OPERANDS_J, JST_OPERANDS_RJ, JST_OPERANDS_R,
	JST_OPERANDS_MAP_A, JST_OPERANDS_MAP_R, JST_OPERANDS_MAP, JST_OPERANDS_AGG, JST_OPERANDS_RECORD, JST_OPERANDS_CALL, JST_OPERANDS_AGG_A, JST_OPERANDS_AGG_Q, JST_OPERANDS_AGG_N, JST_OPERANDS_AGG_W, JST_OPERANDS_NONE };
struct jst_opcode_info {
	const char *text;
	enum jst_shape_id shape;
	const char *meaning;
};
extern const struct jst_opcode_info jst_opcode_info[JST_OPCODES];

#endif
