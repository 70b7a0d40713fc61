/*
 * The leading comment of a script: the lines of # or // that it begins with (the line #! left out), or one block comment.
 */
#include "script_help.h"

#include <string.h>

#include "output.h"

/* What stands in a line behind the sign of its comment; NULL: it is no comment. */
static const char *comment_of(const char *line, const char *end)
{
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (line < end && *line == '#')
		line++;
	else if (end - line >= 2 && line[0] == '/' && line[1] == '/')
		line += 2;
	else
		return NULL;
	return line < end && *line == ' ' ? line + 1 : line;
}

static const char *end_of_line(const char *at, const char *end)
{
	const char *line_end = memchr(at, '\n', (size_t)(end - at));

	return line_end ? line_end : end;
}

static void print_block(const char *at, const char *end, FILE *out)
{
	const char *stop = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);

	for (at += 2, end = stop ? stop : end; at < end;) {
		const char *line_end = end_of_line(at, end);
		const char *text = at + strspn(at, " \t*");

		if (text < line_end) {
			print_text(out, text, (size_t)(line_end - text));
			fputc('\n', out);
		}
		at = line_end + 1;
	}
}

static void print_comment(const struct compiled_source *source, FILE *out)
{
	const char *at = source->text, *end = at + source->length;

	if (source->length > 2 && !memcmp(at, "#!", 2))
		at = end_of_line(at, end);
	at += strspn(at, " \t\r\n");
	if (end - at > 2 && !memcmp(at, "/*", 2)) {
		print_block(at, end, out);
		return;
	}
	while (at < end) {
		const char *line_end = end_of_line(at, end);
		const char *text = comment_of(at, line_end);

		if (!text)
			break;
		print_text(out, text, (size_t)(line_end - text));
		fputc('\n', out);
		at = line_end < end ? line_end + 1 : end;
	}
}

static int width_of(const struct compiled_parameter *parameter)
{
	return (int)(strlen(parameter->name) + 1 + (parameter->value ? strlen(parameter->value) : strlen("…")));
}

static void print_parameter(const struct compiled_parameter *parameter, int width, FILE *out)
{
	const char *value = parameter->value ? parameter->value : "…";
	int used = fprintf(out, "  --arg ") - 8 + print_text(out, parameter->name, strlen(parameter->name));

	fputc('=', out);
	used += 1 + print_text(out, value, strlen(value));
	if (*parameter->remark || !parameter->value)
		fprintf(out, "%*s", width > used ? width - used + 2 : 2, "");
	print_text(out, parameter->remark, strlen(parameter->remark));
	if (!parameter->value)
		fputs(*parameter->remark ? " (must be given)" : "(must be given)", out);
	fputc('\n', out);
}

void script_help(const struct compiled *compiled, FILE *out)
{
	int width = 0;

	print_comment(&compiled->sources[0], out);
	for (uint32_t i = 0; i < compiled->parameter_count; i++) {
		const int columns = width_of(&compiled->parameters[i]);

		if (columns > width && columns < 40)
			width = columns;
	}
	if (!compiled->parameter_count) {
		fprintf(out, "\n%s declares no arguments by name.\n", compiled->sources[0].name);
		return;
	}
	fputs("\nArguments\n", out);
	for (uint32_t i = 0; i < compiled->parameter_count; i++)
		print_parameter(&compiled->parameters[i], width, out);
}
