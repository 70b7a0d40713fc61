/*
 * The layout of --fmt.
 *
 *     request:end, request:abort /status >= 500/ {   patterns, predicate and brace in one line; '<' and '>' become braces
 *       @errors[path] = count();                     two blanks a level, one statement a line, each with its ';'
 *     }
 *
 *     tick-1s { print(@errors); }                    one simple statement that stood in one line with its braces stays there; an if with an else is always broken
 *
 * At most one empty line stays between two lines; there is one around each clause or definition that takes more than one line. Long lines are not broken. Where a statement was broken behind a comma, an opening
 * bracket or an operator, or before an operator, it stays broken there and goes on two levels deeper. A comment stays where it is, but for one that would come to stand before a ';' or a '{': it follows them.
 * Numbers, strings and names stay as they are written.
 */
#include "fmt.h"

#include "lexer.h"
#include "parser.h"

struct layout {
	struct fmt_pieces pieces;
	size_t at;            /* the next piece that is not laid out yet */
	struct fmt_lines lines;
	int indent;
	bool first;           /* of a body or of the script: no empty line before it */
	uint32_t ended;       /* how many lines there were when the last statement or body ended; comments may have followed */
};

static int token_of(const struct layout *layout, size_t at)
{
	return layout->pieces.items[at].token;
}

/* ---- lines ---- */

static void begin_line(struct layout *layout, int indent, size_t at)
{
	fmt_lines_begin(&layout->lines, indent, !layout->first && layout->pieces.items[at].line > layout->pieces.items[at - 1].end_line + 1);
	layout->first = false;
}

static bool line_is_open(const struct layout *layout)
{
	return layout->lines.count > 0 && !layout->lines.lines[layout->lines.count - 1].ended;
}

static bool line_is_empty(const struct layout *layout)
{
	const struct fmt_line *line = &layout->lines.lines[layout->lines.count - 1];

	return line->end == line->code;
}

/* A comment between statements: behind what it stood behind, if that line takes one, or on a line of its own. */
static void put_comment(struct layout *layout, size_t at)
{
	const struct fmt_piece *comment = &layout->pieces.items[at];
	const bool behind = fmt_same_line(&layout->pieces, at) && line_is_open(layout);

	if (!behind)
		begin_line(layout, layout->indent, at);
	fmt_lines_comment(&layout->lines, comment->text, comment->length, true, behind);
}

static void put_code(struct layout *layout, const char *code, bool apart)
{
	fmt_lines_code(&layout->lines, code, 1, apart);
}

/* Comments that would stand before a ';' or a '{' of the layout, which they follow instead. */
static void put_comments(struct layout *layout, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (fmt_is_comment(&layout->pieces, from))
			put_comment(layout, from);
	}
}

/* What follows a ';' or a brace in its line, as far as it belongs to it: comments. Stray ';' go. */
static void put_rest_of_line(struct layout *layout)
{
	for (;; layout->at++) {
		if (fmt_is_comment(&layout->pieces, layout->at) && fmt_same_line(&layout->pieces, layout->at))
			put_comment(layout, layout->at);
		else if (token_of(layout, layout->at) != SEMICOLON)
			return;
	}
}

/* Where the comments begin that stand before the piece at end and go behind it. Those that leave the line as it is stay where they are. */
static size_t held_comments(const struct layout *layout, size_t end)
{
	const size_t last = fmt_before(&layout->pieces, end) + 1;
	bool stay = token_of(layout, end) == SEMICOLON || fmt_opens(token_of(layout, end));

	for (size_t i = last; i < end; i++)
		stay = stay && fmt_same_line(&layout->pieces, i) && !fmt_is_line_comment(&layout->pieces, i);
	return stay ? end : last;
}

