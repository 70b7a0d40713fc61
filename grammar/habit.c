/*
 * See habit.h.
 */
#include "habit.h"

#include <string.h>

#include "parser.h"

struct row {
	const char *text, *help;
};

#define ROWS(rows) (sizeof(rows) / sizeof(*(rows)))

static bool is(const struct word *word, const char *text)
{
	return strlen(text) == (size_t)word->length && !memcmp(word->text, text, (size_t)word->length);
}

static bool same(const struct word *a, const struct word *b)
{
	return a->text == b->text;
}

static const char *look_up(const struct row *rows, size_t count, const struct word *word)
{
	for (size_t i = 0; i < count; i++) {
		if (is(word, rows[i].text))
			return rows[i].help;
	}
	return NULL;
}

static bool say(struct habit *habit, const char *help)
{
	snprintf(habit->help, sizeof(habit->help), "%s", help);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *line_end(const struct lexer *lexer, const char *from)
{
	const char *end = memchr(from, '\n', (size_t)(lexer->limit - from));

	return end ? end : lexer->limit;
}

/* ---- delimiters ---- */

/* a:b < $x = c > d > */
static bool behind_angle(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	(void)expected;
	if (lexer->condition != yycpattern || lexer->angle_line != lexer->current.at.line || lexer->current.token == '{' || lexer->current.token == ANGLE_OPEN || lexer->current.token == ANGLE_CLOSE)
		return false;
	lexer_skip_body(lexer);
	lexer_end_clause(lexer);
	return say(habit, "the '>' before it closed the body: a greater-than in a '<' body goes into parentheses");
}

/* a:b /c / 2 > 1/ { }: goes on at the body, if that begins in the same line. */
static bool behind_slash(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	(void)expected;
	if (lexer->condition != yycpattern || !lexer->slash_line || lexer->slash_line != lexer->current.at.line)
		return false;

	const char *end = line_end(lexer, lexer->cursor);

	for (const char *at = lexer->cursor; at < end; at++) {
		const char *behind = at + 1;

		while (behind < end && is_blank(*behind))
			behind++;
		if (*at == '/' && behind < end && (*behind == '{' || *behind == '<')) {
			lexer_leave_to(lexer, at + 1);
			break;
		}
	}
	return say(habit, "the '/' before it closed the predicate: a division goes into parentheses");
}

/* Whether the word is the first of its line. */
static bool begins_line(const struct word *word)
{
	for (const char *at = word->text; word->at.column > 1 && at > word->text - (word->at.column - 1); at--) {
		if (!is_blank(at[-1]))
			return false;
	}
	return true;
}

/* A clause where a statement should be: request:start { … in the body of another. */
static bool missing_brace(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	static const char *const specials[] = { "BEGIN", "END" };
	const struct word *first = &lexer->first;
	bool clause = lexer->current.token == ':' && first->text + first->length == lexer->current.text && (begins_line(first) || !is_blank(lexer->cursor[0]));

	(void)expected;
	for (size_t i = 0; i < ROWS(specials); i++)
		clause |= is(first, specials[i]) && lexer->current.token == '{';
	if (lexer->condition != yycbody || !lexer->depth || !same(first, &lexer->before) || !clause)
		return false;

	const struct bracket base = lexer->brackets[0];

	if (base.open != '{' && base.open != '<')
		return false;
	habit->blame = *first;
	while (habit->blame.text + habit->blame.length < lexer->limit && !strchr(" \t\r\n/<{;,", habit->blame.text[habit->blame.length]))
		habit->blame.length++;
	habit->blame.at.end_column = habit->blame.at.column + habit->blame.length;
	habit->blame.at.end_line = habit->blame.at.line;
	lexer_begin_clause(lexer);
	snprintf(habit->help, sizeof(habit->help), "the body that begins in line %d is not closed: expected '%s' before this clause", base.at.line, base.open == '{' ? "}" : ">");
	return true;
}

/* ---- statements of other languages ---- */

static const struct row statements[] = {
	{ "elif", "write else if (…) { … }" },
	{ "elsif", "write else if (…) { … }" },
	{ "elseif", "write else if (…) { … }" },
	{ "switch", "write if (…) { … } else if (…) { … }" },
	{ "unroll", "write for ($i : 0..n) { … }" },
	{ "foreach", "write for ($i : 0..n) { … }, or for ($key, $value : @name) { … } in a tick-1s or END clause" },
	{ "do", "write while (…) { … }" },
	{ "until", "write while (!(…)) { … }" },
	{ "unless", "write if (!(…)) { … }" },
	{ "function", "functions are defined outside of clauses: fn name($x) { return …; }" },
	{ "func", "functions are defined outside of clauses: fn name($x) { return …; }" },
	{ "def", "functions are defined outside of clauses: fn name($x) { return …; }" },
	{ "fn", "functions are defined outside of clauses: fn name($x) { return …; }" },
	{ "const", "constants are defined outside of clauses: const NAME = …;" },
	{ "import", "imports stand outside of clauses" },
};

static const char *const declarations[] = {
	"var", "let", "my", "local", "global", "auto", "int", "long", "short", "char", "unsigned", "signed", "float", "double", "bool", "string", "size_t", "self", "this",
	"int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "uint64", "int64", "u64", "s64",
};

static const char *const printers[] = { "print", "printf", "echo", "puts", "log" };

static bool is_any(const struct word *word, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is(word, texts[i]))
			return true;
	}
	return false;
}

