/*
 * The lexer, in three conditions: between clauses (patterns), in a predicate, in a body. A definition is read as a body is, up to its ';' or the end of its block.
 *
 *     request:end /status >= 500/ < @[path] = count() >     const LIMIT = 10ms;
 *     pattern     predicate       body                             body
 *
 * In a '<' body a '>' outside all brackets closes the body, in a predicate a '/' outside all brackets closes the predicate; both are tokens of their own. For
 * that the open brackets are kept on a stack. ';' and '}' close whatever parentheses were left open, so that one missing ')' does not swallow the script.
 */
#include "lexer.h"

#include <string.h>

#include "parser.h"

void lexer_init(struct lexer *lexer, struct script *script, int source, const char *text, size_t length)
{
	*lexer = (struct lexer){ .script = script, .source = source, .cursor = text, .limit = text + length, .line_start = text, .line = 1, .begins = true };
}

/* ---- places ---- */

struct location lexer_place(const struct lexer *lexer, const char *from)
{
	int column = (int)(from - lexer->line_start) + 1;

	return (struct location){ lexer->line, column, lexer->line, (int)(lexer->cursor - lexer->line_start) + 1, lexer->source };
}

static void count_lines(struct lexer *lexer, const char *from)
{
	for (const char *at = from; (at = memchr(at, '\n', (size_t)(lexer->cursor - at)));) {
		lexer->line_start = ++at;
		lexer->line++;
	}
}

static void note_comment(struct lexer *lexer, const char *from)
{
	const char close = lexer->depth && lexer->brackets[0].open == '<' ? '>' : '}';

	if (lexer->condition != yycbody || lexer->current.at.end_line != lexer->line)
		return;
	if (*from == '/')
		lexer->comment = lexer_place(lexer, from);
	if (!memchr(from, close, (size_t)(lexer->cursor - from)))
		return;
	lexer->hiding = lexer_place(lexer, from);
	lexer->hiding_sign = *from == '#' ? "#" : "//";
}

/* ---- brackets ---- */

/* What stands for an open bracket at the bottom of a definition, which none opens. */
enum { DEFINITION = 'd' };

static void open_bracket(struct lexer *lexer, char open, struct location at)
{
	if (lexer->depth < LEXER_NESTING) {
		lexer->brackets[lexer->depth++] = (struct bracket){ open, at };
		return;
	}
	/* Nobody wrote that by hand: the rest is not read. */
	diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_TOO_DEEP, at, LEXER_NESTING);
	lexer->given_up = true;
}

static char top_bracket(const struct lexer *lexer)
{
	return lexer->depth ? lexer->brackets[lexer->depth - 1].open : '\0';
}

static void drop_parentheses(struct lexer *lexer)
{
	while (top_bracket(lexer) == '(' || top_bracket(lexer) == '[')
		lexer->depth--;
}

/* ')' or ']': closes its own bracket, and those inside that were left open; one that matches nothing is left to the parser. */
static void close_parenthesis(struct lexer *lexer, char open)
{
	for (uint32_t depth = lexer->depth; depth > 0; depth--) {
		char at = lexer->brackets[depth - 1].open;

		if (at == open) {
			lexer->depth = depth - 1;
			return;
		}
		if (at != '(' && at != '[')
			return;
	}
}

static void enter(struct lexer *lexer, enum lexer_condition condition, char open, struct location at)
{
	lexer->condition = condition;
	lexer->depth = 0;
	lexer->comment.line = lexer->hiding.line = 0;
	open_bracket(lexer, open, at);
}

static void leave(struct lexer *lexer)
{
	lexer->condition = yycpattern;
	lexer->depth = 0;
}

/* Whether nothing is open but the definition itself. */
static bool ends_definition(const struct lexer *lexer)
{
	return lexer->depth == 1 && top_bracket(lexer) == DEFINITION;
}

static void close_brace(struct lexer *lexer)
{
	drop_parentheses(lexer);
	if (top_bracket(lexer) == '{')
		lexer->depth--;
	else if (!ends_definition(lexer))
		return;
	if (lexer->depth == 0 || ends_definition(lexer))
		leave(lexer);
}

static void close_statement(struct lexer *lexer)
{
	drop_parentheses(lexer);
	if (lexer->condition == yycpredicate || ends_definition(lexer))
		leave(lexer);
}

/* ---- going on after a mistake ---- */

