/*
 * A run.
 *
 *     BEGIN → find → attach side by side → START → (records, ticks, flips, leases, arrivals, deaths)* → STOP → read the rest → END → print → report
 *
 * totals holds what was taken out of the targets' memories for good: closed banks at a flip, everything when a target has ended. A clause that looks at aggregations begins with a flip of all living
 * targets, so what it prints and clears is one exact snapshot.
 */
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crew.h"
#include "frames.h"
#include "gather.h"
#include "messages.h"
#include "open.h"
#include "pace.h"
#include "privileges.h"
#include "record.h"
#include "report.h"
#include "results.h"
#include "special.h"
#include "times.h"

enum {
	STOP_MS = 10,       /* how often is looked while targets stop */
	GRACE_MS = 500,     /* how long the first targets that are loaded wait for the others, to start side by side */
	FLIP_MS = 1000,
};

/* What happens to an aggregation once the clause that asked for it has run. */
enum pending { PENDING_NOTHING, PENDING_ZERO, PENDING_CLEAR };

struct trace {
	const struct options *options;
	struct compiled *compiled;
	struct output *output;
	struct specials *special;
	struct jst_program *program;
	struct gather *gather;
	struct report *report;
	struct results *totals;
	struct opens *opens;
	struct crew crew;
	bool needs_targets;
	bool first_wave;         /* the targets found first have not been started yet */
	int64_t loaded;          /* when the first of them was loaded, ns; 0: none is */
	int64_t started;         /* when the first target's probes went on, ns; 0: not yet */
	int64_t snapshot;        /* what rate() counts up to, ns */
	int64_t *cleared;        /* one an aggregation: what rate() counts from, ns; 0: from started */
	enum pending *pending;   /* one an aggregation: what the clause that runs asked for */
	int64_t *tick_due;       /* one a special, ns */
	struct pace pace;        /* of reading the rings */
	int64_t end_due;         /* --duration */
	int64_t overhead_due;    /* --max-overhead: the next look; TIMES_NEVER: it was not asked for */
	uint32_t attached;       /* processes in all */
	int exit_code;           /* what exit() asked for; -1: nothing */
	bool failed;
	bool found;              /* some process that was not named could not be traced */
	bool last_killed;        /* how the target that ended last did */
	bool ending;             /* END runs: all targets are gone, and what is open is what they left */
};

/* ---- the script's own clauses ---- */

static int64_t elapsed_of(void *context, uint32_t aggregation)
{
	const struct trace *trace = context;
	const int64_t from = trace->cleared[aggregation] ? trace->cleared[aggregation] : trace->started;

	return from && trace->snapshot > from ? trace->snapshot - from : 0;
}

static void print_aggregation(struct trace *trace, uint32_t aggregation, enum result_order order, int64_t top)
{
	results_print_ordered(trace->output, trace->totals, aggregation, order, top, elapsed_of(trace, aggregation));
	results_printed(trace->totals, aggregation);
}

static void print_entry(struct trace *trace, uint32_t aggregation, const struct jst_value *keys)
{
	const struct jst_result *result = results_seek(trace->totals, aggregation, keys, trace->options->string_size);
	const uint32_t count = results_decl(trace->totals, aggregation)->keys;
	struct jst_value shown[JST_MAX_KEYS];

	/* A stack came back as its text. */
	for (uint32_t i = 0; i < count; i++)
		shown[i] = keys[i];
	frames_restore(shown, count);
	results_print_entry(trace->output, trace->totals, aggregation, shown, result, elapsed_of(trace, aggregation));
}

/* How many rows print shows at most; -1: all. Of a number that was computed, what is below 1 shows none, so that n - 10 rows are not all of a sudden as many as there are. */
static int64_t top_of(const struct record *record)
{
	const struct jst_value value = record->count ? record->values[0] : jst_value_nil();

	if (value.kind == JST_DOUBLE && !isnan(value.d))
		return value.d < 0x1p62 ? value.d > 0 ? (int64_t)value.d : 0 : -1;
	if (value.kind == JST_INT)
		return value.i > 0 ? value.i : 0;
	return -1;
}