static bool foreign_statement(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	const struct word *first = &lexer->first, *current = &lexer->current;
	const bool second = same(first, &lexer->before);
	const char *help;

	(void)expected;
	if (first->token != NAME || (!second && current->token != '{' && current->token != ':'))
		return false;
	if ((help = look_up(statements, ROWS(statements), first))) {
		lexer->do_loop = is(first, "do");
		habit->blame = *first;
		return say(habit, help);
	}
	if (second && is_any(first, declarations, ROWS(declarations)) && (current->token == NAME || current->token == LOCAL)) {
		habit->blame = *first;
		return say(habit, "variables are not declared: x = 1 makes one for all clauses, $x = 1 one for this clause");
	}
	if (second && current->token == STRING && is_any(first, printers, ROWS(printers)))
		return say(habit, "the arguments of a call stand in parentheses");
	return false;
}

/* fn name(x): its parameters are $ variables. */
static bool parameter(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	(void)expected;
	if (lexer->first.token != FN || lexer->current.token != NAME || (lexer->before.token != OPEN && lexer->before.token != ','))
		return false;
	snprintf(habit->help, sizeof(habit->help), "the parameters of a function are $ variables: $%.*s", lexer->current.length, lexer->current.text);
	return true;
}

/* A definition of another language, at the top level. */
static bool foreign_definition(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	static const char *const function_words[] = { "function", "func", "def", "fun", "sub", "inline", "static" };
	static const char *const variable_words[] = { "var", "let", "global", "int", "define" };

	(void)expected;
	if (lexer->condition != yycpattern || lexer->first.token != PATTERN || !same(&lexer->first, &lexer->before))
		return false;
	if (is_any(&lexer->first, function_words, ROWS(function_words)))
		say(habit, "a function is defined by fn name($x) { return …; }");
	else if (is_any(&lexer->first, variable_words, ROWS(variable_words)))
		say(habit, "a constant is defined by const NAME = …;, a variable is assigned in a clause such as BEGIN { x = 1; }");
	else
		return false;
	habit->blame = lexer->first;
	lexer->script->definitions_begun++;
	return true;
}

/* The head of a loop: whatever is wrong there, here is how it is written. */
static bool loop(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	const char *end = line_end(lexer, lexer->cursor);
	int depth = 1;

	(void)expected;
	if (lexer->first.token != FOR || lexer->current.token == '{')
		return false;
	/* The ';' of C's loops end no statement: goes on at the block. */
	for (const char *at = lexer->cursor; at < end && *at != '{'; at++) {
		depth += (*at == '(') - (*at == ')');
		if (depth)
			continue;
		lexer_skip_parentheses(lexer, at + 1);
		break;
	}
	return say(habit, "a loop is written for ($i : 0..10) { … }, or while (…) { … }");
}

