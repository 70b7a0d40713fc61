/*
 * The grammar. Its actions only build nodes (tree.h); what they mean is found out by the check. After a mistake it goes on behind the next ';', at the
 * bracket that closes the body, or at the next body.
 */
%define api.pure full
%define api.location.type {struct location}
%define parse.error custom
%define parse.lac full
%define lr.type ielr
%define lr.default-reduction consistent
%locations
%lex-param { struct lexer *lexer }
%parse-param { struct script *script } { struct lexer *lexer }
%initial-action { @$.source = lexer->source; }

%code requires {
#include "tree.h"

struct lexer;

struct pattern_list {
	struct pattern *first, *last;
};
}

%union {
	struct name name;
	enum operator operator;
	struct expression *expression;
	struct arguments arguments;
	struct statement *statement;
	struct block block;
	struct pattern *pattern;
	struct pattern_list patterns;
	struct clause *clause;
}

%code {
#include <string.h>

#include "habit.h"

#define YYLLOC_DEFAULT(current, rhs, n) ((current) = location_join((rhs), (n)))

/* From the first to the last symbol of a rule; of an empty rule, just behind what stands before. */
static struct location location_of(struct location first, struct location last)
{
	return (struct location){ first.line, first.column, last.end_line, last.end_column, last.source };
}

#define location_join(rhs, n) \
	((n) ? location_of(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) \
	     : (struct location){ YYRHSLOC(rhs, 0).end_line, YYRHSLOC(rhs, 0).end_column, YYRHSLOC(rhs, 0).end_line, YYRHSLOC(rhs, 0).end_column, YYRHSLOC(rhs, 0).source })

#define yylex lexer_next

static void yyerror(const struct location *at, struct script *script, struct lexer *lexer, const char *message);

static const struct name no_name;
static const struct arguments no_arguments;
static const struct block no_block;

/* Whether a part of the clause or definition that ends here could not be read. */
static bool is_broken(const struct script *script, const struct lexer *lexer)
{
	return script->diagnostics->errors != lexer->errors;
}

static void add_clause(struct script *script, const struct lexer *lexer, struct clause *clause, struct block body)
{
	clause->has_body = true;
	clause->body = body;
	clause->broken = is_broken(script, lexer);
	tree_add(script, clause);
}

/* a:b < $x = c > d: what follows the '>' is no clause that prints an event. */
static void add_bodyless(struct script *script, struct lexer *lexer, struct clause *clause)
{
	if (lexer->angle_line == clause->at.line) {
		diagnostics_add(script->diagnostics, DIAGNOSTIC_AFTER_ANGLE, clause->at, clause->first->text.text);
		diagnostics_help(script->diagnostics, "a greater-than in a '<' body goes into parentheses");
		lexer_skip_body(lexer);
	}
	clause->broken = is_broken(script, lexer);
	tree_add(script, clause);
}

static struct statement *at_operator(struct statement *statement, enum operator operator, struct location at)
{
	statement->operator = operator;
	statement->operator_at = at;
	return statement;
}

/* A list of $ names. */
static struct arguments add_local(struct script *script, struct arguments list, struct name name, struct location at)
{
	return tree_argument(script, list, no_name, at, tree_leaf(script, EXPRESSION_LOCAL, at, name));
}

static struct arguments join_lists(struct arguments list, struct arguments rest)
{
	list.last->next = rest.first;
	list.last = rest.last;
	list.count += rest.count;
	return list;
}

static struct statement *for_each(struct script *script, struct location at, struct arguments names, struct expression *value, struct block body)
{
	struct statement *loop = tree_statement(script, STATEMENT_FOR_EACH, at, NULL, value);

	loop->list = names;
	return tree_compound(script, loop, body, no_block);
}
}