static void print_open(struct trace *trace, const struct record *record)
{
	opens_print(trace->opens, trace->output, &(struct opens_print){ .sibling = record->compiled->text, .targets = trace->crew.targets, .now = times_now(), .top = top_of(record),
	                                                                .kept = trace->ending, .pids = trace->attached > 1 });
}

static void execute(void *context, const struct record *record, const struct record_source *source)
{
	struct trace *trace = context;
	const uint32_t aggregation = record->compiled->aggregation;

	switch (record->compiled->type) {
	case RECORD_PRINT_AGGREGATION:
		print_aggregation(trace, aggregation, record->compiled->order, top_of(record));
		break;
	case RECORD_PRINT_ENTRY:
		print_entry(trace, aggregation, record->values);
		break;
	case RECORD_PRINT_OPEN:
		print_open(trace, record);
		break;
	case RECORD_CLEAR:
		trace->pending[aggregation] = PENDING_CLEAR;
		break;
	case RECORD_ZERO:
		if (trace->pending[aggregation] == PENDING_NOTHING)
			trace->pending[aggregation] = PENDING_ZERO;
		break;
	default:
		record_print(trace->output, record, source);
		break;
	}
}

/* A clause sees one snapshot throughout: what it clears or zeroes goes when it has run. */
static void clear_pending(struct trace *trace)
{
	for (uint32_t i = 0; i < trace->compiled->aggregation_count; i++) {
		if (trace->pending[i] == PENDING_NOTHING)
			continue;
		if (trace->pending[i] == PENDING_CLEAR)
			results_clear(trace->totals, i);
		else
			results_zero(trace->totals, i);
		if (trace->ending && trace->pending[i] == PENDING_CLEAR)
			results_printed(trace->totals, i); /* END has done with it: not even "no data" is left to say */
		trace->cleared[i] = trace->snapshot;
		trace->pending[i] = PENDING_NOTHING;
	}
}

/* Takes everything that a target which has ended left behind. */
static void take_rest(struct trace *trace, struct target *target)
{
	if (target->settled || !target_has_memory(target) || target->state != TARGET_ENDED)
		return;
	target->settled = true;
	results_read(trace->totals, target->view, READER_TAKE_REST);
}

static void take_closed(struct trace *trace, struct target *target)
{
	if (!target->flipped)
		return;
	results_read(trace->totals, target->view, READER_TAKE_CLOSED);
	target_release(target);
}

/* While the output takes no more, what is printed stays in the rings, which count what they cannot take. */
static void gather_now(struct trace *trace)
{
	const int64_t now = times_now();
	uint32_t filled = 0;
	bool heard = false;

	if (!trace->compiled->prints)
		return;
	if (!output_waits(trace->output))
		heard = gather_pass(trace->gather, trace->crew.targets, trace->output, &filled);
	pace_read(&trace->pace, now, heard, filled);
}

static void gather(struct trace *trace)
{
	if (trace->crew.now >= trace->pace.due)
		gather_now(trace);
}

static void wait_until(struct trace *trace, int64_t until)
{
	trace->crew.output_waits = output_waits(trace->output);
	crew_wait(&trace->crew, until);
	if (trace->crew.output_waits)
		output_flush(trace->output);
}

static bool flipping(const struct trace *trace)
{
	for (const struct target *target = trace->crew.targets; target; target = target->next)
		if ((target->flipping && !target->deaf && target->state == TARGET_RUNNING) || target->state == TARGET_DYING)
			return true;
	return false;
}