static void move(struct lexer *lexer, const char *to)
{
	const char *from = lexer->cursor;

	lexer->cursor = to;
	count_lines(lexer, from);
}

void lexer_leave_to(struct lexer *lexer, const char *to)
{
	move(lexer, to);
	leave(lexer);
	lexer->begins = true;
}

void lexer_end_clause(struct lexer *lexer)
{
	lexer->ends_clause = true;
}

void lexer_skip_body(struct lexer *lexer)
{
	const char *at = lexer->cursor, *line = memchr(at, '\n', (size_t)(lexer->limit - at));

	while (at < lexer->limit && !strchr("<>{", *at))
		at++;
	lexer_leave_to(lexer, at < lexer->limit && *at == '>' ? at + 1 : line ? line : lexer->limit);
}

void lexer_skip_parentheses(struct lexer *lexer, const char *to)
{
	move(lexer, to);
	drop_parentheses(lexer);
}

void lexer_begin_clause(struct lexer *lexer)
{
	lexer->closer_count = 0;
	for (uint32_t i = 0; i < lexer->depth; i++) {
		const char open = lexer->brackets[i].open;

		if (open == '{' || open == '<')
			lexer->closers[lexer->closer_count++] = open;
	}
	lexer->cursor = lexer->first.text;
	lexer->line = lexer->first.at.line;
	lexer->line_start = lexer->cursor - (lexer->first.at.column - 1);
	leave(lexer);
	lexer->begins = true;
}

bool lexer_report_open(struct lexer *lexer)
{
	if (lexer->given_up)
		return true;
	if (!lexer->depth)
		return false;

	const struct bracket *bracket = &lexer->brackets[lexer->depth - 1];
	struct diagnostics *diagnostics = lexer->script->diagnostics;

	if (lexer->broken_string) {
		/* It swallowed what would have closed the bracket. */
		return true;
	} else if (bracket->open == '(' || bracket->open == '[') {
		diagnostics_add(diagnostics, DIAGNOSTIC_UNCLOSED_BRACKET, bracket->at, bracket->open == '(' ? "(" : "[");
		if (lexer->brackets[0].open == '<')
			diagnostics_help(diagnostics, "expected '%s' before the end of the body", bracket->open == '(' ? ")" : "]");
		else
			diagnostics_help(diagnostics, "expected '%s'", bracket->open == '(' ? ")" : "]");
	} else if (bracket->open == DEFINITION) {
		diagnostics_add(diagnostics, DIAGNOSTIC_UNCLOSED_DEFINITION, bracket->at);
		diagnostics_help(diagnostics, "expected ';'");
	} else if (bracket->open == '/') {
		diagnostics_add(diagnostics, DIAGNOSTIC_UNCLOSED_PREDICATE, bracket->at);
		diagnostics_help(diagnostics, "expected a closing '/'");
	} else {
		diagnostics_add(diagnostics, DIAGNOSTIC_UNCLOSED_BODY, bracket->at);
		if (lexer->hiding.line)
			diagnostics_help(diagnostics, "the '%s' in line %d begins a comment", lexer->hiding_sign, lexer->hiding.line);
		else
			diagnostics_help(diagnostics, "expected a closing '%s'", bracket->open == '<' ? ">" : "}");
	}
	return true;
}

/* fn, import, const and arg begin definitions, which are read as bodies are. */
static int pattern(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at)
{
	const int token = token_pattern(lexer, value, from);

	if (token != PATTERN) {
		lexer->script->definitions_begun++;
		enter(lexer, yycbody, DEFINITION, at);
	}
	return token;
}

/* .5 or 5. of other languages, behind the dot. */
static bool is_half_number(const struct lexer *lexer)
{
	const struct word *before = &lexer->current;

	if (before->token == NUMBER)
		return !memchr(before->text, '.', (size_t)before->length);
	return lexer->cursor < lexer->limit && *lexer->cursor >= '0' && *lexer->cursor <= '9';
}