%token PATTERN "a probe pattern" PREDICATE_OPEN "'/'" PREDICATE_CLOSE "a closing '/'" ANGLE_OPEN "'<' of a body" ANGLE_CLOSE "'>' that closes the body"
%token NAME "a name" SELF "a self. variable" LOCAL "a $ variable" ARGUMENT "a script argument" ARGUMENT_COUNT "'$#'" AGGREGATION "an aggregation"
%token NUMBER "a number" STRING "a string" TRUE "'true'" FALSE "'false'" NIL "'nil'"
%token IF "'if'" ELSE "'else'" WHILE "'while'" FOR "'for'" BREAK "'break'" CONTINUE "'continue'" RETURN "'return'" DELETE "'delete'" EMIT "'emit'"
%token ASSIGN "'='" COMPOUND "a compound assignment" RANGE "'..'" INCREMENT "'++'" DECREMENT "'--'"
%token FN "'fn'" IMPORT "'import'" CONST "'const'" ARG "'arg'"
%token SEMICOLON "';'" OPEN "'('" CLOSE "')'" OPEN_BRACKET "'['" CLOSE_BRACKET "']'"
%token AND "'&&'" OR "'||'" EQ "'=='" NE "'!='" LE "'<='" GE "'>='" IN "'in'" NO_MATCH "'!~'" SHL "'<<'" SHR "'>>'"
%token YYEOF 0 "the end of the script"

%type <name> PATTERN NAME SELF LOCAL ARGUMENT AGGREGATION STRING
%type <operator> COMPOUND
%type <expression> NUMBER expression primary predicate
%type <arguments> arguments argument_list keys parameters parameter_list
%type <statement> simple compound if
%type <block> block statements terminated body
%type <pattern> pattern
%type <patterns> patterns
%type <clause> head

%right '?' ':'
%left OR
%left AND
%left '|'
%left '^'
%left '&'
%left EQ NE
%left '<' LE '>' GE IN '~' NO_MATCH
%left SHL SHR
%left '+' '-'
%left '*' '/' '%'
%precedence UNARY

%%

script:
	clauses
|	clauses head                                    { add_bodyless(script, lexer, $head); }
|	clauses error
;

clauses:
	%empty
|	clauses SEMICOLON
|	clauses definition
|	clauses head SEMICOLON                          { add_bodyless(script, lexer, $head); }
|	clauses head body                               { add_clause(script, lexer, $head, $body); }
|	clauses error SEMICOLON                         { yyerrok; }
|	clauses error body                              { yyerrok; }
|	clauses error '}'                               { yyerrok; }
;

definition:
	FN NAME OPEN parameters CLOSE block             { tree_function(script, @2, $2, $4, $6)->broken = is_broken(script, lexer); }
|	CONST NAME ASSIGN expression SEMICOLON          { tree_constant(script, @2, $2, $4)->broken = is_broken(script, lexer); }
|	ARG NAME ASSIGN expression SEMICOLON            { tree_parameter(script, @2, $2, $4)->broken = is_broken(script, lexer); }
|	ARG NAME SEMICOLON                              { tree_parameter(script, @2, $2, NULL)->broken = is_broken(script, lexer); }
|	IMPORT STRING SEMICOLON                         { import_source(script, @2, &$2); }
;

parameters:
	%empty                                          { $$ = no_arguments; }
|	parameter_list
;

parameter_list:
	LOCAL                                           { $$ = add_local(script, no_arguments, $1, @1); }
|	parameter_list ',' LOCAL                        { $$ = add_local(script, $1, $3, @3); }
;

head:
	patterns                                        { $$ = tree_clause(script, @$, $1.first, $1.last); }
|	patterns predicate                              { $$ = tree_clause(script, @1, $1.first, $1.last); $$->predicate = $2; }
;

patterns:
	pattern                                         { $$ = (struct pattern_list){ $1, $1 }; }
|	patterns ',' pattern                            { $$ = $1; $$.last->next = $3; $$.last = $3; }
;

pattern:
	PATTERN                                         { $$ = tree_pattern(script, @1, $1, false); }
|	STRING                                          { $$ = tree_pattern(script, @1, $1, true); }
;

