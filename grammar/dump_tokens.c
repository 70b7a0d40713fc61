/*
 * --dump=tokens: one token a line, with its place, its kind and the text it stands for.
 */
#include "lexer.h"

#include <stdlib.h>

#include "parser.h"

static const char *token_name(int token)
{
	switch (token) {
	case PATTERN:
		return "pattern";
	case PREDICATE_OPEN:
		return "predicate-open";
	case PREDICATE_CLOSE:
		return "predicate-close";
	case ANGLE_OPEN:
		return "body-open";
	case ANGLE_CLOSE:
		return "body-close";
	case NAME:
		return "name";
	case SELF:
		return "self";
	case LOCAL:
		return "local";
	case ARGUMENT:
	case ARGUMENT_COUNT:
		return "argument";
	case AGGREGATION:
		return "aggregation";
	case NUMBER:
		return "number";
	case STRING:
		return "string";
	case IF:
	case ELSE:
	case WHILE:
	case FOR:
	case BREAK:
	case CONTINUE:
	case RETURN:
	case DELETE:
	case EMIT:
	case TRUE:
	case FALSE:
	case NIL:
	case IN:
		return "keyword";
	default:
		return "punctuation";
	}
}

bool dump_tokens(const char *text, size_t length, FILE *out)
{
	struct arena arena = { 0 };
	struct diagnostics diagnostics = { 0 };
	struct script script = { .arena = &arena, .diagnostics = &diagnostics };
	const size_t mark = compiled_mark(text, length);
	char *copy = heap_copy(text + mark, length - mark);
	struct location at;
	struct lexer lexer;
	YYSTYPE value;

	lexer_init(&lexer, &script, 0, copy, length - mark);
	for (;;) {
		const char *start;
		int token = lexer_next(&value, &at, &lexer);

		if (token == YYEOF)
			break;
		if (token == YYerror)
			continue;
		start = lexer.line_start + at.column - 1;
		fprintf(out, "%d:%d\t%s\t%.*s\n", at.line, at.column, token_name(token), at.end_column - at.column, start);
	}
	lexer_report_open(&lexer);

	bool good = diagnostics.errors == 0;

	diagnostics_fini(&diagnostics);
	arena_fini(&arena);
	free(copy);
	return good;
}