static bool condition(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	const int before = lexer->before.token;

	if (lexer->current.token == ELSE && lexer->braceless) {
		habit->told = true;
		return true;
	}
	if (lexer->do_loop && lexer->first.token == WHILE && expected->block && (lexer->current.token == SEMICOLON || lexer->current.token == '}')) {
		lexer->do_loop = false;
		habit->told = true;
		return true;
	}
	lexer->braceless = false;
	if (expected->parenthesis && (before == IF || before == WHILE))
		return say(habit, before == IF ? "the condition stands in parentheses: if (…) { … }" : "the condition stands in parentheses: while (…) { … }");
	if (!expected->block || (before != CLOSE && before != ELSE))
		return false;
	lexer->braceless = true;
	return say(habit, "what follows stands in braces, be it one statement only: { … }");
}

/* ---- operators of other languages ---- */

static bool foreign_operator(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	static const struct row operators[] = {
		{ "and", "write &&" }, { "or", "write ||" }, { "not", "write !" }, { "is", "write ==" }, { "eq", "write ==" }, { "ne", "write !=" }, { "mod", "write %" }, { "xor", "write ^" },
		{ "like", "write ~ for a glob: path ~ \"/api/*\"" },
	};
	static const struct {
		int before, token;
		const char *help;
	} pairs[] = {
		{ '*', '*', "there is no '**': write x * x" },
		{ '*', COMPOUND, "there is no '**'" },
		{ EQ, ASSIGN, "a comparison is '=='" },
		{ NE, ASSIGN, "a comparison is '!='" },
		{ '<', '>', "write !=" },
		{ '<', ANGLE_CLOSE, "write !=" },
		{ ':', ASSIGN, "an assignment is written '='" },
		{ '~', '~', "a match is written s ~ \"glob\"" },
		{ CLOSE_BRACKET, OPEN_BRACKET, "keys stand in one pair of brackets: x[a, b]" },
		{ ANGLE_CLOSE, ',', "clauses follow each other without a sign between them" },
		{ '}', ',', "clauses and statements follow each other without a ','" },
	};
	const struct word *current = &lexer->current, *before = &lexer->before;
	const char *help = NULL;

	if (current->token == NAME)
		help = look_up(operators, ROWS(operators), current);
	if (help)
		return say(habit, help);
	if (before->token == NAME && is(before, "not")) {
		habit->blame = *before;
		return say(habit, "write !");
	}
	for (size_t i = 0; i < ROWS(pairs); i++) {
		if (pairs[i].before == before->token && pairs[i].token == current->token)
			return say(habit, pairs[i].help);
	}
	if (current->token == ASSIGN && lexer->cursor[0] == '~')
		return say(habit, "a match is written s ~ \"glob\"");
	if (current->token == ASSIGN && expected->semicolon && before->token != ASSIGN)
		return say(habit, "an assignment is a statement of its own");
	if (current->token == ASSIGN)
		return say(habit, "a comparison is '=='; assignments are statements");
	if ((current->token == INCREMENT || current->token == DECREMENT) && same(current, &lexer->first))
		return say(habit, "it follows the variable: x++");
	if (current->token == ',' && expected->semicolon)
		return say(habit, "statements are separated by ';'");
	return false;
}

/* x = 1 y = 2: two statements, or two operands, with nothing between them. */
static bool missing_semicolon(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	static const int begin[] = { NAME, SELF, LOCAL, AGGREGATION, IF, WHILE, FOR, BREAK, CONTINUE, RETURN, DELETE, EMIT };

	for (size_t i = 0; expected->semicolon && !expected->value && i < ROWS(begin); i++) {
		if (lexer->current.token != begin[i])
			continue;
		if (lexer->before.token == EMIT)
			return say(habit, "the values of emit stand in parentheses: emit(id, path)");
		if (lexer->before.token == CLOSE && lexer->first.token == OPEN)
			return say(habit, "expected ';' before it, or an operator; a value is converted by a function: int(x), str(x)");
		return say(habit, "expected ';' before it, or an operator");
	}
	return false;
}

/* (int)x */
static bool cast(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	const char *at = lexer->before.text;

	(void)expected;
	if (lexer->before.token != CLOSE || lexer->condition == yycpattern || (lexer->current.token != NAME && lexer->current.token != LOCAL && lexer->current.token != NUMBER))
		return false;
	for (const char *line = at - (lexer->before.at.column - 1); at > line && at[-1] != '('; at--)
		;
	for (size_t i = 0; i < ROWS(declarations); i++) {
		if (strlen(declarations[i]) == (size_t)(lexer->before.text - at) && !strncmp(at, declarations[i], strlen(declarations[i])))
			return say(habit, "a value is converted by a function: int(x), float(x), str(x)");
	}
	return false;
}