predicate:
	PREDICATE_OPEN expression PREDICATE_CLOSE       { $$ = $2; }
|	PREDICATE_OPEN error PREDICATE_CLOSE            { $$ = NULL; yyerrok; }
|	PREDICATE_OPEN error                            { $$ = NULL; }
;

body:
	block
|	ANGLE_OPEN statements ANGLE_CLOSE               { $$ = $2; }
;

block:
	'{' statements '}'                              { $$ = $2; }
;

statements:
	terminated
|	terminated simple                               { $$ = tree_append($1, $2); }
|	terminated error                                { yyerrok; $$ = $1; }
;

terminated:
	%empty                                          { $$ = no_block; }
|	terminated SEMICOLON
|	terminated simple SEMICOLON                     { $$ = tree_append($1, $2); }
|	terminated compound                             { $$ = tree_append($1, $2); }
|	terminated error SEMICOLON                      { yyerrok; $$ = $1; }
|	terminated error broken                         { yyerrok; $$ = $1; }
;

/* The blocks of a statement whose head could not be read. */
broken:
	block
|	block ELSE block
|	block ELSE if
;

simple:
	expression                                      { $$ = tree_statement(script, STATEMENT_CALL, @$, NULL, $1); }
|	expression ASSIGN expression                    { $$ = at_operator(tree_statement(script, STATEMENT_ASSIGN, @$, $1, $3), 0, @2); }
|	expression COMPOUND expression                  { $$ = at_operator(tree_statement(script, STATEMENT_COMPOUND, @$, $1, $3), $2, @2); }
|	expression INCREMENT                            { $$ = at_operator(tree_statement(script, STATEMENT_INCREMENT, @$, $1, NULL), OPERATOR_ADD, @2); }
|	expression DECREMENT                            { $$ = at_operator(tree_statement(script, STATEMENT_DECREMENT, @$, $1, NULL), OPERATOR_SUB, @2); }
|	DELETE expression                               { $$ = tree_statement(script, STATEMENT_DELETE, @$, $2, NULL); }
|	EMIT                                            { $$ = tree_statement(script, STATEMENT_EMIT, @$, NULL, NULL); }
|	EMIT OPEN arguments CLOSE                       { $$ = tree_statement(script, STATEMENT_EMIT, @$, NULL, NULL); $$->list = $3; }
|	BREAK                                           { $$ = tree_statement(script, STATEMENT_BREAK, @$, NULL, NULL); }
|	CONTINUE                                        { $$ = tree_statement(script, STATEMENT_CONTINUE, @$, NULL, NULL); }
|	RETURN                                          { $$ = tree_statement(script, STATEMENT_RETURN, @$, NULL, NULL); }
|	RETURN expression                               { $$ = tree_statement(script, STATEMENT_RETURN, @$, NULL, $2); }
;

compound:
	if
|	WHILE OPEN expression CLOSE block               { $$ = tree_compound(script, tree_statement(script, STATEMENT_WHILE, @1, NULL, $3), $5, no_block); }
|	FOR OPEN LOCAL ':' expression RANGE expression CLOSE block {
		struct expression *local = tree_named(script, EXPRESSION_LOCAL, @3, $3, no_arguments, false);
		struct statement *loop = tree_statement(script, STATEMENT_FOR, @1, local, $5);

		loop->end = $7;
		$$ = tree_compound(script, loop, $9, no_block);
	}
|	FOR OPEN LOCAL ':' expression CLOSE block       { $$ = for_each(script, location_of(@1, @6), add_local(script, no_arguments, $3, @3), $5, $7); }
|	FOR OPEN LOCAL ',' parameter_list ':' expression CLOSE block {
		$$ = for_each(script, location_of(@1, @8), join_lists(add_local(script, no_arguments, $3, @3), $5), $7, $9);
	}
;