/* Brings totals to one point in time: all that the targets counted up to their flip, and nothing after it. */
static void take_snapshot(struct trace *trace)
{
	struct crew *crew = &trace->crew;

	crew->now = times_now();
	const int64_t deadline = crew->now + FLIP_MS * TIMES_MS;

	for (struct target *target = crew->targets; target; target = target->next) {
		take_closed(trace, target); /* the late answer of one that was given up at an earlier flip */
		target_flip(target);
	}
	trace->snapshot = crew->now;
	while (flipping(trace) && crew->now < deadline) {
		wait_until(trace, trace->compiled->prints ? times_earlier(deadline, trace->pace.due) : deadline);
		gather(trace); /* one that is slow to answer must not make the others lose for want of room */
	}
	for (struct target *target = crew->targets; target; target = target->next) {
		target->deaf = target->flipping;
		take_closed(trace, target);
		take_rest(trace, target);
	}
}

static void run_special(struct trace *trace, const struct compiled_special *special, const char *name, const struct special_event *event)
{
	gather_now(trace);
	if (special->flips)
		take_snapshot(trace);
	special_run(trace->special, special->clause, name, event, execute, trace);
	clear_pending(trace);
	output_flush(trace->output);
	if (trace->exit_code < 0)
		trace->exit_code = special_exit_code(trace->special);
}

static void run_all(struct trace *trace, enum special which, const char *name, const struct special_event *event)
{
	for (uint32_t i = 0; i < trace->compiled->special_count; i++)
		if (trace->compiled->specials[i].special == which)
			run_special(trace, &trace->compiled->specials[i], name, event);
}

static bool has_special(const struct trace *trace, enum special which)
{
	for (uint32_t i = 0; i < trace->compiled->special_count; i++)
		if (trace->compiled->specials[i].special == which)
			return true;
	return false;
}

static void start_ticks(struct trace *trace, int64_t now)
{
	for (uint32_t i = 0; i < trace->compiled->special_count; i++)
		if (trace->compiled->specials[i].special == SPECIAL_TICK)
			trace->tick_due[i] = now + trace->compiled->specials[i].period;
	if (trace->options->duration)
		trace->end_due = now + trace->options->duration;
}

/* Runs the ticks that are due, in the order of the script; those missed meanwhile are skipped. */
static void run_ticks(struct trace *trace)
{
	const int64_t now = trace->crew.now;

	for (uint32_t i = 0; i < trace->compiled->special_count && trace->exit_code < 0; i++) {
		const struct compiled_special *special = &trace->compiled->specials[i];
		char name[48];

		if (trace->tick_due[i] > now)
			continue;
		trace->tick_due[i] += ((now - trace->tick_due[i]) / special->period + 1) * special->period;
		special_tick_name(special->period, name);
		run_special(trace, special, name, NULL);
	}
}

/* ---- targets come and go ---- */

/* The first targets start together, those that come later as soon as they are loaded. */
static void start_loaded(struct trace *trace)
{
	struct crew *crew = &trace->crew;
	bool attaching = crew->pending_count > 0, loaded = false;

	for (struct target *target = crew->targets; target; target = target->next) {
		attaching |= target->state < TARGET_LOADED;
		loaded |= target->state == TARGET_LOADED;
	}
	if (!loaded)
		return;
	if (!trace->loaded)
		trace->loaded = crew->now;
	if (trace->first_wave && attaching && crew->now < trace->loaded + GRACE_MS * TIMES_MS)
		return;
	for (struct target *target = crew->targets; target; target = target->next)
		target_start(target, crew->now);
}

static void tell_attached(struct trace *trace, struct target *target)
{
	const struct special_event event = { .pid = target->process.pid, .title = target->title };

	target->attach_told = true;
	trace->attached++;
	pace_start(&trace->pace, trace->crew.now);
	if (!trace->started) {
		trace->started = trace->crew.now;
		start_ticks(trace, trace->crew.now);
		if (trace->options->max_overhead)
			trace->overhead_due = trace->crew.now;
	}
	report_sites(trace->report, target);
	message_note("attached to process %d (%s): %u matching probe%s at %u place%s", (int)target->process.pid, target->process.comm,
		     target->matched_probes, target->matched_probes == 1 ? "" : "s", target->matched_sites, target->matched_sites == 1 ? "" : "s");
	report_process(trace->output, "attach", target, NULL);
	run_all(trace, SPECIAL_PROCESS_ATTACH, "process:attach", &event);
}

