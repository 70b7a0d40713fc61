/*
 * The check: what the names of a tree mean, and whether what is written can be run. Fills in the tree and the compiled script's aggregations, records, fields,
 * patterns and special clauses. Its files share one checker; each function here checks one kind of node, reports what is wrong, and goes on.
 */
#ifndef CHECK_H
#define CHECK_H

#include "aggregation.h"
#include "names.h"

struct checker {
	struct script *script;
	struct diagnostics *diagnostics;
	const struct compile_options *options;
	struct compiled *compiled;
	struct table variables, selves, aggregations, fields, hiding;
	struct table functions, constants, parameters;
	struct variable *first_variable, *last_variable;
	struct aggregation *first_aggregation, *last_aggregation;
	struct use *first_use, *last_use;
	struct span *first_span, *last_span;
	struct span_table *tables, *last_table;
	struct open *opens;
	/* of the clause, or the function, at hand: see struct scope */
	struct clause *clause;
	struct function *function;
	struct table locals;
	struct local *last_local;
	uint32_t loops;
	uint32_t first_pattern, first_read; /* of the clause, in the compiled script */
	bool tests;                /* what is being checked is what has() looks for */
	struct loop *loop;         /* the innermost loop over an aggregation */
	const struct expression *carried; /* may be a stack: see check_carried() */
	const struct expression *action;  /* the call that stands as a statement */
	uint32_t calls;            /* how deep in functions that are checked because another calls them */
	struct constant *constant; /* whose value is being checked; NULL: none */
	uint32_t constant_depth;   /* how deep in constants that are checked because another is made of them */
};

/* What is put aside while another clause or function is being checked. */
struct scope {
	struct clause *clause;     /* of a function: what holds its locals */
	struct function *function; /* NULL: a clause */
	struct table locals;
	struct local *last_local;
	uint32_t loops;
};

/* check.c: the whole script, once. Context: any. */
void check_init(struct checker *checker, struct script *script, const struct compile_options *options, struct compiled *compiled);
void check_script(struct checker *checker);
void check_fini(struct checker *checker);
void check_block(struct checker *checker, struct block *block);
/* Begins with a clause or function that has no locals yet; what was at hand goes to *outer. The end of it warns of locals without a value. */
void scope_open(struct checker *checker, struct scope *outer, struct clause *clause, struct function *function);
void scope_close(struct checker *checker, const struct scope *outer);

/* check_definition.c. First the names of all definitions, then the values of constants and arguments, both before any clause; functions that nobody called at the end. */
void definitions_collect(struct checker *checker);
void definitions_check_values(struct checker *checker);
void definitions_check_functions(struct checker *checker);
/* If the name is a constant's, gives the expression that meaning, or makes it the literal. */
bool definitions_constant(struct checker *checker, struct expression *expression);
/* If $name is an argument of the script, the expression becomes what was given for it, or its default. */
bool definitions_parameter(struct checker *checker, struct expression *expression);
/* The script's own function of that name, checked; NULL: there is none. */
struct function *definitions_function(struct checker *checker, const struct expression *call);
/* In a function: reports that what stands there is for clauses, and returns true. */
bool definitions_refuse(struct checker *checker, struct location at, const char *what);
/* The constant whose name is closest to one that is none; NULL: none is close. */
const char *definitions_suggest_constant(const struct checker *checker, const struct name *name);

/* fold.c: makes a literal of what consists of literals alone, as far as it goes; it was checked. */
void fold(struct expression *expression);

/* patterns.c: finds out which probes are special. Context: any. */
void check_patterns(struct checker *checker, struct clause *clause);
/* How messages name the special clause: its first pattern. */
const char *clause_name(const struct clause *clause);

/* names.c */
/* Finds all variables: every name that is assigned anywhere. Comes before all else. */
void names_collect(struct checker *checker);
/* A name that is read: field, builtin, variable or sibling span. */
void names_resolve(struct checker *checker, struct expression *expression);
/* A variable, entry or $local that is changed (or, for delete, removed); false: it is none, which was reported. */
bool names_resolve_target(struct checker *checker, struct expression *expression, bool remove);
/* The map right of `in`, with so many keys left of it. */
void names_resolve_map(struct checker *checker, struct expression *expression, uint32_t keys);
/* A builtin variable's number by name or alias; -1: it is none. */
int names_builtin(const struct name *name);
/* Reports variables that are shared between the target and the CLI. */
void names_check_sharing(struct checker *checker);

/* check_expression.c */
/* The value of an argument of the script: a number if the text is wholly a literal, else a string. */
void literal_or_string(struct checker *checker, struct expression *expression, const char *text);
/* Whether a function or action of that name is built in. */
bool is_callable(const struct name *name);
void check_expression(struct checker *checker, struct expression *expression);
/* The local of that name, made on its first use. */
struct local *check_local_name(struct checker *checker, const struct expression *expression);
void check_list(struct checker *checker, const struct arguments *list);
/* The same for what is only carried: keys of an aggregation, and what is sent. It may be a stack. */
void check_carried(struct checker *checker, const struct argument *first);
/* At most JST_MAX_KEYS, with hidden ones. */
void check_key_count(struct checker *checker, const struct arguments *keys, uint32_t hidden);
/* "1 argument", "3 arguments", "no arguments": in a buffer of the caller's. */
const char *count_text(char text[static 32], uint32_t count, const char *noun);

