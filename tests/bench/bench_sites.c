/*
 * How long a target's agent takes: to list its sites, from the first packet of a program to LOADED, from START to STARTED, and from STOP to STOPPED. By a client without the CLI's work, a line a session: of each step the milliseconds on the
 * clock and those that the agent's thread ran.
 *
 *     bench_sites PID GLOB…        one session each
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client.h"

/* Both in milliseconds. */
struct times {
	double clock, run;
};

static struct times now(const struct client *client)
{
	struct timespec now;
	unsigned long long run = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)client->pid, client->agent);
	FILE *file = fopen(path, "re");

	if (!file || fscanf(file, "%llu", &run) != 1)
		run = 0;
	if (file)
		fclose(file);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct times){ (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6, (double)run / 1e6 };
}

static void step(const char *name, struct times from, struct times to)
{
	printf("  %s %7.2f (%6.2f)", name, to.clock - from.clock, to.run - from.run);
}

static int die(const char *what)
{
	fprintf(stderr, "bench_sites: %s: %s\n", what, client_error);
	return 1;
}

int main(int argc, char **argv)
{
	static _Alignas(8) unsigned char body[JST_PACKET_MAX];

	for (int i = 2; i < argc; i++) {
		struct client client;
		struct jst_program *program = client_count_program(argv[i]);
		uint32_t type;

		if (!client_attach(&client, (pid_t)atoi(argv[1])))
			return die("attach");
		const struct times list = now(&client);

		if (!client_send(&client, JST_MESSAGE_LIST, NULL, 0))
			return die("list");
		while ((type = client_receive(&client, body, NULL, 60000)) == JST_MESSAGE_SITE)
			;
		if (type != JST_MESSAGE_LIST_END)
			return die("list");
		const struct times load = now(&client);

		if (!client_load(&client, program, program->size, 64 << 20))
			return die("load");
		const struct times start = now(&client);

		if (!client_ask(&client, JST_MESSAGE_START, JST_MESSAGE_STARTED, NULL))
			return die("start");
		const struct times stop = now(&client);

		if (!client_ask(&client, JST_MESSAGE_STOP, JST_MESSAGE_STOPPED, NULL))
			return die("stop");
		const struct times end = now(&client);

		printf("%-20s %7u sites %7u names:", argv[i], client.sites, client.probes);
		step("list", list, load);
		step("load", load, start);
		step("start", start, stop);
		step("stop", stop, end);
		puts(" ms");
		client_close(&client);
		free(program);
	}
	return 0;
}