static void tell_failed(struct trace *trace, struct target *target)
{
	if (target->named) {
		message_error("%s", target->reason);
		trace->failed = true;
	} else {
		message_warning("%s", target->reason);
		trace->found = true;
	}
}

/* Reads all that is left of it, says what happened. */
static void tell_ended(struct trace *trace, struct target *target)
{
	const struct special_event event = { .pid = target->process.pid, .title = target->title, .reason = target->reason };
	const int pid = (int)target->process.pid;

	gather_rest(trace->gather, trace->crew.targets, target, trace->output);
	take_rest(trace, target);
	opens_keep(trace->opens, target, times_now());
	report_sites(trace->report, target);
	report_partial(trace->report, target);
	report_losses(trace->report, target);
	if (target->malformed) {
		message_error("the memory of process %d (%s) made no sense in places, which were left out", pid, target->process.comm);
		trace->failed = true;
	}
	overhead_tell(target);
	if (target->end == TARGET_STOPPED)
		return;
	trace->last_killed = target->end == TARGET_KILLED;
	if (target->end == TARGET_LET_GO || (target->named && (target->end == TARGET_KILLED || target->end == TARGET_CLOSED)))
		trace->failed = true;
	if (target->end == TARGET_KILLED || target->end == TARGET_LET_GO)
		message_error("process %d (%s) was %s", pid, target->process.comm, target->reason);
	else
		message_event("process %d (%s) %s", pid, target->process.comm, target->reason);
	report_process(trace->output, "exit", target, target->reason);
	run_all(trace, SPECIAL_PROCESS_EXIT, "process:exit", &event);
}

/* Looks what became of each target since the last look. */
static void look_at_targets(struct trace *trace)
{
	struct crew *crew = &trace->crew;

	for (struct target *target = crew->targets, *next; target; target = next) {
		/* A clause that is run here may wait, in which states change but no target leaves the list. */
		if ((target->state == TARGET_RUNNING || target->state == TARGET_ENDED) && !target->attach_told)
			tell_attached(trace, target);
		if (target->site_bytes)
			report_sites(trace->report, target);
		if (target->state == TARGET_ENDED)
			tell_ended(trace, target);
		else if (target->state == TARGET_FAILED)
			tell_failed(trace, target);
		next = target->next;
		if (target->state == TARGET_ENDED || target->state == TARGET_FAILED)
			crew_remove(crew, target);
	}
}

/* Once all targets that were there at first are attached, or have failed to be. */
static void end_first_wave(struct trace *trace)
{
	if (!trace->first_wave || crew_attaching(&trace->crew))
		return;
	trace->first_wave = false;
	crew_settle();
	if (!trace->attached)
		return;
	for (const struct target *target = trace->crew.targets; target; target = target->next)
		report_partial(trace->report, target);
	report_unmatched(trace->report);
	report_spans(trace->report);
	privileges_drop(trace->crew.targets, trace->crew.finder != NULL); /* only with -p: those that come later could be somebody else's */
	if (message_get_level() == MESSAGE_NORMAL && isatty(STDERR_FILENO))
		message_event("tracing %u process%s; Ctrl-C ends", trace->attached, trace->attached == 1 ? "" : "es");
}

/* ---- the loop ---- */

static bool over(struct trace *trace)
{
	struct crew *crew = &trace->crew;

	for (struct target *target = crew->targets; target && trace->exit_code < 0; target = target->next)
		trace->exit_code = target_exit_code(target);
	if (crew->output_gone && !trace->output->failed) {
		trace->output->failed = true;
		trace->output->error = EPIPE;
	}
	if (crew->interrupted || trace->output->failed || trace->exit_code >= 0 || crew->now >= trace->end_due)
		return true;
	return trace->needs_targets && !crew->targets && !crew->pending_count;
}