/* Pieces of a statement or of what stands before a body; the line was begun. */
static void put_run(struct layout *layout, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct fmt_piece *next = &layout->pieces.items[i];
		const bool behind = fmt_is_line_comment(&layout->pieces, i) && fmt_same_line(&layout->pieces, i) && line_is_open(layout) && !line_is_empty(layout);
		const bool breaks = !behind && !line_is_empty(layout) && (!line_is_open(layout) || ((i > from || fmt_is_comment(&layout->pieces, i)) && fmt_stays_broken(&layout->pieces, i)));
		const bool apart = i == from || fmt_is_apart(&layout->pieces, i);

		if (breaks)
			fmt_lines_begin(&layout->lines, layout->indent + 2, false);
		if (fmt_is_comment(&layout->pieces, i))
			fmt_lines_comment(&layout->lines, next->text, next->length, apart, behind);
		else
			fmt_lines_code(&layout->lines, next->text, next->length, apart);
	}
}

/* ---- statements ---- */

/* The next piece that ends a simple statement. */
static size_t end_of_statement(const struct layout *layout, size_t from)
{
	while (token_of(layout, from) != SEMICOLON && token_of(layout, from) != YYEOF && !fmt_closes(token_of(layout, from)))
		from++;
	return from;
}

static bool is_compound(int token)
{
	return token == IF || token == WHILE || token == FOR;
}

/*
 * Whether the body that begins at open may stand in one line. An empty one does; one with one simple statement (if that may be), or with block comments alone, if it did.
 */
static bool is_short(const struct layout *layout, size_t open, bool may_have_statement)
{
	const size_t close = layout->pieces.items[open].match;
	size_t tokens = 0, comments = 0, statements = 0;

	for (size_t i = open + 1; i < close; i++) {
		if (fmt_is_line_comment(&layout->pieces, i) || is_compound(token_of(layout, i)))
			return false;
		if (fmt_is_comment(&layout->pieces, i)) {
			comments++;
		} else if (token_of(layout, i) != SEMICOLON) {
			tokens++;
			statements += i == open + 1 || token_of(layout, i - 1) == SEMICOLON;
		}
	}
	if (!tokens && !comments)
		return true;
	return layout->pieces.items[open].line == layout->pieces.items[close].line && (comments ? !tokens : statements == 1 && may_have_statement);
}

static void put_simple(struct layout *layout)
{
	const size_t end = end_of_statement(layout, layout->at), held = held_comments(layout, end);

	put_run(layout, layout->at, held);
	put_code(layout, ";", false);
	layout->ended = layout->lines.count;
	layout->at = end + (token_of(layout, end) == SEMICOLON);
	put_comments(layout, held, end);
}

static size_t next_brace(const struct layout *layout, size_t from)
{
	while (!fmt_opens(token_of(layout, from)))
		from++;
	return from;
}

static void put_statements(struct layout *layout);

/* What stands before the brace, from layout->at on, and the body; comments from held on, if there are, go behind the brace. The line was begun. */
static void put_body(struct layout *layout, size_t held, bool may_have_statement)
{
	const size_t from = layout->at, open = next_brace(layout, from), trailing = held_comments(layout, open), close = layout->pieces.items[open].match;
	const bool is_long = trailing < open || held < from || !is_short(layout, open, may_have_statement);

	put_run(layout, from, trailing);
	put_code(layout, "{", true);
	layout->at = open + 1;
	if (is_long) {
		layout->indent++;
		layout->first = true;
		put_comments(layout, held, from);
		put_comments(layout, trailing, open);
		put_rest_of_line(layout);
		put_statements(layout);
		layout->indent--;
		fmt_lines_begin(&layout->lines, layout->indent, false);
		put_code(layout, "}", false);
	} else {
		for (; layout->at < close && (fmt_is_comment(&layout->pieces, layout->at) || token_of(layout, layout->at) == SEMICOLON); layout->at++) {
			if (fmt_is_comment(&layout->pieces, layout->at))
				fmt_lines_comment(&layout->lines, layout->pieces.items[layout->at].text, layout->pieces.items[layout->at].length, true, false);
		}
		if (layout->at < close)
			put_simple(layout);
		put_code(layout, "}", true);
	}
	layout->first = false;
	layout->ended = layout->lines.count;
	layout->at = close + 1;
}

/* Whether there are comments from here to the brace that follows, but for those that go behind it. */
static bool has_comments(const struct layout *layout, size_t from)
{
	const size_t last = held_comments(layout, next_brace(layout, from));

	while (from < last && !fmt_is_comment(&layout->pieces, from))
		from++;
	return from < last;
}