if:
	IF OPEN expression CLOSE block                  { $$ = tree_compound(script, tree_statement(script, STATEMENT_IF, @1, NULL, $3), $5, no_block); }
|	IF OPEN expression CLOSE block ELSE block       { $$ = tree_compound(script, tree_statement(script, STATEMENT_IF, @1, NULL, $3), $5, $7); }
|	IF OPEN expression CLOSE block ELSE if          { $$ = tree_compound(script, tree_statement(script, STATEMENT_IF, @1, NULL, $3), $5, tree_append(no_block, $7)); }
;

expression:
	primary
|	'!' expression %prec UNARY                      { $$ = tree_unary(script, OPERATOR_NOT, @$, @1, $2); }
|	'~' expression %prec UNARY                      { $$ = tree_unary(script, OPERATOR_INVERT, @$, @1, $2); }
|	'-' expression %prec UNARY                      { $$ = tree_unary(script, OPERATOR_NEGATE, @$, @1, $2); }
|	expression OR expression                        { $$ = tree_binary(script, OPERATOR_LOGICAL_OR, @$, @2, $1, $3); }
|	expression AND expression                       { $$ = tree_binary(script, OPERATOR_LOGICAL_AND, @$, @2, $1, $3); }
|	expression '|' expression                       { $$ = tree_binary(script, OPERATOR_OR, @$, @2, $1, $3); }
|	expression '^' expression                       { $$ = tree_binary(script, OPERATOR_XOR, @$, @2, $1, $3); }
|	expression '&' expression                       { $$ = tree_binary(script, OPERATOR_AND, @$, @2, $1, $3); }
|	expression EQ expression                        { $$ = tree_binary(script, OPERATOR_EQ, @$, @2, $1, $3); }
|	expression NE expression                        { $$ = tree_binary(script, OPERATOR_NE, @$, @2, $1, $3); }
|	expression '<' expression                       { $$ = tree_binary(script, OPERATOR_LT, @$, @2, $1, $3); }
|	expression LE expression                        { $$ = tree_binary(script, OPERATOR_LE, @$, @2, $1, $3); }
|	expression '>' expression                       { $$ = tree_binary(script, OPERATOR_GT, @$, @2, $1, $3); }
|	expression GE expression                        { $$ = tree_binary(script, OPERATOR_GE, @$, @2, $1, $3); }
|	expression '~' expression                       { $$ = tree_binary(script, OPERATOR_MATCH, @$, @2, $1, $3); }
|	expression NO_MATCH expression                  { $$ = tree_binary(script, OPERATOR_NO_MATCH, @$, @2, $1, $3); }
|	expression SHL expression                       { $$ = tree_binary(script, OPERATOR_SHL, @$, @2, $1, $3); }
|	expression SHR expression                       { $$ = tree_binary(script, OPERATOR_SHR, @$, @2, $1, $3); }
|	expression '+' expression                       { $$ = tree_binary(script, OPERATOR_ADD, @$, @2, $1, $3); }
|	expression '-' expression                       { $$ = tree_binary(script, OPERATOR_SUB, @$, @2, $1, $3); }
|	expression '*' expression                       { $$ = tree_binary(script, OPERATOR_MUL, @$, @2, $1, $3); }
|	expression '/' expression                       { $$ = tree_binary(script, OPERATOR_DIV, @$, @2, $1, $3); }
|	expression '%' expression                       { $$ = tree_binary(script, OPERATOR_MOD, @$, @2, $1, $3); }
|	expression IN expression                        { $$ = tree_in(script, @$, @2, tree_argument(script, no_arguments, no_name, @1, $1), $3); }
|	OPEN expression ',' keys CLOSE IN expression    {
		struct arguments keys = tree_argument(script, no_arguments, no_name, @2, $2);

		keys.first->next = $4.first;
		keys.last = $4.last;
		keys.count += $4.count;
		$$ = tree_in(script, @$, @6, keys, $7);
	}
|	expression '?' expression ':' expression        { $$ = tree_conditional(script, @$, $1, $3, $5); }
;

