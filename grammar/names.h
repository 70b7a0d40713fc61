/*
 * Names of a script: its variables, aggregations, locals and sibling spans, as the check finds them and the code generation uses them. All lie in the arena of the compilation.
 */
#ifndef NAMES_H
#define NAMES_H

#include "table.h"
#include "tree.h"

/* Where a variable, an aggregation or a function first took a unit, and which; conflict: elsewhere it took another. */
struct unit_origin {
	enum unit unit;
	struct location at;
	bool conflict, told;
};

/* A global or a self. variable. Assigned somewhere in the script, that is what makes a name a variable. */
struct variable {
	struct variable *next;
	struct name name;
	bool is_self;
	uint32_t keys;              /* as written: a self. variable's hidden key is not counted */
	struct location at;         /* first assignment */
	bool changed_in_begin;      /* in clauses that run in BEGIN alone */
	bool changed_in_special;    /* in other clauses of the CLI */
	bool changed_in_target;
	bool used_in_special, used_in_target;
	struct location special_at, target_at; /* first use there */
	bool all_int;               /* whatever is stored is provably an integer */
	bool unit_known;
	enum unit unit;
	struct unit_origin origin;
	uint32_t target_map, special_map;
};

struct aggregation {
	struct aggregation *next;
	struct name name;           /* with its @ */
	uint32_t index;
	bool updated;
	struct location at;         /* first update, or else first use */
	enum jst_aggregation function;
	int64_t parameters[3];
	uint32_t keys;
	const struct argument *columns; /* the keys of the first update, as written */
	bool unit_known;
	enum unit unit;
	struct unit_origin origin;
	enum unit key_unit[JST_MAX_KEYS];
	bool key_unit_known[JST_MAX_KEYS];
	struct name exemplar;       /* of all updates; text NULL: there is none, or no one name */
	bool exemplar_unit_known;
	enum unit exemplar_unit;
};

struct local {
	struct local *next;
	struct name name;
	struct location at;
	bool assigned;
	bool unit_known;
	enum unit unit;
	struct unit_origin origin;
	uint32_t reg;
};

/* The table behind a sibling span: spans with one prefix, sibling and key share it. */
struct span_table {
	struct span_table *next;
	struct span *spans, *last;   /* those that read it */
	bool by_prefix;              /* the concrete prefix is a first, hidden key */
	uint32_t map;
};

/* One place where a clause reads a sibling span. */
struct span {
	struct span *next;           /* of the script */
	struct span *next_in_table;
	struct clause *clause;
	struct name sibling;
	struct arguments keys;
	struct location at;
	struct span_table *table;
};

/* One open(start). */
struct open {
	struct open *next;           /* of the script, in no order */
	const struct expression *sibling;
};

#endif
