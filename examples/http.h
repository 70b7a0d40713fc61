/*
 * Reading an HTTP/1.1 request, for httpd. No memory is owned: a parsed request points into the bytes it was parsed from, which are changed.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_HEAD_MAX = 8192, /* bytes of the first line and the headers; beyond: 431 */
	HTTP_LINE_MAX = 4096, /* bytes of the first line; beyond: 414 */
	HTTP_BODY_MAX = 1 << 20, /* bytes of the body; beyond: 413 */
};

struct http_request {
	const char *method, *path; /* "-" where the request is too broken to have one */
	const char *query;         /* what follows the ?, NULL: none */
	bool keep_alive, head_only;
	size_t head;               /* bytes of the first line and the headers */
	size_t body;               /* bytes that follow them */
};

/*
 * Parses the request at the front of length bytes. Returns 0 if more bytes are needed (nothing was changed), 200 if the request is well-formed and its method GET or HEAD, else the
 * status to answer; then the connection cannot be used further, but for 405. Context: any.
 */
int http_parse(char *bytes, size_t length, struct http_request *request);

/* The reason phrase of a status. Context: any. */
const char *http_status_text(int status);

#endif