static int unexpected(struct lexer *lexer, const char *from, struct location at)
{
	struct diagnostics *diagnostics = lexer->script->diagnostics;
	unsigned char byte = (unsigned char)*from;

	while (byte >= 0x80 && lexer->cursor < lexer->limit && ((unsigned char)*lexer->cursor & 0xc0) == 0x80)
		lexer->cursor++;
	if (lexer->condition == yycpattern && lexer->recovering)
		return YYerror;
	lexer->recovering = lexer->condition == yycpattern;
	if (byte >= ' ' && byte != 0x7f)
		diagnostics_add(diagnostics, DIAGNOSTIC_UNEXPECTED_CHARACTER, at, (int)(lexer->cursor - from), from);
	else
		diagnostics_add(diagnostics, DIAGNOSTIC_UNEXPECTED_BYTE, at, byte);
	if (lexer->condition == yycpattern && lexer->angle_line == lexer->line) {
		diagnostics_help(diagnostics, "the '>' before it closed the body: a greater-than in a '<' body goes into parentheses");
		if (byte != '>')
			lexer_skip_body(lexer);
		lexer_end_clause(lexer);
	} else if (lexer->condition == yycpattern)
		diagnostics_help(diagnostics, "expected a probe pattern, '/', '{' or '<'; other names go in double quotes");
	else if (byte == '`' || byte == '\'')
		diagnostics_help(diagnostics, "a string stands in double quotes");
	else if (byte == '.' && lexer->current.token == STRING)
		diagnostics_help(diagnostics, "strings are joined by '+'");
	else if (byte == '.' && is_half_number(lexer))
		diagnostics_help(diagnostics, "a number has digits on both sides of its dot: 0.5, 5.0");
	return YYerror;
}

/* A byte that is no token between clauses: it and what follows up to a blank or the start of a body is one mistake. */
static int junk(struct lexer *lexer, const char *from)
{
	while (lexer->cursor < lexer->limit && !strchr(" \t\r\n;{<\"", *lexer->cursor))
		lexer->cursor++;
	return unexpected(lexer, from, lexer_place(lexer, from));
}

bool lexer_ends_operand(int token)
{
	switch (token) {
	case NAME:
	case SELF:
	case LOCAL:
	case ARGUMENT:
	case ARGUMENT_COUNT:
	case AGGREGATION:
	case NUMBER:
	case STRING:
	case TRUE:
	case FALSE:
	case NIL:
	case CLOSE:
	case CLOSE_BRACKET:
	case INCREMENT:
	case DECREMENT:
		return true;
	default:
		return false;
	}
}

/* Every token passes here on its way to the parser. */
static int pass(struct lexer *lexer, int token, const char *start, struct location at)
{
	lexer->negative = token == '-' && !lexer_ends_operand(lexer->current.token);
	lexer->before = lexer->current;
	lexer->current = (struct word){ token, start, (int)(lexer->cursor - start), at };
	if (lexer->begins) {
		lexer->first = lexer->current;
		if (token != '}' && token != SEMICOLON && token != ANGLE_CLOSE && (lexer->condition == yycpattern || ends_definition(lexer)))
			lexer->errors = lexer->token_errors;
	}
	lexer->begins = token == SEMICOLON || token == '{' || token == '}' || token == ANGLE_OPEN || token == ANGLE_CLOSE;
	if (token == '{' || token == ANGLE_OPEN)
		lexer->slash_line = 0;
	if (lexer->begins)
		lexer->recovering = false;
	return token;
}

/* The next bracket that lexer_begin_clause() closes. */
static int closer(struct lexer *lexer, struct location *at)
{
	const int token = lexer->closers[--lexer->closer_count] == '<' ? ANGLE_CLOSE : '}';

	*at = lexer_place(lexer, lexer->cursor);
	return pass(lexer, token, lexer->cursor, *at);
}