primary:
	NUMBER
|	STRING                                          { $$ = tree_leaf(script, EXPRESSION_STRING, @1, $1); }
|	TRUE                                            { $$ = tree_leaf(script, EXPRESSION_INT, @1, no_name); $$->integer = 1; }
|	FALSE                                           { $$ = tree_leaf(script, EXPRESSION_INT, @1, no_name); }
|	NIL                                             { $$ = tree_leaf(script, EXPRESSION_NIL, @1, no_name); }
|	NAME                                            { $$ = tree_leaf(script, EXPRESSION_NAME, @1, $1); }
|	NAME OPEN_BRACKET keys CLOSE_BRACKET            { $$ = tree_named(script, EXPRESSION_NAME, @$, $1, $3, true); }
|	NAME OPEN arguments CLOSE                       { $$ = tree_named(script, EXPRESSION_CALL, @$, $1, $3, false); $$->operator_at = @1; }
|	SELF                                            { $$ = tree_leaf(script, EXPRESSION_SELF, @1, $1); }
|	SELF OPEN_BRACKET keys CLOSE_BRACKET            { $$ = tree_named(script, EXPRESSION_SELF, @$, $1, $3, true); }
|	AGGREGATION                                     { $$ = tree_leaf(script, EXPRESSION_AGGREGATION, @1, $1); }
|	AGGREGATION OPEN_BRACKET keys CLOSE_BRACKET     { $$ = tree_named(script, EXPRESSION_AGGREGATION, @$, $1, $3, true); }
|	LOCAL                                           { $$ = tree_leaf(script, EXPRESSION_LOCAL, @1, $1); }
|	ARGUMENT                                        { $$ = tree_leaf(script, EXPRESSION_ARGUMENT, @1, $1); }
|	ARGUMENT_COUNT                                  { $$ = tree_leaf(script, EXPRESSION_ARGUMENTS, @1, no_name); }
|	OPEN expression CLOSE                           { $$ = $2; $$->parenthesised = true; $$->at = @$; }
;

keys:
	expression                                      { $$ = tree_argument(script, no_arguments, no_name, @1, $1); }
|	keys ',' expression                             { $$ = tree_argument(script, $1, no_name, @3, $3); }
;

arguments:
	%empty                                          { $$ = no_arguments; }
|	argument_list
;

argument_list:
	expression                                      { $$ = tree_argument(script, no_arguments, no_name, @1, $1); }
|	NAME ':' expression                             { $$ = tree_argument(script, no_arguments, $1, @1, $3); }
|	argument_list ',' expression                    { $$ = tree_argument(script, $1, no_name, @3, $3); }
|	argument_list ',' NAME ':' expression           { $$ = tree_argument(script, $1, $3, @3, $5); }
;

%%

/* Out of stack: the text is nested beyond what anybody would write. */
static void yyerror(const struct location *at, struct script *script, struct lexer *lexer, const char *message)
{
	(void)lexer;
	(void)message;
	diagnostics_add(script->diagnostics, DIAGNOSTIC_TOO_DEEP, *at, YYMAXDEPTH);
}

static bool is_expected(const yysymbol_kind_t *expected, int count, yysymbol_kind_t kind)
{
	for (int i = 0; i < count; i++) {
		if (expected[i] == kind)
			return true;
	}
	return false;
}

