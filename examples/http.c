/*
 * The parser of httpd's requests. Strict: what RFC 9112 allows a server to refuse is refused, so that nobody can smuggle one request inside another.
 */
#include "http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *http_status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{414, "URI Too Long"},
		{417, "Expectation Failed"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] == 0x7f || strchr("\"(),/:;<=>?@[\\]{}", s[i]))
			return false;
	return n > 0;
}

/* Whether a comma-separated list holds a word, whatever its case. */
static bool list_has(const char *list, const char *word)
{
	size_t length = strlen(word);
	while (*list) {
		list += strspn(list, ", \t");
		size_t n = strcspn(list, ", \t");
		if (n == length && !strncasecmp(list, word, n))
			return true;
		list += n;
	}
	return false;
}

/* What the headers say together. */
struct headers {
	unsigned hosts;
	int64_t length; /* of the body, -1: not said */
};

/* One header line. 0 or a status. */
static int parse_header(struct http_request *r, struct headers *headers, char *line)
{
	char *colon = strchr(line, ':');
	if (!colon || !is_token(line, (size_t)(colon - line)))
		return 400;
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	for (size_t n = strlen(value); n && (value[n - 1] == ' ' || value[n - 1] == '\t');)
		value[--n] = '\0';

	if (!strcasecmp(line, "host")) {
		headers->hosts++;
	} else if (!strcasecmp(line, "connection")) {
		if (list_has(value, "close"))
			r->keep_alive = false;
		else if (list_has(value, "keep-alive"))
			r->keep_alive = true;
	} else if (!strcasecmp(line, "transfer-encoding")) {
		return 411;
	} else if (!strcasecmp(line, "expect")) {
		return 417;
	} else if (!strcasecmp(line, "content-length")) {
		size_t digits = strspn(value, "0123456789");
		if (!digits || value[digits])
			return 400;
		int64_t length = digits > 18 ? INT64_MAX : strtoll(value, NULL, 10);
		if (headers->length >= 0 && headers->length != length)
			return 400;
		headers->length = length;
	}
	return 0;
}

/* The first line: METHOD SP target SP HTTP/1.x. 0 or a status. */
static int parse_line(struct http_request *r, char *line, bool *http10)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	if (!version || !is_token(line, (size_t)(target - line)))
		return 400;
	*target++ = *version++ = '\0';
	bool digits = strlen(version) == 8 && version[5] >= '0' && version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
	if (!digits || strncmp(version, "HTTP/", 5) || version[6] != '.')
		return 400;
	if (version[5] != '1')
		return 505;
	*http10 = version[7] == '0';
	r->keep_alive = !*http10;
	for (const unsigned char *p = (unsigned char *)target; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return 400;
	r->method = line;
	r->head_only = !strcmp(line, "HEAD");

	/* A proxy's form, http://host/path, means the path. */
	if (!strncasecmp(target, "http://", 7)) {
		char *path = strchr(target + 7, '/');
		target = path ? path : target + strlen(target);
	}
	char *query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	r->query = query;
	r->path = *target ? target : "/";
	if (!r->head_only && strcmp(line, "GET"))
		return 405;
	return *r->path == '/' ? 0 : 400;
}

int http_parse(char *bytes, size_t length, struct http_request *request)
{
	/* Empty lines before a request are to be ignored. */
	size_t blank = 0;
	while (blank + 1 < length && bytes[blank] == '\r' && bytes[blank + 1] == '\n')
		blank += 2;
	char *begin = bytes + blank;
	char *line_end = memmem(begin, length - blank, "\r\n", 2);
	char *end = line_end ? memmem(line_end, length - (size_t)(line_end - bytes), "\r\n\r\n", 4) : NULL;
	size_t line_length = line_end ? (size_t)(line_end - begin) : length - blank;

	*request = (struct http_request){.method = "-", .path = "-"};
	if (line_length > HTTP_LINE_MAX)
		return 414;
	if (!end || end + 4 - bytes > HTTP_HEAD_MAX)
		return length >= HTTP_HEAD_MAX ? 431 : 0;
	request->head = (size_t)(end + 4 - bytes);
	if (memchr(begin, '\0', (size_t)(end - begin)))
		return 400;

	bool http10 = false;
	*line_end = '\0';
	int status = parse_line(request, begin, &http10);
	if (status && status != 405)
		return status;

	struct headers headers = {.length = -1};
	for (char *line = line_end + 2; line < end + 2;) {
		char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		*next = '\0';
		if (strpbrk(line, "\r\n"))
			return 400;
		int wrong = parse_header(request, &headers, line);
		if (wrong)
			return wrong;
		line = next + 2;
	}
	if (headers.hosts > 1 || (!headers.hosts && !http10))
		return 400;
	if (headers.length > HTTP_BODY_MAX)
		return 413;
	request->body = headers.length > 0 ? (size_t)headers.length : 0;
	return status ? status : 200;
}
