/*
 * The compiler's one entry: script text in, programs and what the CLI must know to print their results out.
 *
 *     text → tokens (lexer.re) → tree (parser.y, tree.h) → checked tree (check.c) → programs (generate.c)
 *
 * A compiled script owns all it points to; compiled_free() releases it. Single-threaded. Running out of memory aborts with a message.
 * A script gives two programs: one for the targets (probe clauses) and one for the CLI itself (BEGIN, END, tick, process). They share the numbering of aggregations and records.
 */
#ifndef COMPILE_H
#define COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "builder.h"

enum unit { UNIT_NONE, UNIT_DURATION, UNIT_SIZE, UNIT_TIME_MONOTONIC, UNIT_TIME_WALL };

/* A message about the script: error, warning or note. */
struct diagnostic {
	enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } severity;
	const char *tag;      /* row of diagnostic.def: "unknown-aggregation" */
	int source;           /* index in compiled->sources */
	int line, column;     /* of the first character, counted from 1; columns count bytes, a tab is one */
	int end_line, end_column; /* just past the last */
	char *message;
	char *help;           /* what would be right, printed after the carets; NULL: none */
};

struct compiled_aggregation {
	char *name;           /* "@lat", "@" */
	enum jst_aggregation function;
	int64_t parameters[3];
	uint32_t keys;
	enum unit unit;       /* of its values */
	enum unit key_unit[JST_MAX_KEYS];
	char *exemplar;       /* how the script names its exemplars; NULL: it keeps none, or they have no one name */
	enum unit exemplar_unit;
};

/* One piece of a printf format: text, or a conversion of the next value. */
struct format_piece {
	char *text;           /* literal text with escapes and %% undone, NULL for a conversion */
	size_t length;
	char conversion;      /* d i u x o c s f e g t b T v (X E G too) */
	char flags[8];        /* of "-+ #0", as written */
	int width;            /* -1: none; -2: taken from the next value (*) */
	int precision;        /* likewise */
};

/* What print sorts an aggregation by. */
enum result_order {
#define ORDER(name, text, shapes, meaning) ORDER_##name,
#include "order.def"
#undef ORDER
	ORDERS
};

enum record_type {
	RECORD_PRINTF,        /* format */
	RECORD_PRINT,         /* values, separated by a blank, then a newline */
	RECORD_EMIT,          /* named values */
	RECORD_EVENT,         /* the event with all its fields (emit without arguments; a clause without a body) */
	RECORD_PRINT_AGGREGATION, /* CLI clauses: print(@a), print(@a, n) and so on: one value, how many rows at most, nil: all */
	RECORD_PRINT_ENTRY,   /* CLI clauses: print(@a[k]): the keys */
	RECORD_CLEAR,         /* CLI clauses: clear(@a) */
	RECORD_ZERO,          /* CLI clauses: zero(@a) */
	RECORD_PRINT_OPEN,    /* CLI clauses: print(open(start)): one value, how many rows at most, nil: all; the sibling in text */
	RECORD_TIME,          /* CLI clauses: time("%H:%M:%S"), a strftime format in text */
	RECORD_EXIT_CLI,      /* unused by programs */
};

struct compiled_record {
	enum record_type type;
	struct format_piece *pieces; /* RECORD_PRINTF */
	uint32_t piece_count;
	char **names;         /* RECORD_EMIT: one a value */
	enum unit *units;     /* one a value */
	uint32_t values;
	uint32_t aggregation; /* RECORD_PRINT_AGGREGATION, PRINT_ENTRY, CLEAR, ZERO */
	enum result_order order;     /* RECORD_PRINT_AGGREGATION */
	char *text;           /* RECORD_TIME, RECORD_PRINT_OPEN */
};

enum special { SPECIAL_BEGIN, SPECIAL_END, SPECIAL_TICK, SPECIAL_PROCESS_ATTACH, SPECIAL_PROCESS_EXIT };

/* A clause of the CLI's program, run by its index. In script order. */
struct compiled_special {
	enum special special;
	int64_t period;       /* SPECIAL_TICK: ns */
	uint32_t clause;      /* index in the CLI's program */
	bool flips;           /* it reads, prints, clears or zeroes an aggregation: it begins with one snapshot */
};

/* A clause reads a field: where it first does, and the patterns of the clause, in compiled->patterns. */
struct compiled_read {
	char *field;
	uint32_t first_pattern, patterns;
	bool tested;          /* by has(field): that it is missing is no surprise */
	int source, line, column;
};

/* A variable assigned only in BEGIN and read in the targets: its entries are copied there as initial values. */
struct compiled_initial {
	uint32_t from;        /* map of the CLI's program */
	uint32_t to;          /* map of the targets' program */
	uint32_t keys;
};

/* A sibling span, for -v and for the report of siblings that never fired. */
struct compiled_span {
	char *sibling;        /* "start" */
	char *pattern;        /* of the sibling: "request:start", "*:start" */
	char *reader;         /* pattern of the clause that reads it */
	uint32_t map;         /* of the targets' program */
	int source, line, column;
};

/* The table behind sibling spans: what is open lies in map `map` of the targets' program, under these keys. */
struct compiled_span_table {
	char *sibling;        /* "start" */
	char *prefix;         /* "request" of request:start, "" of start; NULL: it is the first key, before those that follow */
	char **keys;          /* "id", "tid": what they are called in the script */
	uint32_t key_count;
	uint32_t map;
};

/* Where a clause of a program comes from: what the script says, or what a sibling span needs (then the place is that of the clause that reads it). */
struct compiled_clause {
	int source, line, column;
	enum clause_origin { CLAUSE_WRITTEN, CLAUSE_SPAN_REMOVAL, CLAUSE_SPAN_RECORDING } origin;
};

