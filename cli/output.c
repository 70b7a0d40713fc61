/*
 * The one place that results are written to: standard output or a file. Every failure to write is noticed here, once, with its errno; the run then ends with exit code 1 rather than with half of its results and no word.
 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output_held.h"

enum { OUTPUT_BUFFER = 64 << 10, WIDTH_UNKNOWN = 80, WIDTH_MIN = 40, WIDTH_MAX = 400 };

static int environment_columns(void)
{
	const char *text = getenv("COLUMNS");

	if (!text || !*text)
		return 0;
	char *end;
	const long columns = strtol(text, &end, 10);
	return *end || columns <= 0 || columns > 100000 ? 0 : (int)columns;
}

void output_measure(struct output *output)
{
	struct winsize size = { 0 };
	int width = 0;

	if (output->terminal && ioctl(fileno(output->file), TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (width <= 0)
		width = environment_columns();
	if (width <= 0)
		width = WIDTH_UNKNOWN;
	output->width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

/* A pipe or socket is written through what holds back for a slow reader. */
static bool hold(struct output *output)
{
	struct stat status;

	if (fstat(fileno(output->file), &status) < 0 || !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
		return true;
	output->pipe = fileno(output->file);
	output->beneath = output->file;
	output->held = output_held_new(output->pipe, S_ISSOCK(status.st_mode));
	output->file = output->held ? output_held_file(output->held) : NULL;
	return output->file != NULL;
}

bool output_open(struct output *output, const char *path, enum output_format format)
{
	*output = (struct output){ .file = stdout, .format = format, .pipe = -1 };
	if (path) {
		output->file = fopen(path, "we");
		if (!output->file)
			return false;
		output->owned = true;
	}
	const int saved = errno;
	output->terminal = isatty(fileno(output->file)) == 1;
	errno = saved; /* isatty() says ENOTTY, which is no error here */
	if (!hold(output)) {
		const int error = errno;

		output_held_free(output->held);
		if (output->owned)
			fclose(output->beneath);
		errno = error;
		return false;
	}
	if (output->terminal) {
		setvbuf(output->file, NULL, _IOLBF, 0);
	} else {
		/* One large write for each batch. Standard output keeps its buffer to the end of the process. */
		output->buffer = malloc(OUTPUT_BUFFER);
		if (output->buffer)
			setvbuf(output->file, output->buffer, _IOFBF, OUTPUT_BUFFER);
	}
	output_measure(output);
	return true;
}

static void fail(struct output *output, int error)
{
	if (output->failed)
		return;
	output->failed = true;
	output->error = error ? error : EIO;
}

static bool flush(struct output *output, bool wait)
{
	errno = 0;
	if (fflush(output->file) != 0)
		fail(output, errno);
	else if (ferror(output->file))
		fail(output, EIO);
	if (output->held && !output_held_drain(output->held, wait))
		fail(output, errno);
	return !output->failed;
}

bool output_flush(struct output *output)
{
	return flush(output, false);
}

bool output_waits(const struct output *output)
{
	return output->held && !output->failed && output_held_size(output->held) > 0;
}

static void close_file(struct output *output, FILE *file)
{
	errno = 0;
	if (fclose(file) != 0)
		fail(output, errno);
}

bool output_close(struct output *output)
{
	flush(output, true);
	if (output->held) {
		close_file(output, output->file);
		output_held_free(output->held);
	}
	if (output->owned)
		close_file(output, output->held ? output->beneath : output->file);
	if (output->held || output->owned)
		free(output->buffer);
	output->held = NULL;
	output->file = output->beneath = NULL;
	output->buffer = NULL;
	return !output->failed;
}
