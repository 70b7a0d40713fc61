/*
 * What tokens stand for: strings without their escapes, numbers, words, patterns; and what other languages write where these stand.
 */
#include "lexer.h"

#include <string.h>

#include "parser.h"

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

struct name token_string(struct lexer *lexer, const char *from, const char *end)
{
	static const char letters[] = "nrtabfve0\"\\'/", meanings[] = "\n\r\t\a\b\f\v\x1b\0\"\\'/";
	char *text = arena_allocate(lexer->script->arena, (size_t)(end - from) + 1);
	size_t length = 0;

	for (const char *at = from; at < end; at++) {
		if (*at != '\\') {
			text[length++] = *at;
			continue;
		}
		at++;
		if (*at == 'x' && end - at > 2 && strspn(at + 1, "0123456789abcdefABCDEF") >= 2) {
			text[length++] = (char)(hex_value(at[1]) << 4 | hex_value(at[2]));
			at += 2;
			continue;
		}

		const char *letter = strchr(letters, *at);

		if (*at && letter) {
			text[length++] = meanings[letter - letters];
			continue;
		}

		struct location where = lexer_place(lexer, at - 1);

		where.end_column = where.column + 2;
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_BAD_ESCAPE, where, (int)((unsigned char)*at < 0x80 ? 1 : 0), at);
		diagnostics_help(lexer->script->diagnostics, "escapes are \\n \\t \\r \\\" \\\\ \\0 \\xHH; a backslash itself is \\\\");
	}
	return (struct name){ text, length };
}

struct name token_copy(struct lexer *lexer, const char *from)
{
	size_t length = (size_t)(lexer->cursor - from);

	return (struct name){ arena_copy(lexer->script->arena, from, length), length };
}

int token_number(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at)
{
	struct expression literal;
	const char *problem;
	size_t length = (size_t)(lexer->cursor - from);

	if (!literal_parse(from, length, lexer->negative, &literal, &problem)) {
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_BAD_NUMBER, at, (int)(length < 60 ? length : 60), from);
		diagnostics_help(lexer->script->diagnostics, "%s", problem);
	}
	value->expression = tree_number(lexer->script, &literal, at);
	return NUMBER;
}

int token_word(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at)
{
	static const struct {
		const char *text;
		int token;
	} words[] = {
		{ "if", IF }, { "else", ELSE }, { "while", WHILE }, { "for", FOR }, { "in", IN }, { "break", BREAK }, { "continue", CONTINUE },
		{ "return", RETURN }, { "delete", DELETE }, { "emit", EMIT }, { "true", TRUE }, { "false", FALSE }, { "nil", NIL },
	};
	size_t length = (size_t)(lexer->cursor - from);

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i].text) == length && !memcmp(words[i].text, from, length))
			return words[i].token;
	}
	value->name = token_copy(lexer, from);
	if (!strncmp(value->name.text, "self", 4) && (length == 4 || value->name.text[4] == '.')) {
		if (length > 5 && !strchr(value->name.text + 5, '.')) {
			value->name = (struct name){ value->name.text + 5, length - 5 };
			return SELF;
		}
		diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_BAD_SELF, at);
		diagnostics_help(lexer->script->diagnostics, "write self.x for a variable of the thread, trace.%s for a field of that name", value->name.text);
	}
	return NAME;
}

int token_arrow(struct lexer *lexer, union YYSTYPE *value, const char *from, struct location at)
{
	struct diagnostics *diagnostics = lexer->script->diagnostics;
	struct name name = token_copy(lexer, from);
	const char *first = strstr(name.text, "->") + 2;
	char *text = arena_copy(lexer->script->arena, name.text, name.length);
	size_t length = 0;

	for (const char *c = name.text; *c; c++) {
		const bool is_arrow = *c == '-' && c[1] == '>';

		text[length++] = is_arrow ? '.' : *c;
		c += is_arrow;
	}
	text[length] = '\0';
	at.column += (int)(first - 2 - name.text);
	at.end_column = at.column + 2;
	diagnostics_add(diagnostics, DIAGNOSTIC_ARROW, at);

	char *rest = strchr(text, '.') + 1;
	bool is_self = !strncmp(text, "self.", 5) && !strchr(rest, '.'), is_this = !strncmp(text, "this.", 5) && !strchr(rest, '.'), is_args = !strncmp(text, "args.", 5);

	value->name = is_self || is_this || is_args ? (struct name){ rest, strlen(rest) } : (struct name){ text, length };
	if (is_this)
		diagnostics_help(diagnostics, "a variable of this clause alone is written $%s", rest);
	else if (is_args)
		diagnostics_help(diagnostics, "the fields of the event go by their names: %s", rest);
	else if (is_self)
		diagnostics_help(diagnostics, "a variable of the thread is written self.%s", rest);
	else
		diagnostics_help(diagnostics, "the path of a field is written with dots: %s", text);
	return is_self ? SELF : is_this ? LOCAL : NAME;
}

/* usdt:/path:provider:name of bpftrace: a path is no part of a pattern. Reads it whole; false: it is nothing like that. */
static bool takes_path(struct lexer *lexer, const char *from)
{
	static const char *const kinds[] = { "usdt:", "uprobe:", "uretprobe:", "watchpoint:" };
	const char *end = lexer->cursor;
	bool is_kind = false;

	if (end >= lexer->limit || *end != '/')
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		is_kind |= !strncmp(from, kinds[i], strlen(kinds[i]));
	if (!is_kind && end[-1] != ':')
		return false;
	while (end < lexer->limit && !strchr(" \t\r\n{<;,\"", *end))
		end++;
	lexer->cursor = end;

	const struct location at = lexer_place(lexer, from);
	const char *name = end;

	for (int colons = 0; name > from && name[-1] != '/'; name--) {
		if (name[-1] == ':' && ++colons == 2)
			break;
	}
	diagnostics_add(lexer->script->diagnostics, DIAGNOSTIC_PATH_IN_PATTERN, at, at.end_column - at.column, from);
	if (!strncmp(from, "usdt:", 5) && name > from && name[-1] == ':')
		diagnostics_help(lexer->script->diagnostics, "write %.*s; which process is said by -p or -t", (int)(end - name), name);
	else
		diagnostics_help(lexer->script->diagnostics, "jstrace sees the probes that a program carries: jstrace -l lists them");
	return true;
}

int token_pattern(struct lexer *lexer, union YYSTYPE *value, const char *from)
{
	static const struct {
		const char *text;
		int token;
	} words[] = { { "fn", FN }, { "import", IMPORT }, { "const", CONST }, { "arg", ARG } };

	if (takes_path(lexer, from)) {
		value->name = token_copy(lexer, from);
		return PATTERN;
	}
	value->name = token_copy(lexer, from);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(words[i].text, value->name.text))
			return words[i].token;
	}
	return PATTERN;
}