/* "expected ')' or ','": what could stand there, if that is little. */
static void help_expected(struct script *script, const struct lexer *lexer, const yysymbol_kind_t *expected, int count)
{
	enum { MOST = 4 };
	char text[200] = "";
	size_t used = 0;

	if (is_expected(expected, count, YYSYMBOL_SHL)) {
		/* Behind a whole expression any operator could follow: name only what ends it. */
		static const struct {
			yysymbol_kind_t kind;
			const char *text;
		} ends[] = { { YYSYMBOL_PREDICATE_CLOSE, "a closing '/'" }, { YYSYMBOL_ANGLE_CLOSE, "';' or a closing '>'" }, { YYSYMBOL_SEMICOLON, "';' or a closing '}'" },
			     { YYSYMBOL_CLOSE_BRACKET, "']'" }, { YYSYMBOL_CLOSE, "')'" }, { YYSYMBOL_RANGE, "'..'" } };

		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
			if (is_expected(expected, count, ends[i].kind)) {
				const int first = lexer->first.token;

				if (ends[i].kind == YYSYMBOL_SEMICOLON && (first == CONST || first == ARG))
					diagnostics_help(script->diagnostics, "expected an operator or ';'");
				else
					diagnostics_help(script->diagnostics, "expected an operator or %s", ends[i].text);
				break;
			}
		}
		return;
	}
	if (is_expected(expected, count, YYSYMBOL_NUMBER)) {
		diagnostics_help(script->diagnostics, is_expected(expected, count, YYSYMBOL_WHILE) ? "expected a statement" : "expected a value");
		return;
	}
	if (is_expected(expected, count, YYSYMBOL_PREDICATE_OPEN) && is_expected(expected, count, YYSYMBOL_SEMICOLON)) {
		diagnostics_help(script->diagnostics, "expected ',' or ';' between patterns, a predicate or a body");
		return;
	}
	if (is_expected(expected, count, YYSYMBOL_FN)) {
		diagnostics_help(script->diagnostics, "expected a probe pattern or a definition");
		return;
	}
	if (count == 1 && expected[0] == YYSYMBOL_NAME) {
		diagnostics_help(script->diagnostics, "expected a name; fn, import, const and arg begin definitions, a probe so called goes in double quotes");
		return;
	}
	if (!count || count > MOST)
		return;
	for (int i = 0; i < count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", yysymbol_name(expected[i]));
	diagnostics_help(script->diagnostics, "expected %s", text);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct script *script, struct lexer *lexer)
{
	enum { ROOM = 80 };
	yysymbol_kind_t expected[ROOM];
	yysymbol_kind_t found = yypcontext_token(context);
	int count = yypcontext_expected_tokens(context, expected, ROOM);
	struct diagnostics *diagnostics = script->diagnostics;
	struct location at = *yypcontext_location(context);

	if (found == YYSYMBOL_YYEOF && lexer_report_open(lexer))
		return 0;
	if (found == YYSYMBOL_YYEOF) {
		diagnostics_add(diagnostics, DIAGNOSTIC_SYNTAX_END, at);
		help_expected(script, lexer, expected, count);
		return 0;
	}

	const struct expectation expectation = {
		.block = count == 1 && !strcmp(yysymbol_name(expected[0]), "'{'"),
		.parenthesis = is_expected(expected, count, YYSYMBOL_OPEN),
		.semicolon = is_expected(expected, count, YYSYMBOL_SEMICOLON),
		.value = is_expected(expected, count, YYSYMBOL_NUMBER),
	};
	struct habit habit;
	const bool known = habit_find(lexer, &expectation, &habit);

	if (habit.told)
		return 0;
	lexer->recovering = lexer->condition == yycpattern;
	diagnostics_add(diagnostics, DIAGNOSTIC_SYNTAX, habit.blame.at, habit.blame.length, habit.blame.text);
	if (lexer->comment.line && lexer->comment.line == lexer->before.at.end_line)
		diagnostics_help(diagnostics, "the '//' in line %d begins a comment", lexer->comment.line);
	else if (known)
		diagnostics_help(diagnostics, "%s", habit.help);
	else
		help_expected(script, lexer, expected, count);
	return 0;
}

void parse_source(struct script *script, int source)
{
	struct compiled_source *from = &script->compiled->sources[source];
	struct lexer lexer;

	from->open = true;
	lexer_init(&lexer, script, source, from->text, from->length);
	yyparse(script, &lexer);
	/* Imports may have moved the array. */
	script->compiled->sources[source].open = false;
}
