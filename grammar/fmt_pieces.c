/*
 * The pieces of a script, and whether two neighbours stand apart, touch, or in two lines.
 */
#include "fmt.h"

#include <stdlib.h>
#include <string.h>

#include "lexer.h"
#include "parser.h"

bool fmt_opens(int token)
{
	return token == '{' || token == ANGLE_OPEN;
}

bool fmt_closes(int token)
{
	return token == '}' || token == ANGLE_CLOSE;
}

static void add_piece(struct fmt_pieces *pieces, struct fmt_piece piece)
{
	pieces->items = heap_grow(pieces->items, pieces->count, sizeof(*pieces->items));
	pieces->items[pieces->count++] = piece;
}

void fmt_pieces_read(struct fmt_pieces *pieces, struct script *script)
{
	const struct compiled_source *source = &script->compiled->sources[0];
	size_t open[LEXER_NESTING];
	size_t depth = 0;
	struct location at;
	struct lexer lexer;
	YYSTYPE value;
	int token;

	lexer_init(&lexer, script, 0, source->text, source->length);
	lexer.keeps_comments = true;
	add_piece(pieces, (struct fmt_piece){ .token = SEMICOLON, .end_line = 1 });
	do {
		/* Between two pieces there are only blanks. */
		const char *start = lexer.cursor + strspn(lexer.cursor, " \t\r\n\v\f");

		token = lexer_next(&value, &at, &lexer);

		struct fmt_piece piece = { token, start, (size_t)(lexer.cursor - start), at.line, lexer.line, 0 };

		if (fmt_opens(token))
			open[depth++] = pieces->count;
		else if (fmt_closes(token))
			pieces->items[open[--depth]].match = pieces->count;
		add_piece(pieces, piece);
	} while (token != YYEOF);
}

static int token_of(const struct fmt_pieces *pieces, size_t at)
{
	return pieces->items[at].token;
}

bool fmt_is_comment(const struct fmt_pieces *pieces, size_t at)
{
	return token_of(pieces, at) == LEXER_COMMENT;
}

bool fmt_is_line_comment(const struct fmt_pieces *pieces, size_t at)
{
	return fmt_is_comment(pieces, at) && (pieces->items[at].text[0] == '#' || pieces->items[at].text[1] == '/');
}

bool fmt_same_line(const struct fmt_pieces *pieces, size_t at)
{
	return pieces->items[at].line == pieces->items[at - 1].end_line;
}

size_t fmt_skip_comments(const struct fmt_pieces *pieces, size_t at)
{
	while (fmt_is_comment(pieces, at))
		at++;
	return at;
}

size_t fmt_before(const struct fmt_pieces *pieces, size_t at)
{
	do
		at--;
	while (fmt_is_comment(pieces, at));
	return at;
}

/* ---- what stands between two tokens ---- */

static bool is_unary(const struct fmt_pieces *pieces, size_t at)
{
	const int token = token_of(pieces, at);

	return token == '!' || ((token == '-' || token == '~') && !lexer_ends_operand(token_of(pieces, fmt_before(pieces, at))));
}

/* The ':' of a named argument, f(n: 1). */
static bool is_label(const struct fmt_pieces *pieces, size_t at)
{
	const size_t name = fmt_before(pieces, at), opening = fmt_before(pieces, name);

	return token_of(pieces, at) == ':' && token_of(pieces, name) == NAME && (token_of(pieces, opening) == OPEN || token_of(pieces, opening) == ',');
}

/* An operator between two operands, an assignment included. */
static bool is_binary(const struct fmt_pieces *pieces, size_t at)
{
	switch (token_of(pieces, at)) {
	case '-':
	case '~':
		return !is_unary(pieces, at);
	case ':':
		return !is_label(pieces, at);
	case ASSIGN:
	case COMPOUND:
	case AND:
	case OR:
	case EQ:
	case NE:
	case LE:
	case GE:
	case IN:
	case NO_MATCH:
	case SHL:
	case SHR:
	case '?':
	case '|':
	case '^':
	case '&':
	case '<':
	case '>':
	case '+':
	case '*':
	case '/':
	case '%':
		return true;
	default:
		return false;
	}
}

bool fmt_is_apart(const struct fmt_pieces *pieces, size_t at)
{
	const int token = token_of(pieces, at), left = token_of(pieces, at - 1);

	if (left == OPEN || left == OPEN_BRACKET || left == PREDICATE_OPEN)
		return false;
	if (token == LEXER_COMMENT)
		return true;
	if (left == LEXER_COMMENT)
		return token != ',' && token != CLOSE && token != CLOSE_BRACKET && token != SEMICOLON;
	/* Two that are a token of their own if they touch: -- and !~. */
	if (is_unary(pieces, at - 1))
		return (left == '-' && token == '-') || (left == '!' && token == '~');
	if (left == RANGE)
		return false;
	switch (token) {
	case ',':
	case SEMICOLON:
	case CLOSE:
	case CLOSE_BRACKET:
	case OPEN_BRACKET:
	case PREDICATE_CLOSE:
	case INCREMENT:
	case DECREMENT:
	case RANGE:
		return false;
	case OPEN:
		return left != NAME && left != EMIT && left != DELETE;
	case ':':
		return !is_label(pieces, at);
	default:
		return true;
	}
}

bool fmt_stays_broken(const struct fmt_pieces *pieces, size_t at)
{
	const int token = token_of(pieces, at), left = token_of(pieces, at - 1);

	if (fmt_same_line(pieces, at) || token == PREDICATE_CLOSE)
		return false;
	if (token == LEXER_COMMENT || left == LEXER_COMMENT)
		return true;
	return left == ',' || left == OPEN || left == OPEN_BRACKET || is_binary(pieces, at - 1) || is_binary(pieces, at);
}

void fmt_pieces_fini(struct fmt_pieces *pieces)
{
	free(pieces->items);
}
