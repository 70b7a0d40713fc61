/*
 * Texts without libc (text.h).
 */
#include "text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

struct text {
	char *buffer;
	size_t room, length;
};

static void add(struct text *text, const char *bytes, size_t length)
{
	if (text->length < text->room - 1) {
		const size_t left = text->room - 1 - text->length;

		memcpy(text->buffer + text->length, bytes, length < left ? length : left);
	}
	text->length += length;
}

static void add_number(struct text *text, uint64_t number, bool negative)
{
	char digits[21];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	if (negative)
		digits[--at] = '-';
	add(text, digits + at, sizeof(digits) - at);
}

static void add_signed(struct text *text, int64_t number)
{
	add_number(text, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0);
}

size_t jst_text_vprint(char *buffer, size_t room, const char *format, va_list arguments)
{
	struct text text = { buffer, room, 0 };

	for (;;) {
		const char *percent = strchr(format, '%');

		add(&text, format, percent ? (size_t)(percent - format) : strlen(format));
		if (!percent)
			break;
		format = percent + 1;
		if (*format == 's') {
			const char *string = va_arg(arguments, const char *);

			add(&text, string, strlen(string));
		} else if (*format == 'd') {
			add_signed(&text, va_arg(arguments, int));
		} else if (*format == 'u') {
			add_number(&text, va_arg(arguments, unsigned), false);
		} else if (strncmp(format, "llu", 3) == 0) {
			add_number(&text, va_arg(arguments, unsigned long long), false);
			format += 2;
		} else if (strncmp(format, "zu", 2) == 0) {
			add_number(&text, va_arg(arguments, size_t), false);
			format++;
		} else if (strncmp(format, "zd", 2) == 0) {
			add_signed(&text, va_arg(arguments, ssize_t));
			format++;
		} else {
			add(&text, "%", 1);
			if (*format != '%')
				continue; /* shown as it stands: what it would take is not known */
		}
		format++;
	}
	buffer[text.length < room ? text.length : room - 1] = 0;
	return text.length;
}

size_t jst_text_print(char *buffer, size_t room, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const size_t length = jst_text_vprint(buffer, room, format, arguments);

	va_end(arguments);
	return length;
}

uint64_t jst_text_number(const char *text, unsigned base, const char **end)
{
	uint64_t number = 0;
	bool large = false;

	while (*text == ' ' || *text == '\t')
		text++;
	for (;; text++) {
		const unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0') : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10 : base;

		if (digit >= base)
			break;
		large |= number > (UINT64_MAX - digit) / base;
		number = number * base + digit;
	}
	if (end)
		*end = text;
	return large ? UINT64_MAX : number;
}

const char *jst_text_error(int error)
{
	/* What making, sealing and mapping memory may come to. */
	static const struct {
		int error;
		const char *text;
	} known[] = {
		{ EPERM, "operation not permitted" },
		{ EAGAIN, "it may not be locked in memory" },
		{ ENOMEM, "out of memory" },
		{ EACCES, "permission denied" },
		{ EBUSY, "it is in use" },
		{ EINVAL, "the kernel does not know how" },
		{ ENFILE, "too many open files in the system" },
		{ EMFILE, "too many open files" },
		{ EFBIG, "larger than the process's files may be" },
		{ ENOSPC, "no space left" },
		{ ENOSYS, "the kernel does not know how" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].error == error)
			return known[i].text;
	return "the kernel refused";
}
