#include "fmt_check.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lexer.h"
#include "parser.h"

/* A text that grows as a file. */
struct memory {
	char *text;
	size_t length;
	FILE *file;
};

static void open_memory(struct memory *memory)
{
	*memory = (struct memory){ 0 };
	memory->file = open_memstream(&memory->text, &memory->length);
	if (!memory->file)
		abort();
}

static void close_memory(struct memory *memory)
{
	if (fclose(memory->file) != 0)
		abort();
}

static bool same(const struct memory *a, const struct memory *b)
{
	return a->length == b->length && !memcmp(a->text, b->text, a->length);
}

static bool fmt_to(const char *text, size_t length, const struct compile_options *options, struct memory *memory)
{
	open_memory(memory);

	struct compiled *compiled = fmt_script(text, length, options, memory->file);
	const bool good = compiled->errors == 0;

	compiled_free(compiled);
	close_memory(memory);
	return good;
}

/* The tree without its places, "clause 1:1" in lines of their own. */
static void tree_to(const char *text, size_t length, const struct compile_options *options, struct memory *memory)
{
	struct memory tree;

	open_memory(&tree);
	dump_tree(text, length, options, tree.file);
	close_memory(&tree);
	open_memory(memory);
	for (char *line = strtok(tree.text, "\n"); line; line = strtok(NULL, "\n"))
		fprintf(memory->file, "%s\n", strncmp(line, "clause ", 7) ? line : "clause");
	close_memory(memory);
	free(tree.text);
}

/* What stands between two tokens in a variant of the script. */
enum filler { AS_IT_IS, COMMENTS_ALONE, BLANKS, LINE_BREAKS, EMPTY_LINES, HASHES_BEHIND, HASHES_ALONE, BLOCKS, BLOCKS_ALONE, TALL_BLOCKS, FILLERS };

static void fill(enum filler filler, int n, bool in_predicate, FILE *out)
{
	/* In a predicate a '/' closes it. */
	if (in_predicate && filler >= BLOCKS)
		filler = filler == BLOCKS ? HASHES_BEHIND : HASHES_ALONE;
	switch (filler) {
	case LINE_BREAKS:
		fputc('\n', out);
		break;
	case EMPTY_LINES:
		fputs("\n\n\n", out);
		break;
	case HASHES_BEHIND:
		fprintf(out, " # %d\t\n", n);
		break;
	case HASHES_ALONE:
		fprintf(out, "\n%s %d\n", in_predicate ? "#" : "//", n);
		break;
	case BLOCKS:
		fprintf(out, " /* %d */ ", n);
		break;
	case BLOCKS_ALONE:
		fprintf(out, "\n/* %d */\n", n);
		break;
	case TALL_BLOCKS:
		fprintf(out, n % 3 ? "\n\t/* %d\n\t * more */" : " /* %d\n\tmore\n*/\n", n);
		break;
	default:
		fputc(' ', out);
		break;
	}
}

/* COMMENTS_ALONE: the comments, one a line, blanks squeezed. Else the tokens without the comments, and the filler between them. */
static void variant_to(const char *text, size_t length, enum filler filler, struct memory *memory)
{
	struct arena arena = { 0 };
	struct diagnostics diagnostics = { 0 };
	struct script script = { .arena = &arena, .diagnostics = &diagnostics };
	struct location at;
	struct lexer lexer;
	YYSTYPE value;
	int n = 0;

	open_memory(memory);
	const size_t mark = compiled_mark(text, length);

	lexer_init(&lexer, &script, 0, text + mark, length - mark);
	lexer.keeps_comments = true;
	for (;;) {
		const char *start = lexer.cursor + strspn(lexer.cursor, " \t\r\n\v\f");
		const int token = lexer_next(&value, &at, &lexer);

		if (token == YYEOF)
			break;
		if ((token == LEXER_COMMENT) != (filler == COMMENTS_ALONE))
			continue;
		if (filler != COMMENTS_ALONE) {
			fwrite(start, 1, (size_t)(lexer.cursor - start), memory->file);
			/* In the line of such a '>' not all that is a clause may follow. */
			if (token == ANGLE_CLOSE)
				fputc('\n', memory->file);
			fill(filler, n++, lexer.condition == yycpredicate && lexer.depth == 1, memory->file);
			continue;
		}
		for (bool blank = false; start < lexer.cursor; start++) {
			if (strchr(" \t\r\n\v\f", *start)) {
				blank = true;
				continue;
			}
			fprintf(memory->file, "%s%c", blank ? " " : "", *start);
			blank = false;
		}
		fputc('\n', memory->file);
	}
	close_memory(memory);
	diagnostics_fini(&diagnostics);
	arena_fini(&arena);
}

static bool check_one(const char *text, size_t length, const struct compile_options *options, const struct memory *tree, const char *what, FILE *out)
{
	struct memory once, twice, comments, comments_once, tree_before, tree_once;
	const char *broken = NULL;

	fmt_to(text, length, options, &once);
	const bool good = fmt_to(once.text, once.length, options, &twice);

	variant_to(text, length, COMMENTS_ALONE, &comments);
	variant_to(once.text, once.length, COMMENTS_ALONE, &comments_once);
	tree_to(text, length, options, &tree_before);
	tree_to(once.text, once.length, options, &tree_once);
	if (!same(&tree_before, tree))
		broken = "the test itself changes the tree";
	else if (!good)
		broken = "what was formatted does not parse";
	else if (!same(&once, &twice))
		broken = "formatted again it is another";
	else if (!same(&tree_before, &tree_once))
		broken = "the tree is another";
	else if (!same(&comments, &comments_once))
		broken = "the comments are others";
	if (broken)
		fprintf(out, "%s: %s\n---- before\n%.*s---- formatted\n%s---- formatted again\n%s", what, broken, (int)length, text, once.text, twice.text);
	free(once.text);
	free(twice.text);
	free(comments.text);
	free(comments_once.text);
	free(tree_before.text);
	free(tree_once.text);
	return !broken;
}

bool fmt_check(const char *text, size_t length, const struct compile_options *options, FILE *out)
{
	static const char *const names[FILLERS] = { "as it is", NULL, "in one line", "line breaks", "empty lines", "comments behind", "comments alone", "blocks", "blocks alone", "tall blocks" };
	struct memory once, tree;
	const bool parses = fmt_to(text, length, options, &once);
	bool good = parses || once.length == 0;

	if (!good)
		fprintf(out, "printed, but does not parse\n");
	free(once.text);
	if (!parses)
		return good;
	tree_to(text, length, options, &tree);
	good = check_one(text, length, options, &tree, names[AS_IT_IS], out);
	for (enum filler filler = BLANKS; filler < FILLERS && good; filler++) {
		struct memory variant;

		variant_to(text, length, filler, &variant);
		good = check_one(variant.text, variant.length, options, &tree, names[filler], out);
		free(variant.text);
	}
	free(tree.text);
	return good;
}