static int64_t next_time(const struct trace *trace)
{
	int64_t next = times_earlier(times_earlier(trace->end_due, trace->crew.scan_due), trace->overhead_due);

	for (uint32_t i = 0; i < trace->compiled->special_count; i++)
		next = times_earlier(next, trace->tick_due[i]);
	if (trace->compiled->prints && trace->crew.targets)
		next = times_earlier(next, trace->pace.due);
	if (trace->first_wave && trace->loaded)
		next = times_earlier(next, trace->crew.now < trace->loaded + GRACE_MS * TIMES_MS ? trace->loaded + GRACE_MS * TIMES_MS : TIMES_NEVER);
	return next;
}

static void run(struct trace *trace)
{
	struct crew *crew = &trace->crew;

	crew_find(crew);
	if (!crew->targets && !crew->pending_count)
		return;
	while (!over(trace)) {
		wait_until(trace, next_time(trace));
		crew_find(crew);
		start_loaded(trace);
		gather(trace);
		if (crew->now >= trace->overhead_due)
			trace->overhead_due = overhead_watch(crew->targets, trace->options->max_overhead, crew->now);
		look_at_targets(trace);
		end_first_wave(trace);
		run_ticks(trace);
		output_flush(trace->output);
	}
}

static void run_alone(struct trace *trace)
{
	start_ticks(trace, times_now());
	while ((has_special(trace, SPECIAL_TICK) || trace->options->duration) && !over(trace)) {
		wait_until(trace, next_time(trace));
		run_ticks(trace);
	}
}

/* ---- the end ---- */

static bool stopping(const struct trace *trace)
{
	for (const struct target *target = trace->crew.targets; target; target = target->next)
		if (target->state == TARGET_STOPPING || target->state == TARGET_DYING)
			return true;
	return false;
}

static void stop(struct trace *trace)
{
	struct crew *crew = &trace->crew;

	crew_find_no_more(crew);
	crew_unblock_signals(crew);
	crew->now = times_now();
	trace->snapshot = crew->now;
	for (struct target *target = crew->targets; target; target = target->next)
		target_stop(target, crew->now);
	while (stopping(trace)) { /* each has a deadline of its own */
		wait_until(trace, trace->compiled->prints ? times_earlier(crew->now + STOP_MS * TIMES_MS, trace->pace.due) : crew->now + STOP_MS * TIMES_MS);
		gather(trace); /* a target that prints on must not lose for want of room */
	}
	look_at_targets(trace);
}

static void print_results(struct trace *trace)
{
	for (uint32_t i = 0; i < trace->compiled->aggregation_count; i++)
		if (results_due(trace->totals, i))
			print_aggregation(trace, i, ORDER_VALUE, -1);
}

static void say_nobody(const struct trace *trace)
{
	const struct options *options = trace->options;

	if (options->pid_count && !options->title_count)
		return; /* each was told about */
	if (trace->found)
		message_error("none of the processes that were found could be traced");
	else if (options->title_count)
		message_error("no instrumented process matches %s%s; see what there is with: jstrace -l", options->titles[0], options->title_count > 1 ? " or the others" : "");
	else
		message_error("no instrumented process found%s; a program needs JSTRACE() probes and libjstrace to be traced", geteuid() ? " among yours" : "");
}