int lexer_next(union YYSTYPE *value, struct location *at, struct lexer *lexer)
{
	const char *start;
	int token;

/*!re2c
	re2c:define:YYCTYPE = "unsigned char";
	re2c:define:YYCURSOR = cursor;
	re2c:define:YYMARKER = lexer->marker;
	re2c:define:YYGETCONDITION = "lexer->condition";
	re2c:define:YYGETCONDITION:naked = 1;
	re2c:yyfill:enable = 0;
	re2c:flags:case-ranges = 1;

	blank = [ \t\r\n\v\f]+;
	line_comment = ("#" | "//") [^\n\x00]*;
	block_comment = "/*" ([^*\x00] | "*"+ [^*/\x00])* "*"+ "/";
	string = "\"" ([^"\\\n\x00] | "\\" [^\n\x00])* "\"";
	single_quoted = "'" [^'\n\x00]* "'";
	broken_string = "\"" ([^"\\\n\x00] | "\\" [^\n\x00])*;
	letter = [A-Za-z_];
	word = letter [A-Za-z0-9_]*;
	number = [0-9] [0-9A-Za-z_]* ("." [0-9] [0-9A-Za-z_]*)? | [0-9] [0-9_]* ("." [0-9] [0-9_]*)? [eE] [+-] [0-9] [0-9A-Za-z_]*;
	pattern_character = [A-Za-z0-9_.:@$*?-] | "[" "!"? [A-Za-z0-9_.:@$-]+ "]";
*/

	lexer->token_errors = lexer->script->diagnostics->errors;
again:
	if (lexer->closer_count)
		return closer(lexer, at);
	if (lexer->ends_clause) {
		lexer->ends_clause = false;
		*at = lexer_place(lexer, lexer->cursor);
		return pass(lexer, SEMICOLON, lexer->cursor, *at);
	}
	start = lexer->cursor;
	if (start >= lexer->limit || lexer->given_up) {
		*at = lexer_place(lexer, start);
		return YYEOF;
	}
	/* Before all else: outside brackets a '/' closes the predicate, whatever follows. */
	if (lexer->condition == yycpredicate && lexer->depth == 1 && *start == '/') {
		lexer->cursor++;
		*at = lexer_place(lexer, start);
		leave(lexer);
		lexer->slash_line = lexer->line;
		return pass(lexer, PREDICATE_CLOSE, start, *at);
	}
#define TOKEN(t) do { token = (t); goto found; } while (0)
	{
		const char *cursor = start;
#define TAKE (lexer->cursor = cursor, *at = lexer_place(lexer, start))

/*!re2c
	<*> blank            { lexer->cursor = cursor; count_lines(lexer, start); goto again; }
	<*> line_comment     { TAKE; note_comment(lexer, start); if (lexer->keeps_comments) return LEXER_COMMENT; goto again; }
	<*> block_comment    { TAKE; count_lines(lexer, start); if (lexer->keeps_comments) return LEXER_COMMENT; goto again; }
	<*> "/*"             {
		lexer->cursor = cursor;
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_UNCLOSED_COMMENT, lexer_place(lexer, start));
		diagnostics_help(lexer->script->diagnostics, "expected '*" "/'");
		lexer->cursor = lexer->limit;
		count_lines(lexer, start);
		*at = lexer_place(lexer, lexer->cursor);
		lexer->given_up = true;
		return YYerror;
	}
	<*> string           { TAKE; value->name = token_string(lexer, start + 1, cursor - 1); TOKEN(STRING); }
	<*> broken_string    {
		TAKE;
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_UNCLOSED_STRING, *at);
		diagnostics_help(lexer->script->diagnostics, "a string ends in its line, with '\"'; a line break in it is \\n");
		value->name = (struct name){ "", 0 };
		lexer->broken_string = true;
		TOKEN(STRING);
	}
	<*> single_quoted    {
		TAKE;
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_SINGLE_QUOTES, *at);
		diagnostics_help(lexer->script->diagnostics, "write \"%.*s\"", (int)(cursor - start) - 2, start + 1);
		value->name = (struct name){ arena_copy(lexer->script->arena, start + 1, (size_t)(cursor - start) - 2), (size_t)(cursor - start) - 2 };
		TOKEN(STRING);
	}
	<*> ";"              { TAKE; close_statement(lexer); TOKEN(SEMICOLON); }
	<*> ","              { TAKE; TOKEN(','); }

	<pattern> pattern_character+ { TAKE; TOKEN(pattern(lexer, value, start, *at)); }
	<pattern> "/"        { TAKE; enter(lexer, yycpredicate, '/', *at); TOKEN(PREDICATE_OPEN); }
	<pattern> "<"        { TAKE; enter(lexer, yycbody, '<', *at); TOKEN(ANGLE_OPEN); }
	<pattern> "{"        { TAKE; enter(lexer, yycbody, '{', *at); TOKEN('{'); }
	<pattern> "}"        { TAKE; TOKEN('}'); }
	<pattern> *          { TAKE; TOKEN(junk(lexer, start)); }

	<predicate> "{"      { TAKE; enter(lexer, yycbody, '{', *at); TOKEN('{'); }
	<body> "{"           { TAKE; open_bracket(lexer, '{', *at); TOKEN('{'); }
	<predicate, body> "}" { TAKE; close_brace(lexer); TOKEN('}'); }
	<predicate, body> "(" { TAKE; open_bracket(lexer, '(', *at); TOKEN(OPEN); }
	<predicate, body> "[" { TAKE; open_bracket(lexer, '[', *at); TOKEN(OPEN_BRACKET); }
	<predicate, body> ")" { TAKE; close_parenthesis(lexer, '('); TOKEN(CLOSE); }
	<predicate, body> "]" { TAKE; close_parenthesis(lexer, '['); TOKEN(CLOSE_BRACKET); }

	<predicate, body> word ("." word)* { TAKE; TOKEN(token_word(lexer, value, start, *at)); }
	<predicate, body> word ("." word)* ("->" word ("." word)*)+ { TAKE; TOKEN(token_arrow(lexer, value, start, *at)); }
	<predicate, body> "$" word   { TAKE; value->name = token_copy(lexer, start + 1); TOKEN(LOCAL); }
	<predicate, body> "$" [0-9]+ { TAKE; value->name = token_copy(lexer, start + 1); TOKEN(ARGUMENT); }
	<predicate, body> "$#"       { TAKE; TOKEN(ARGUMENT_COUNT); }
	<predicate, body> "@" word?  { TAKE; value->name = token_copy(lexer, start); TOKEN(AGGREGATION); }
	<predicate, body> number     { TAKE; TOKEN(token_number(lexer, value, start, *at)); }

	<predicate, body> ">"   {
		TAKE;
		if (lexer->condition == yycbody && lexer->depth == 1 && lexer->brackets[0].open == '<') {
			leave(lexer);
			lexer->angle_line = lexer->line;
			TOKEN(ANGLE_CLOSE);
		}
		TOKEN('>');
	}
	<predicate, body> "->"  {
		TAKE;
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_ARROW, *at);
		diagnostics_help(lexer->script->diagnostics, "the path of a field is written with dots: req.url");
		TOKEN(YYerror);
	}
	<predicate, body> "<"   { TAKE; TOKEN('<'); }
	<predicate, body> "<="  { TAKE; TOKEN(LE); }
	<predicate, body> ">="  { TAKE; TOKEN(GE); }
	<predicate, body> "=="  { TAKE; TOKEN(EQ); }
	<predicate, body> "!="  { TAKE; TOKEN(NE); }
	<predicate, body> "!~"  { TAKE; TOKEN(NO_MATCH); }
	<predicate, body> "&&"  { TAKE; TOKEN(AND); }
	<predicate, body> "||"  { TAKE; TOKEN(OR); }
	<predicate, body> "<<"  { TAKE; TOKEN(SHL); }
	<predicate, body> ">>"  { TAKE; TOKEN(SHR); }
	<predicate, body> "++"  { TAKE; TOKEN(INCREMENT); }
	<predicate, body> "--"  { TAKE; TOKEN(DECREMENT); }
	<predicate, body> ".."  { TAKE; TOKEN(RANGE); }
	<predicate, body> "+="  { TAKE; value->operator = OPERATOR_ADD; TOKEN(COMPOUND); }
	<predicate, body> "-="  { TAKE; value->operator = OPERATOR_SUB; TOKEN(COMPOUND); }
	<predicate, body> "*="  { TAKE; value->operator = OPERATOR_MUL; TOKEN(COMPOUND); }
	<predicate, body> "/="  { TAKE; value->operator = OPERATOR_DIV; TOKEN(COMPOUND); }
	<predicate, body> "%="  { TAKE; value->operator = OPERATOR_MOD; TOKEN(COMPOUND); }
	<predicate, body> "&="  { TAKE; value->operator = OPERATOR_AND; TOKEN(COMPOUND); }
	<predicate, body> "|="  { TAKE; value->operator = OPERATOR_OR; TOKEN(COMPOUND); }
	<predicate, body> "^="  { TAKE; value->operator = OPERATOR_XOR; TOKEN(COMPOUND); }
	<predicate, body> "<<=" { TAKE; value->operator = OPERATOR_SHL; TOKEN(COMPOUND); }
	<predicate, body> ">>=" { TAKE; value->operator = OPERATOR_SHR; TOKEN(COMPOUND); }
	<predicate, body> "="   { TAKE; TOKEN(ASSIGN); }
	<predicate, body> [-+*/%&|^~!?:] { TAKE; TOKEN(*start); }
	<predicate, body> *     { TAKE; TOKEN(unexpected(lexer, start, *at)); }
*/
	}
#undef TAKE
#undef TOKEN
found:
	return pass(lexer, token, start, *at);
}