/* check_action.c: a call that stands as a statement; emit; a clause without a body. */
void check_action(struct checker *checker, struct statement *statement);
void check_emit(struct checker *checker, struct statement *statement);
uint32_t check_event_record(struct checker *checker);

/* check_speculation.c: warns of speculations that can be of no use. After the check. */
void check_speculations(struct checker *checker);
/* check_print.c */
/* What follows what is printed: print(@a, 10, by: p99), print(open(start), top: 10); NULL: nothing. */
struct rows {
	struct argument *top, *by;
};
/* Sorts the arguments behind the first, and checks top; false: there is one too many, or one that there is not, which was reported. expected: what stands in the parentheses of a good one. ordered: whether there is by. */
bool check_rows(struct checker *checker, const struct expression *call, const char *expected, bool ordered, struct rows *rows);
/* print and printa of an aggregation, clear and zero. signature: for messages. */
void check_aggregation_action(struct checker *checker, struct statement *statement, enum record_type type, const char *signature);
/* Whether print is given an aggregation or one entry of it, which is then checked. */
bool check_print_aggregation(struct checker *checker, struct statement *statement);
/* A record that clauses write. */
struct compiled_record *check_record(struct checker *checker, struct compiled_record record, uint32_t *index);

/* check_read.c: what clauses of the CLI read of aggregations. */
/* @a, @a[k]: a number. */
void check_read(struct checker *checker, struct expression *expression);
/* quantile(@a[k], q), if the call is that. */
bool check_quantile(struct checker *checker, struct expression *call);
void check_for_each(struct checker *checker, struct statement *statement);
/* A $v of a loop around becomes the aggregation's entry; false: the local is none. */
bool check_loop_value(struct checker *checker, struct expression *local);
/* What print sorts the aggregation by, for a record. */
void check_order(struct checker *checker, const struct expression *aggregation, const struct expression *by, uint32_t record);
/* Whether all that was read suits the aggregations' functions and keys, which are known after all clauses. */
void check_uses(struct checker *checker);

/* check_aggregation.c */
/* "hist(x, bits: 4) with 1 key", in a buffer of the caller's. */
const char *aggregation_describe(const struct aggregation *aggregation, char text[static 160]);
void check_update(struct checker *checker, struct statement *statement);
/* The aggregation of that name, made on its first use. */
struct aggregation *check_aggregation_name(struct checker *checker, const struct expression *expression);
void check_aggregations_updated(struct checker *checker);
/* A row of aggregation.def by name or alias; -1: there is none. */
int aggregation_find(const struct name *name);
extern const char *const aggregation_names[];
extern const size_t aggregation_name_count;

/* check_open.c: open(start), which print alone can show. */
bool is_open(const struct expression *expression);
void check_open(struct checker *checker, struct statement *statement);
/* open(…) somewhere else. */
void check_open_place(struct checker *checker, const struct expression *call);
/* After span_join(): reports those that name no sibling span. */
void open_join(struct checker *checker);

/* span.c: notes a read of a sibling span; afterwards, which of them share a table. */
void span_note(struct checker *checker, struct expression *expression);
void span_join(struct checker *checker);
/* Where the last part of the pattern begins: behind the last ':', or at 0. */
size_t span_prefix(const struct pattern *pattern);
/* The sibling's pattern beside a reader's pattern, in the arena: "request:start" beside "request:end". */
struct name span_sibling_pattern(struct arena *arena, const struct pattern *pattern, const struct name *sibling);

/* unit.c: units of all expressions, variables, aggregations and records, and warnings of what does not go together. After the check. */
void unit_infer(struct checker *checker);
/* And of one that is constant, before it is folded. */
void unit_check(struct checker *checker, struct expression *expression);
/* The unit of left operator right. */
enum unit unit_of_operator(enum operator operator, enum unit left, enum unit right);

/* unit_warn.c: warnings, each only if there is a reason. */
void unit_warn_operator(struct checker *checker, enum operator operator, enum unit left, enum unit right, struct location at);
/* Of values that one function compares. */
void unit_warn_mixture(struct checker *checker, const char *what, enum unit left, enum unit right, struct location at);
void unit_warn_update(struct checker *checker, enum jst_aggregation function, enum unit unit, struct location at);
/* Of the variable with that sigil and name, which now takes a unit: told once, with where it took the other. */
void unit_warn_assignment(struct checker *checker, const char *sigil, const char *name, struct unit_origin *origin, enum unit unit, struct location at);

/* format.c: a printf format to pieces; reports unknown conversions. *values: how many arguments it takes. */
struct format_piece *format_parse(struct checker *checker, const struct expression *format, uint32_t *count, uint32_t *values);

/* generate.c: the checked script to the two programs. */
void generate_script(struct checker *checker);

#endif
