/*
 * The tree: what the parser makes of a script. Nodes lie in the arena of the compilation and point to each other; nothing is freed alone.
 *
 *     script → clauses → patterns, predicate, body → statements → expressions
 *            → definitions: functions, constants, parameters
 *
 * The parser fills in what was written. The check fills in what it means (meaning, unit, int_valued and the pointers to names.h), and turns script
 * arguments into literals. No node lies deeper than TREE_DEPTH, so that every later pass may recurse. Single-threaded.
 */
#ifndef TREE_H
#define TREE_H

#include "arena.h"
#include "diagnostics.h"

enum { TREE_DEPTH = 400 };

/* Bytes in the arena, terminated too. */
struct name {
	const char *text;
	size_t length;
};

/* Operators, one row each: OPERATOR(NAME, "as written"). */
#define UNARY_OPERATORS OPERATOR(NOT, "!") OPERATOR(INVERT, "~") OPERATOR(NEGATE, "-")
#define BINARY_OPERATORS \
	OPERATOR(LOGICAL_OR, "||") OPERATOR(LOGICAL_AND, "&&") OPERATOR(OR, "|") OPERATOR(XOR, "^") OPERATOR(AND, "&") OPERATOR(EQ, "==") OPERATOR(NE, "!=") \
	OPERATOR(LT, "<") OPERATOR(LE, "<=") OPERATOR(GT, ">") OPERATOR(GE, ">=") OPERATOR(MATCH, "~") OPERATOR(NO_MATCH, "!~") OPERATOR(SHL, "<<") \
	OPERATOR(SHR, ">>") OPERATOR(ADD, "+") OPERATOR(SUB, "-") OPERATOR(MUL, "*") OPERATOR(DIV, "/") OPERATOR(MOD, "%")

enum operator {
#define OPERATOR(name, text) OPERATOR_##name,
	UNARY_OPERATORS BINARY_OPERATORS
#undef OPERATOR
};

enum expression_type {
	EXPRESSION_NIL,
	EXPRESSION_INT,
	EXPRESSION_DOUBLE,
	EXPRESSION_STRING,
	EXPRESSION_NAME,        /* id, req.url, x[k]: name, and list where indexed */
	EXPRESSION_SELF,        /* self.x, self.x[k] */
	EXPRESSION_LOCAL,       /* $x: name without the $ */
	EXPRESSION_ARGUMENT,    /* $1: integer */
	EXPRESSION_ARGUMENTS,   /* $# */
	EXPRESSION_AGGREGATION, /* @a, @a[k]: name with the @ */
	EXPRESSION_CALL,        /* name(list) */
	EXPRESSION_UNARY,       /* operator left */
	EXPRESSION_BINARY,      /* left operator right */
	EXPRESSION_IN,          /* list in right */
	EXPRESSION_CONDITIONAL, /* condition ? left : right */
};

/* What a name turned out to be. */
enum meaning {
	MEANING_NONE,
	MEANING_FIELD,    /* field: its name */
	MEANING_BUILTIN,  /* builtin */
	MEANING_VARIABLE, /* variable: a global or self. variable, or an entry of one */
	MEANING_SPAN,     /* span: an entry of a sibling span's table */
	MEANING_FUNCTION, /* function: of a call */
	MEANING_DEFINED,  /* defined: the script's own function, of a call */
	MEANING_CONSTANT, /* constant: one that is no literal (then the node itself became that literal) */
	MEANING_QUANTILE, /* quantile(@a[k], q) */
};

/* for ($k, …, $v : @a): what $v stands for in the body. */
struct loop {
	struct loop *outer;         /* the one around it in the script */
	struct name value;          /* of $v */
	struct aggregation *aggregation;
	uint32_t keys;              /* names before it */
	uint32_t registers;         /* by the generator: the first of those that hold the keys */
};

struct argument {
	struct argument *next;
	struct name label;          /* of n: expr; text NULL: none */
	struct location label_at;
	struct expression *value;
};

struct arguments {
	struct argument *first, *last;
	uint32_t count;
};

