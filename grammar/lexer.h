/*
 * The lexer: text to tokens (those of parser.y), with their places. It alone knows where it stands: between clauses, in a predicate or in a body, and which
 * brackets are open, for on that depends what '<', '>' and '/' mean. Single-threaded.
 */
#ifndef LEXER_H
#define LEXER_H

#include "tree.h"

enum { LEXER_NESTING = 200 };

/* A token that the grammar does not know. */
enum { LEXER_COMMENT = -3 };

enum lexer_condition { yycpattern, yycpredicate, yycbody };

/* A bracket that is open; its base is the body, the predicate or the definition itself ('{', '<', '/' or 'd'). */
struct bracket {
	char open;
	struct location at;
};

/* A token as it stands in the text. token 0: none. */
struct word {
	int token;
	const char *text;
	int length;
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
	struct location hiding;    /* likewise of // or #, with the sign in it that would close the body, */
	const char *hiding_sign;   /* and what it begins with */
	struct word current, before; /* the last token, and the one before it */
	struct word first;         /* of the statement or clause at hand */
	bool begins;               /* the next token is the first of a statement or clause */
	bool negative;             /* the last token is a '-' before an operand */
	bool recovering;           /* between clauses, something was reported that the parser has not got over yet */
	bool braceless;            /* a block without braces was reported */
	bool do_loop;              /* so was a 'do', whose 'while (…);' is to come */
	bool broken_string;        /* a string was not closed */
	bool given_up;             /* the rest of the text is not read, which was reported */
	int angle_line;            /* where the last '<' body was closed; 0: nowhere */
	int slash_line;            /* where the last predicate was closed; 0: nowhere, or its body has begun */
	uint32_t errors;           /* how many there were when the clause or definition at hand began */
	uint32_t token_errors;     /* and before the last token */
	char closers[LEXER_NESTING]; /* brackets that the next tokens close, for a clause that began inside a body */
	uint32_t closer_count;
	bool ends_clause;          /* the next token is a ';' that nobody wrote */
	bool keeps_comments;       /* comments are handed over as LEXER_COMMENT, not left out; lexer_init() leaves it false */
};

union YYSTYPE;

/* Starts at the beginning of text, which is terminated by a NUL that length leaves out. Context: any. */
void lexer_init(struct lexer *lexer, struct script *script, int source, const char *text, size_t length);

/* The next token and its place; its text ends at lexer->cursor; 0 at the end. What is no token is reported and comes out as YYerror. Context: any. */
int lexer_next(union YYSTYPE *value, struct location *at, struct lexer *lexer);

/* Whether an operand may have ended with the token, so that a '-' behind it is no sign. Context: any. */
bool lexer_ends_operand(int token);

/* After a mistake: goes on at the place, with nothing open; or inside the body, with no parenthesis open. Context: any. */
void lexer_leave_to(struct lexer *lexer, const char *to);
/* The '<' body that seems to be closed is not: goes on behind the next '>', or in the next line if another body begins before that. Context: any. */
void lexer_skip_body(struct lexer *lexer);
/* The next token ends what the parser could not read, as a ';' does. Context: any. */
void lexer_end_clause(struct lexer *lexer);
void lexer_skip_parentheses(struct lexer *lexer, const char *to);
/* Goes back to the first token of the statement at hand, which begins a clause: the bodies before it are closed first. Context: any. */
void lexer_begin_clause(struct lexer *lexer);

/* token.c: from … lexer->cursor is the token. Each sets the value, reports what is wrong with it, and returns what it is. Context: any. */
struct name token_copy(struct lexer *lexer, const char *from);
/* What stands between the quotes, escapes undone. */
struct name token_string(struct lexer *lexer, const char *from, const char *end);
int token_number(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at);
int token_word(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at);
/* a->b: told once, and read as what it would be here. */
int token_arrow(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at);
/* A pattern, or a word that begins a definition; nothing else goes by these names unquoted. */
int token_pattern(struct lexer *lexer, union YYSTYPE *value, const char *from);
/* The place of from … lexer->cursor, in one line. */
struct location lexer_place(const struct lexer *lexer, const char *from);

/* Says which bracket is still open at the end of the text, if one is and that was not reported yet. False: none is. Context: any. */
bool lexer_report_open(struct lexer *lexer);

#endif
