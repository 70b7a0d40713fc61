/*
 * What httpd serves: fast paths, paths that wait as a service waits for its database, and paths that fail.
 *
 * Nothing here blocks: a route says how long its answer takes, and the server answers when that time has passed.
 */
#include "httpd.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jstrace.h"

enum { CUSTOMERS = 64, STATIC_MAX = 1 << 30 };

static _Atomic int64_t cached_until[CUSTOMERS];

void answer_text(struct connection *c, int status, const char *text)
{
	c->status = status;
	c->type = "text/plain";
	c->body = text;
	c->body_length = strlen(text);
}

static void answer_json(struct connection *c)
{
	answer_text(c, 200, c->text);
	c->type = "application/json";
}

static void answer_hello(struct worker *w, struct connection *c)
{
	(void)w;
	answer_text(c, 200, "hello, world\n");
}

static void answer_users(struct worker *w, struct connection *c)
{
	size_t n = 0, users = (size_t)random_between(w, 8, 64);
	for (size_t i = 0; i < users; i++)
		n += (size_t)snprintf(c->text + n, sizeof(c->text) - n, "%s{\"user\": %zu, \"name\": \"user-%zu\"}", i ? ", " : "[", i, i);
	snprintf(c->text + n, sizeof(c->text) - n, "]\n");
	answer_json(c);
}

/* Orders come out of a cache with an entry a customer. On a miss the whole table of orders is read, which takes 20 ms. */
static int64_t plan_orders(struct worker *w, struct connection *c)
{
	c->customer = (unsigned)random_between(w, 0, CUSTOMERS - 1);
	if (c->request.query && !strncmp(c->request.query, "customer=", 9))
		c->customer = (unsigned)strtoul(c->request.query + 9, NULL, 10) % CUSTOMERS;

	bool hit = atomic_load_explicit(&cached_until[c->customer], memory_order_relaxed) > c->start;
	JSTRACE("cache:get", "id", c->id, "customer", c->customer, "hit", hit);
	if (hit)
		return 0;

	/* The bug of --bug: one customer's entry gets no time to live, so that each of that customer's requests reads the table. */
	int64_t life = option.bug && c->customer == 42 ? 0 : 3600 * SECOND;
	atomic_store_explicit(&cached_until[c->customer], c->start + life, memory_order_relaxed);
	return 20 * MILLISECOND;
}

static void answer_orders(struct worker *w, struct connection *c)
{
	size_t n = (size_t)snprintf(c->text, sizeof(c->text), "{\"customer\": %u, \"orders\": [", c->customer);
	for (unsigned i = 0; i < 20; i++)
		n += (size_t)snprintf(c->text + n, sizeof(c->text) - n, "%s{\"order\": %u, \"cents\": %d}", i ? ", " : "", c->customer * 100 + i, (int)random_between(w, 100, 99999));
	snprintf(c->text + n, sizeof(c->text) - n, "]}\n");
	answer_json(c);
}

/* /static/N: N bytes. */
static void answer_static(struct worker *w, struct connection *c)
{
	static const char block[BLOCK];
	(void)w;
	const char *digits = c->request.path + strlen("/static/");
	size_t length = strspn(digits, "0123456789");
	unsigned long n = strtoul(digits, NULL, 10);
	if (!length || length > 10 || digits[length] || n > STATIC_MAX) {
		answer_text(c, 404, "404 Not Found\n");
		return;
	}
	c->status = 200;
	c->type = "application/octet-stream";
	c->body = block;
	c->body_length = n;
}

/* One in four fails. */
static void answer_error(struct worker *w, struct connection *c)
{
	if (random_between(w, 0, 3))
		answer_text(c, 200, "lucky\n");
	else
		answer_text(c, 500, "500 Internal Server Error\n");
}

static void answer_missing(struct worker *w, struct connection *c)
{
	(void)w;
	answer_text(c, 404, "404 Not Found\n");
}

const struct route routes[ROUTES] = {
	{"/", 0, 0, NULL, answer_hello},
	{"/api/users", 100000, 400000, NULL, answer_users},
	{"/api/orders", 300000, 900000, plan_orders, answer_orders},
	{"/slow", 5 * MILLISECOND, 25 * MILLISECOND, NULL, answer_hello},
	{"/static/", 0, 0, NULL, answer_static},
	{"/error", 0, 200000, NULL, answer_error},
	[ROUTE_MISSING] = {"missing", 0, 0, NULL, answer_missing},
	[ROUTE_REFUSED] = {"refused", 0, 0, NULL, NULL},
};

const struct route *route_find(const char *path)
{
	for (int i = 0; i < ROUTE_MISSING; i++) {
		size_t length = strlen(routes[i].path);
		bool below = length > 1 && routes[i].path[length - 1] == '/';
		if (below ? !strncmp(path, routes[i].path, length) : !strcmp(path, routes[i].path))
			return &routes[i];
	}
	return &routes[ROUTE_MISSING];
}
