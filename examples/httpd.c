/*
 * httpd: a small HTTP/1.1 server with probes, something real to point jstrace at.
 *
 * Here: options, the end on a signal, and the exact latencies that --stats prints, which the probes of server.c can be checked against.
 */
#include "httpd.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 256 };

struct options option = {.address = "127.0.0.1", .port = 8080, .timeout = 30 * SECOND};

/* ---- exact latencies ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The value of rank ⌈q·n⌉ of n sorted values, q in thousandths. */
static uint64_t quantile(const uint64_t *values, size_t n, size_t q)
{
	return n ? values[(n * q + 999) / 1000 - 1] : 0;
}

static void print_stats_line(const char *path, uint64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	printf("stats path=%s count=%zu p50=%llu p90=%llu p99=%llu max=%llu\n", path, n, (unsigned long long)quantile(values, n, 500), (unsigned long long)quantile(values, n, 900),
	       (unsigned long long)quantile(values, n, 990), (unsigned long long)quantile(values, n, 1000));
}

/* One line for all requests, then one a route; latencies in ns. */
static bool print_stats(const struct worker *workers)
{
	size_t count = 0, lost = 0;
	for (unsigned i = 0; i < option.workers; i++) {
		lost += workers[i].samples_lost;
		for (const struct samples *s = workers[i].samples; s; s = s->older)
			count += s->count;
	}
	uint64_t *values = malloc((count + 1) * sizeof(*values));
	if (!values || lost) {
		fprintf(stderr, "httpd: not enough memory for the statistics\n");
		free(values);
		return false;
	}
	for (int route = -1; route < ROUTES; route++) {
		size_t n = 0;
		for (unsigned i = 0; i < option.workers; i++)
			for (const struct samples *s = workers[i].samples; s; s = s->older)
				for (uint32_t k = 0; k < s->count; k++)
					if (route < 0 || (s->value[k] & 15) == (unsigned)route)
						values[n++] = s->value[k] >> 4;
		if (route < 0 || n)
			print_stats_line(route < 0 ? "all" : routes[route].path, values, n);
	}
	free(values);
	return true;
}

static void free_stats(struct worker *w)
{
	while (w->samples) {
		struct samples *older = w->samples->older;
		free(w->samples);
		w->samples = older;
	}
}

/* ---- the program ---- */

static const char usage[] = "Usage: httpd [options]\n"
			    "A small HTTP/1.1 server with jstrace probes.\n"
			    "\n"
			    "  -p, --port PORT        listen on PORT; 0 takes any free one (8080)\n"
			    "  -a, --address ADDRESS  listen on this IPv4 address (127.0.0.1)\n"
			    "  -w, --workers N        worker threads (one a CPU)\n"
			    "  -t, --timeout SECONDS  give up on a silent client after this time (30)\n"
			    "      --stats            at the end print exact latencies, in ns\n"
			    "      --bug              plant a latency bug, to be found with jstrace\n"
			    "  -h, --help             print this\n"
			    "\n"
			    "Paths: / /api/users /api/orders[?customer=N] /slow /static/N (N bytes) /error (one in four fails).\n"
			    "It ends on SIGINT or SIGTERM, when the requests under way have been answered.\n";

/* Reads a whole number up to max; false: it is none. */
static bool parse_number(const char *text, unsigned long max, unsigned long *number)
{
	char *end;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *number <= max;
}

/* Reads the options. -1: go on; else the exit code. */
static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {{"port", 1, NULL, 'p'}, {"address", 1, NULL, 'a'}, {"workers", 1, NULL, 'w'}, {"timeout", 1, NULL, 't'}, {"stats", 0, NULL, 's'},
						{"bug", 0, NULL, 'b'},  {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	option.workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (unsigned)cpus;
	unsigned long number = 0;
	for (int o; (o = getopt_long(argc, argv, "p:a:w:t:h", options, NULL)) != -1;) {
		bool good = true;
		switch (o) {
		case 'p':
			good = parse_number(optarg, UINT16_MAX, &number);
			option.port = (uint16_t)number;
			break;
		case 'a':
			option.address = optarg;
			break;
		case 'w':
			good = parse_number(optarg, WORKERS_MAX, &number) && number;
			option.workers = (unsigned)number;
			break;
		case 't':
			good = parse_number(optarg, 86400, &number) && number;
			option.timeout = (int64_t)number * SECOND;
			break;
		case 's':
			option.stats = true;
			break;
		case 'b':
			option.bug = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'httpd --help'.\n", stderr);
			return 2;
		}
		if (!good) {
			fprintf(stderr, "httpd: -%c cannot be '%s'\n", o, optarg);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "httpd: unexpected argument '%s'\n", argv[optind]);
		return 2;
	}
	return -1;
}

int main(int argc, char **argv)
{
	int code = parse_options(argc, argv);
	if (code >= 0)
		return code;

	/* Blocked before any thread starts: this thread alone takes them, with sigwait. */
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);

	if (!server_listen(option.address, &option.port)) {
		fprintf(stderr, "httpd: cannot listen on %s:%u: %s\n", option.address, option.port, strerror(errno));
		return 1;
	}
	struct worker *workers = calloc(option.workers, sizeof(*workers));
	for (unsigned i = 0; workers && i < option.workers; i++) {
		if (!worker_start(&workers[i], i)) {
			fprintf(stderr, "httpd: cannot start a worker: %s\n", strerror(errno));
			return 1;
		}
	}
	if (!workers)
		return 1;
	printf("listening on %s:%u\n", option.address, option.port);
	fflush(stdout);

	int signal_number;
	sigwait(&ends, &signal_number);
	/* A second signal ends the process at once. */
	pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
	server_stop();
	for (unsigned i = 0; i < option.workers; i++)
		pthread_join(workers[i].thread, NULL);

	bool good = !option.stats || print_stats(workers);
	for (unsigned i = 0; i < option.workers; i++)
		free_stats(&workers[i]);
	free(workers);
	return good && !fflush(stdout) ? 0 : 1;
}