/* Where in the script the instructions of a clause come from, as far as the next of these: a statement, or the head of one that has a block. */
struct compiled_mark {
	uint32_t clause, insn;
	int source, line, column, end_line, end_column;
};

/* What a program keeps that its format does not: for --dump. In the order of its clauses, and of its maps. */
struct compiled_names {
	struct compiled_mark *marks;
	uint32_t mark_count;
	char **maps;          /* "x", "self.x", "span start" */
	uint32_t map_count;
};

/* A text that was compiled. */
struct compiled_source {
	char *name;           /* as diagnostics name it: "-e" or the path */
	char *identity;       /* equal for two names of one file; "" where there is none (-e) */
	char *text;           /* terminated */
	size_t length;
	bool open;            /* while it is being parsed: to import it now would be a cycle */
};

/* A named argument of the script: arg name = value;  # remark */
struct compiled_parameter {
	char *name;
	char *value;          /* its default as written; NULL: it must be given */
	char *remark;         /* the comment behind it in its line, without the sign; "" where there is none */
};

struct compiled {
	struct compiled_source *sources; /* the script first, then what is imported, in the order in which it was met */
	uint32_t source_count;
	struct compiled_parameter *parameters; /* what the script declares with arg, in its order, also if there are errors */
	uint32_t parameter_count;
	struct diagnostic *diagnostics;
	uint32_t diagnostic_count;
	uint32_t errors;               /* how many of them are errors, those beyond the 20 reported included */

	/* The rest only if errors is 0. */
	uint32_t arguments_read;       /* so many of the arguments by place can have an effect: n where $n is the last that is read, all where $# is */
	struct jst_builder *target;    /* clauses may be none: nothing is sent then */
	struct jst_builder *local;
	uint32_t target_clauses, local_clauses;
	struct compiled_clause *target_sources, *local_sources; /* one a clause */
	struct compiled_names target_names, local_names;
	struct compiled_aggregation *aggregations; /* in order of first appearance */
	uint32_t aggregation_count;
	struct compiled_record *records;
	uint32_t record_count;
	struct compiled_special *specials;
	uint32_t special_count;
	struct compiled_initial *initials;
	uint32_t initial_count;
	struct compiled_span *spans;
	uint32_t span_count;
	struct compiled_span_table *span_tables;
	uint32_t span_table_count;
	char **patterns;               /* all patterns of target clauses as written, for "no probe matches" */
	uint32_t pattern_count;
	char **fields;                 /* names of fields read in target clauses */
	uint32_t field_count;
	struct compiled_read *reads;
	uint32_t read_count;
	char **hiding;                 /* names that mean a variable or a builtin in target clauses: a field so called is not what they read */
	uint32_t hiding_count;
	bool prints;                   /* the targets' program has records or exit: poll often */
	bool stacks;                   /* it calls stack() */
};

/* Most bytes of a script, and of all that it imports together with it. */
enum { LARGEST_SCRIPT = 512 << 10 };

/* name=value, as given by --arg. */
struct compile_argument {
	const char *name, *value;
	size_t name_length;            /* the name need not be terminated */
};

struct compile_options {
	const char *file;              /* "-e", or the path as given */
	const char *identity;          /* tells the script's file by other names; NULL: it is none */
	const char *const *arguments;  /* of the script: $1 is arguments[0] */
	uint32_t argument_count;
	const struct compile_argument *named; /* by --arg; of two with one name the last counts, and one that the script does not declare is left to the caller to refuse */
	uint32_t named_count;
	/*
	 * Finds and reads what a text imports: name as written, from the importing text's name. True: *source has name, identity and text, on the heap, and the compilation owns them.
	 * False: *problem says why (a static string, or one that is good until the next call). NULL: nothing can be imported.
	 */
	bool (*import)(void *context, const char *name, const char *from, struct compiled_source *source, const char **problem);
	void *context;
};

/* For the stages: a compiled script that holds nothing yet but its text; one more text, whose strings it takes over, without its byte order mark: its index. */
struct compiled *compiled_new(const char *text, size_t length, const struct compile_options *options);
int compiled_add_source(struct compiled *compiled, struct compiled_source source);
void compiled_source_fini(struct compiled_source *source);
/* How many bytes of a text are the byte order mark that some editors begin a file with, and no part of the script: 3 or 0. */
size_t compiled_mark(const char *text, size_t length);
/* A line of a text, counted from 1, and its length without the line break; NULL: there is no such line. */
const char *compiled_line(const struct compiled_source *source, int line, size_t *length);

/* Never NULL. Look at errors first. */
struct compiled *compile(const char *text, size_t length, const struct compile_options *options);
void compiled_free(struct compiled *compiled);

/* All diagnostics as people read them: place, message, source line, carets, help. */
void compiled_report(const struct compiled *compiled, FILE *out);

/* The stages, for --dump. Each prints what the stage made, as far as it got; false on errors (which the caller reports with compiled_report). */
bool dump_tokens(const char *text, size_t length, FILE *out);
bool dump_tree(const char *text, size_t length, const struct compile_options *options, FILE *out);
bool dump_bytecode(const struct compiled *compiled, FILE *out);

/*
 * For --fmt: prints the script in its one layout (see fmt.c), which means the same. It need only parse: what names mean is not asked, and imports are not read. What is returned holds its diagnostics and no program; if there are
 * errors nothing was printed. Never NULL, to be freed. Context: any.
 */
struct compiled *fmt_script(const char *text, size_t length, const struct compile_options *options, FILE *out);

#endif