static int finish(struct trace *trace)
{
	struct output *output = trace->output;
	uint64_t losses[JST_LOSSES] = { 0 };

	stop(trace);
	if (trace->needs_targets && !trace->attached && trace->exit_code < 0 && !trace->crew.interrupted) {
		if (!trace->crew.failed && !trace->failed)
			say_nobody(trace);
		trace->failed = true;
	}
	trace->ending = true;
	run_all(trace, SPECIAL_END, "END", NULL);
	if (!trace->needs_targets || trace->attached)
		print_results(trace);
	if (trace->needs_targets && !trace->options->pid_count && trace->last_killed && !trace->crew.interrupted && trace->exit_code < 0 && times_now() < trace->end_due)
		trace->failed = true; /* the session ended because its last target was killed */
	if (trace->crew.failed)
		trace->failed = true;

	special_losses(trace->special, losses);
	report_local_losses(trace->report, losses);

	const int code = trace->exit_code >= 0 ? trace->exit_code & 0xff : trace->failed ? 1 : trace->options->strict && report_lost(trace->report) ? 3 : 0;

	report_end(trace->report, output, trace->attached, trace->started ? trace->snapshot - trace->started : 0, code);
	if (!output_flush(output)) {
		if (output->error != EPIPE)
			message_error("cannot write the results: %s", strerror(output->error));
		return 1;
	}
	return code;
}

static bool prepare(struct trace *trace)
{
	const struct options *options = trace->options;
	const char *limit = NULL;

	/* A clause here holds up nobody's work, and may go over all keys that the targets have. */
	const uint64_t budget = (uint64_t)options->budget * OPTIONS_BUDGET_FACTOR;

	trace->special = special_new(trace->compiled, budget < UINT32_MAX ? (uint32_t)budget : UINT32_MAX, options->string_size, &limit);
	if (!trace->special)
		message_error("the script is too large: its own clauses are more than %s", limit);
	return trace->special != NULL;
}

/* After BEGIN, whose variables go along. */
static bool make_program(struct trace *trace)
{
	const char *limit = NULL;

	special_give_initials(trace->special, trace->compiled);
	trace->program = jst_builder_finish(trace->compiled->target, &limit);
	if (!trace->program)
		message_error("the script is too large: more than %s", limit);
	return trace->program != NULL;
}

int trace_run(const struct options *options, struct compiled *compiled, struct output *output)
{
	struct trace trace = { .options = options, .compiled = compiled, .output = output, .exit_code = -1, .end_due = TIMES_NEVER, .overhead_due = TIMES_NEVER, .first_wave = true, .pace = { .delay = options->delay } };
	int code = 2;

	if (!prepare(&trace))
		return code;
	trace.cleared = message_allocate(compiled->aggregation_count, sizeof(*trace.cleared));
	trace.pending = message_allocate(compiled->aggregation_count, sizeof(*trace.pending));
	trace.tick_due = message_allocate(compiled->special_count, sizeof(*trace.tick_due));
	for (uint32_t i = 0; i < compiled->special_count; i++)
		trace.tick_due[i] = TIMES_NEVER;
	trace.gather = gather_new(compiled, options->ring_size);
	trace.report = report_new(compiled);
	trace.totals = results_new(compiled);
	special_watch(trace.special, trace.totals, elapsed_of, &trace);
	trace.opens = opens_new(compiled);
	trace.needs_targets = compiled->target_clauses || has_special(&trace, SPECIAL_PROCESS_ATTACH) || has_special(&trace, SPECIAL_PROCESS_EXIT);
	crew_init(&trace.crew, options, &(struct target_plan){ .memory = options->memory, .budget = options->budget, .string_size = options->string_size, .ring_size = options->ring_size, .measures = options->max_overhead > 0, .stacks = compiled->stacks }, output);
	run_all(&trace, SPECIAL_BEGIN, "BEGIN", NULL);
	if (make_program(&trace)) {
		trace.crew.plan.program = trace.program;
		if (trace.exit_code < 0 && trace.needs_targets)
			run(&trace);
		else if (trace.exit_code < 0)
			run_alone(&trace);
		code = finish(&trace);
	}
	crew_fini(&trace.crew);
	special_free(trace.special);
	results_free(trace.totals);
	opens_free(trace.opens);
	report_free(trace.report);
	gather_free(trace.gather);
	free(trace.program);
	free(trace.cleared);
	free(trace.pending);
	free(trace.tick_due);
	return code;
}