bool habit_find(struct lexer *lexer, const struct expectation *expected, struct habit *habit)
{
	static bool (*const habits[])(struct lexer *, const struct expectation *, struct habit *) = {
		behind_angle, behind_slash, missing_brace, foreign_definition, parameter, foreign_statement, loop, condition, cast, foreign_operator, missing_semicolon,
	};

	*habit = (struct habit){ .blame = lexer->current };
	for (size_t i = 0; i < ROWS(habits); i++) {
		if (habits[i](lexer, expected, habit))
			return true;
	}
	return false;
}

/* ---- functions of other languages ---- */

const char *habit_function(const char *name)
{
	static const struct row functions[] = {
		{ "len", "strlen(s) is the length of a string" }, { "length", "strlen(s) is the length of a string" }, { "size", "strlen(s) is the length of a string" },
		{ "substring", "write substr(s, from, n)" }, { "slice", "write substr(s, from, n)" }, { "strjoin", "write cat(a, b, …)" }, { "concat", "write cat(a, b, …)" }, { "join", "write cat(a, b, …)" },
		{ "index", "write strstr(s, t)" }, { "indexOf", "write strstr(s, t)" }, { "contains", "write strcontains(s, t)" }, { "includes", "write strcontains(s, t)" },
		{ "tolower", "write lower(s)" }, { "toLowerCase", "write lower(s)" }, { "toupper", "write upper(s)" }, { "toUpperCase", "write upper(s)" },
		{ "startsWith", "write starts_with(s, t)" }, { "startswith", "write starts_with(s, t)" }, { "endsWith", "write ends_with(s, t)" }, { "endswith", "write ends_with(s, t)" },
		{ "strip", "write trim(s)" }, { "toString", "write str(x)" }, { "tostring", "write str(x)" }, { "String", "write str(x)" }, { "stringof", "write str(x)" },
		{ "parseInt", "write int(x)" }, { "Number", "write float(x)" }, { "parseFloat", "write float(x)" }, { "random", "write rand(), which is in [0, 1)" },
		{ "pow", "there is none: write x * x" }, { "trace", "write print(x)" }, { "log", "write print(x), or log2(x) for the logarithm" }, { "echo", "write print(x)" }, { "println", "write print(x)" },
		{ "puts", "write print(x)" }, { "sprintf", "write cat(a, b, …)" }, { "strftime", "printf(\"%T\", timestamp) prints a time" }, { "gettimeofday", "the time is the variable now, or timestamp" },
		{ "nsecs", "it is a variable: now" }, { "ustack", "write stack()" }, { "jstack", "write stack()" }, { "trunc", "print(@a, 10) prints the first rows of an aggregation, clear(@a) empties it; int(x) drops a fraction" }, { "normalize", "divide the value: sum(x / 1KiB)" },
		{ "system", "a script runs no commands" }, { "copyinstr", "a field holds the string itself" }, { "copyin", "a field holds the value itself" }, { "kstack", "there are no kernel stacks: stack() is the user's" },
		{ "speculation", "nothing is to be got first: speculate(id) takes whatever tells the requests apart" },
	};
	const char *last = strrchr(name, '.');
	const struct word word = { .text = last ? last + 1 : name, .length = (int)strlen(last ? last + 1 : name) };

	return look_up(functions, ROWS(functions), &word);
}

/* ---- variables of other languages ---- */

const char *habit_variable(const char *name)
{
	static const struct row variables[] = {
		{ "null", "what is missing is nil" }, { "NULL", "what is missing is nil" }, { "None", "what is missing is nil" }, { "undefined", "what is missing is nil" }, { "NaN", "what is missing is nil" },
		{ "walltimestamp", "the wall clock is timestamp" }, { "ustack", "write stack()" }, { "kstack", "there are no kernel stacks: stack() is the user's" },
	};
	const struct word word = { .text = name, .length = (int)strlen(name) };

	/* arg0 to arg9, args.size */
	if ((!strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '9' && !name[4]) || !strncmp(name, "args.", 5))
		return "the fields of the event go by their names";
	return look_up(variables, ROWS(variables), &word);
}
