/*
 * The lexer: text to tokens (those of parser.y), with their places. It alone knows where it stands: between clauses, in a predicate or in a body, and which
 * brackets are open, for on that depends what '<', '>' and '/' mean. Single-threaded.
 */
#ifndef LEXER_H
#define LEXER_H

#include "tree.h"

enum { LEXER_NESTING = 200 };

enum lexer_condition { yycpattern, yycpredicate, yycbody };

/* A bracket that is open; its base is the body, the predicate or the definition itself ('{', '<', '/' or 'd'). */
struct bracket {
	char open;
	struct location at;
};

struct lexer {
	struct script *script;
	int source;                /* index in compiled->sources, for places */
	const char *cursor, *marker, *limit;
	const char *line_start;
	int line;
	enum lexer_condition condition;
	struct bracket brackets[LEXER_NESTING];
	uint32_t depth;
	struct location comment;   /* of the last // comment that follows other text on its line, inside the body; line 0: none */
	int token_line;            /* where the last token ended */
	int before_line;           /* and the one before it */
	bool broken_string;        /* a string was not closed */
	bool given_up;             /* the rest of the text is not read, which was reported */
	int angle_line;            /* where the last '<' body was closed; 0: nowhere */
};

/* Starts at the beginning of text, which is terminated by a NUL that length leaves out. Context: any. */
void lexer_init(struct lexer *lexer, struct script *script, int source, const char *text, size_t length);

union YYSTYPE;
/* The next token and its place; 0 at the end. What is no token is reported and comes out as YYerror. Context: any. */
int lexer_next(union YYSTYPE *value, struct location *at, struct lexer *lexer);

/* Says which bracket is still open at the end of the text, if one is and that was not reported yet. False: none is. Context: any. */
bool lexer_report_open(struct lexer *lexer);

#endif
