/*
 * The one place that results are written to: standard output or a file. Every failure to write is noticed here, once, with its errno; the run then ends with exit code 1 rather than with half of its results and no word.
 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

bool output_open(struct output *output, const char *path, enum output_format format)
{
	*output = (struct output){ .file = stdout, .format = format };
	if (path) {
		output->file = fopen(path, "we");
		if (!output->file)
			return false;
		output->owned = true;
	}
	const int saved = errno;
	output->terminal = isatty(fileno(output->file)) == 1;
	errno = saved; /* isatty() says ENOTTY, which is no error here */
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

bool output_flush(struct output *output)
{
	errno = 0;
	if (fflush(output->file) != 0)
		fail(output, errno);
	else if (ferror(output->file))
		fail(output, EIO);
	return !output->failed;
}

bool output_close(struct output *output)
{
	output_flush(output);
	if (output->owned) {
		errno = 0;
		if (fclose(output->file) != 0)
			fail(output, errno);
		free(output->buffer);
	}
	output->file = NULL;
	output->buffer = NULL;
	return !output->failed;
}