struct expression {
	enum expression_type type;
	struct location at;
	uint16_t depth;             /* of the tree below, 1 for a leaf */
	bool parenthesised;
	bool indexed;               /* a NAME, SELF or AGGREGATION with [list] */
	enum operator operator;
	struct location operator_at;
	struct name name;           /* also the bytes of a STRING */
	int64_t integer;
	double number;
	struct arguments list;
	struct expression *condition, *left, *right;

	/* by the check */
	enum meaning meaning;
	enum unit unit;
	bool int_valued;            /* the verifier can prove that it is an integer */
	struct name field;
	enum jst_variable builtin;
	enum jst_function function;
	struct function *defined;
	struct constant *constant;
	struct variable *variable;
	struct span *span;
	struct local *local;
	struct aggregation *aggregation;
	struct loop *loop;          /* of an AGGREGATION: it is written as the $v of this loop */
};

enum statement_type {
	STATEMENT_CALL,      /* value: an expression on its own, which must be a call */
	STATEMENT_ASSIGN,    /* target = value */
	STATEMENT_COMPOUND,  /* target operator= value */
	STATEMENT_INCREMENT, /* target++ */
	STATEMENT_DECREMENT, /* target-- */
	STATEMENT_DELETE,    /* delete target */
	STATEMENT_EMIT,      /* emit(list) */
	STATEMENT_IF,        /* if (value) body else otherwise */
	STATEMENT_WHILE,     /* while (value) body */
	STATEMENT_FOR,       /* for (target : value..end) body */
	STATEMENT_FOR_EACH,  /* for (list : value) body; the names are LOCALs */
	STATEMENT_BREAK,
	STATEMENT_CONTINUE,
	STATEMENT_RETURN,    /* value: of a function; NULL: none */
};

/* What a call on its own does, found by the check: a row of action.def, or a function whose value is thrown away. */
enum action {
#define ACTION(name, text, min, max, where, signature) ACTION_##name,
#include "action.def"
#undef ACTION
	ACTION_NONE
};

struct block {
	struct statement *first, *last;
};

struct statement {
	struct statement *next;
	enum statement_type type;
	struct location at;
	uint16_t depth;
	enum operator operator;
	struct location operator_at;
	struct expression *target, *value, *end;
	struct arguments list;
	struct block body, otherwise;

	/* by the check */
	enum action action;
	uint32_t record;           /* index in compiled->records */
	struct expression *update; /* the value that an aggregation is updated with; NULL: none */
	struct expression *top;    /* of a print of an aggregation or of what is open: how many rows; NULL: all */
	struct loop *loop;         /* FOR_EACH */
	struct expression *exemplar; /* the exemplar that comes with it; NULL: none */
};

struct pattern {
	struct pattern *next;
	struct location at;
	struct name text;
	bool quoted, glob;

	/* by the check */
	bool is_special;
	enum special special;
	int64_t period;            /* SPECIAL_TICK: ns */
};

struct clause {
	struct clause *next;
	struct location at;        /* of its patterns */
	struct pattern *first, *last;
	struct expression *predicate;
	bool has_body;
	bool broken;               /* a part of it could not be read, which was reported: it is not checked */
	struct block body;

	/* by the check */
	bool is_special;
	bool begin_only;           /* runs in BEGIN and nowhere else */
	bool has_fields;           /* runs in process:attach or process:exit only */
	bool flips;                /* touches an aggregation */
	uint32_t record;           /* of a clause without a body */
	struct local *locals;
	uint32_t local_count;
};

/* How far the check of a definition has come: one that is met again while it is being checked depends on itself. */
enum definition_state { DEFINITION_NEW, DEFINITION_OPEN, DEFINITION_CHECKED };

/* fn name(parameters) body. It is generated anew wherever it is called. */
struct function {
	struct function *next;
	struct name name;
	struct location at;          /* of its name */
	struct arguments parameters; /* LOCALs */
	struct block body;
	bool broken;                 /* as a clause's */