static void put_compound(struct layout *layout)
{
	size_t held = layout->at;
	const size_t close = layout->pieces.items[next_brace(layout, held)].match;
	const bool may_have_statement = token_of(layout, fmt_skip_comments(&layout->pieces, close + 1)) != ELSE;

	for (;;) {
		put_body(layout, held, may_have_statement);

		const size_t next = fmt_skip_comments(&layout->pieces, layout->at);

		if (token_of(layout, next) != ELSE)
			return;
		/* Comments before the else go behind the brace, unless others stand in between, which they would pass. */
		held = layout->at;
		if (!has_comments(layout, next))
			layout->at = next;
	}
}

/* A block comment, or several, in one line with the statement that they stand before. */
static bool leads(const struct layout *layout, size_t at)
{
	while (fmt_is_comment(&layout->pieces, at) && !fmt_is_line_comment(&layout->pieces, at) && fmt_same_line(&layout->pieces, at + 1))
		at++;
	return !fmt_is_comment(&layout->pieces, at) && token_of(layout, at) != YYEOF && !fmt_closes(token_of(layout, at)) && token_of(layout, at) != SEMICOLON;
}

static void put_statements(struct layout *layout)
{
	while (!fmt_closes(token_of(layout, layout->at))) {
		if (fmt_is_comment(&layout->pieces, layout->at) && !leads(layout, layout->at)) {
			put_comment(layout, layout->at++);
			continue;
		}
		if (token_of(layout, layout->at) == SEMICOLON) {
			put_rest_of_line(layout);
			continue;
		}
		begin_line(layout, layout->indent, layout->at);
		if (is_compound(token_of(layout, fmt_skip_comments(&layout->pieces, layout->at))))
			put_compound(layout);
		else
			put_simple(layout);
		put_rest_of_line(layout);
	}
}

/* ---- the script ---- */

/* A clause or a definition. */
static void put_item(struct layout *layout)
{
	size_t end = layout->at;

	begin_line(layout, 0, layout->at);
	while (token_of(layout, end) != SEMICOLON && token_of(layout, end) != YYEOF && !fmt_opens(token_of(layout, end)))
		end++;
	if (fmt_opens(token_of(layout, end)))
		put_body(layout, layout->at, true);
	else
		put_simple(layout);
	put_rest_of_line(layout);
}

/* Whether the lines from begin to end are more than one. */
static bool is_tall(const struct fmt_lines *lines, uint32_t begin, uint32_t end)
{
	return end - begin > 1 || lines->lines[begin].tall;
}

/* An empty line between what takes more than one and its neighbour, if there is none: right behind the first of them, so before the comments of the second. */
static void keep_apart(struct fmt_lines *lines, uint32_t end, uint32_t begin)
{
	for (uint32_t i = end; i <= begin; i++) {
		if (lines->lines[i].empty_before)
			return;
	}
	lines->lines[end].empty_before = true;
}

static void put_script(struct layout *layout)
{
	struct fmt_lines *lines = &layout->lines;
	uint32_t end = 0;
	bool tall = false;

	while (token_of(layout, layout->at) != YYEOF) {
		if (fmt_is_comment(&layout->pieces, layout->at) && !leads(layout, layout->at)) {
			put_comment(layout, layout->at++);
			continue;
		}
		if (token_of(layout, layout->at) == SEMICOLON) {
			put_rest_of_line(layout);
			continue;
		}

		const uint32_t begin = lines->count;

		put_item(layout);

		const bool was_tall = tall;

		tall = is_tall(lines, begin, layout->ended);
		if (end > 0 && (was_tall || tall))
			keep_apart(lines, end, begin);
		end = layout->ended;
	}
}

void fmt_print(struct script *script, FILE *out)
{
	struct layout layout = { .at = 1, .first = true };

	fmt_pieces_read(&layout.pieces, script);
	put_script(&layout);
	fmt_lines_print(&layout.lines, out);
	fmt_lines_fini(&layout.lines);
	fmt_pieces_fini(&layout.pieces);
}