	/* by the check */
	enum definition_state state;
	uint32_t depth;              /* of the calls below it, 1 for none */
	struct clause scope;         /* its locals alone; the parameters come first */
	bool unit_known;
	enum unit unit;              /* of what it returns */
};

/* const name = value; */
struct constant {
	struct constant *next;
	struct name name;
	struct location at;
	struct expression *value;
	bool broken;                 /* as a clause's */

	/* by the check */
	enum definition_state state;
	uint32_t depth;              /* of the constants below it that are no literals, 1 for none */
};

/* arg name = value; read as $name. */
struct parameter {
	struct parameter *next;
	struct name name;
	struct location at;
	struct expression *value;    /* NULL: it must be given. The check puts in what was given. */
	bool broken;                 /* as a clause's */

	/* by the check */
	enum definition_state state;
};

struct script {
	struct arena *arena;
	struct diagnostics *diagnostics;
	const struct compile_options *options;
	struct compiled *compiled;
	struct clause *first, *last;
	struct function *first_function, *last_function;
	struct constant *first_constant, *last_constant;
	struct parameter *first_parameter, *last_parameter;
	uint32_t imports;            /* how deep in imports the parser is */
	uint32_t definitions_begun, definitions_made; /* fewer were made than begun: some could not be read */
};

/* Constructors; each sets the depth and reports, once, what is nested too deeply (the node is then replaced by an empty one). Context: any. */
struct expression *tree_leaf(struct script *script, enum expression_type type, struct location at, struct name name);
struct expression *tree_number(struct script *script, const struct expression *literal, struct location at);
struct expression *tree_named(struct script *script, enum expression_type type, struct location at, struct name name, struct arguments list, bool indexed);
struct expression *tree_unary(struct script *script, enum operator operator, struct location at, struct location operator_at, struct expression *operand);
struct expression *tree_binary(struct script *script, enum operator operator, struct location at, struct location operator_at, struct expression *left, struct expression *right);
struct expression *tree_in(struct script *script, struct location at, struct location operator_at, struct arguments keys, struct expression *map);
struct expression *tree_conditional(struct script *script, struct location at, struct expression *condition, struct expression *left, struct expression *right);
struct arguments tree_argument(struct script *script, struct arguments list, struct name label, struct location label_at, struct expression *value);

struct statement *tree_statement(struct script *script, enum statement_type type, struct location at, struct expression *target, struct expression *value);
/* A statement with blocks below it. */
struct statement *tree_compound(struct script *script, struct statement *statement, struct block body, struct block otherwise);
struct block tree_append(struct block block, struct statement *statement);

struct pattern *tree_pattern(struct script *script, struct location at, struct name text, bool quoted);
struct clause *tree_clause(struct script *script, struct location at, struct pattern *first, struct pattern *last);
void tree_add(struct script *script, struct clause *clause);

struct function *tree_function(struct script *script, struct location at, struct name name, struct arguments parameters, struct block body);
struct constant *tree_constant(struct script *script, struct location at, struct name name, struct expression *value);
struct parameter *tree_parameter(struct script *script, struct location at, struct name name, struct expression *value);

const char *tree_operator(enum operator operator);

/* The value of a literal, perhaps with a minus before it; false: it is none. Context: any. */
bool tree_literal(const struct expression *expression, struct jst_value *value);

/*
 * literal.c: a number as written, with its unit; false: it is none, and *problem says why (a static string). The whole text must be one.
 * negative: a minus stands before it, which is not part of the text; then 9223372036854775808 is a number too and comes out as INT64_MIN, its own negative. Context: any.
 */
bool literal_parse(const char *text, size_t length, bool negative, struct expression *literal, const char **problem);

/* lexer.re and parser.y: a text of script->compiled, by its index, to tree, behind what was parsed before. Problems go to the script's diagnostics; the tree is what could be made of the rest. Context: any. */
void parse_source(struct script *script, int source);

/* import.c: parses the text that is imported at the place, unless it was before. Context: any. */
void import_source(struct script *script, struct location at, const struct name *name);

#endif
