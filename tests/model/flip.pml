/*
 * Flips: how an interval ends without an event being lost or counted twice (libjstrace/flip.c, runtime/memory.h, run.c, session.c, cli/trace.c, reader.c). One slot. Its owner has events, each of which adds itself to a bank; it may leave one in its middle (siglongjmp()) and begin another, or end
 * inside or outside, and the slot becomes another thread's. The agent flips and recycles as the CLI asks; it may give up waiting for the owner at any time. The CLI reads closed banks, then releases them, or is late and asks for another flip first. At any step of anybody the whole process may be killed,
 * and the CLI reads what is left.
 *
 * Properties: no event is read twice, and each that has ended is read once the process is dead. So each is in exactly one bank, which was read exactly once. (One that was left, or killed, in its middle may be in or not: it counts as torn.)
 *
 * Each step stands for what is quoted behind "C:"; tests/model/run looks whether that still stands there. What must be refuted:
 *     BROKEN_NO_MEMBARRIER   the agent does without its barrier
 *     BROKEN_STRAGGLERS      the bank of an owner that did not leave in time is closed
 *     BROKEN_HALF_OPEN       the generation by which a slot is known as open is not stored last
 *     BROKEN_OPEN_AGAIN      what a slot that was left half open has is stored anew
 *     BROKEN_BANKS_FIRST     the owner reads the banks' generations before the session's
 *     BROKEN_GENERATION      the session's generation is published before those of the banks
 *     BROKEN_RECYCLE         the bank is ready again before it is empty
 *     BROKEN_KEEP_BANK       the owner stays in its bank for good
 *     BROKEN_RELEASE_FIRST   the CLI releases what it has not read
 *     BROKEN_LEAVE_RELAXED   the sequence becomes even by a relaxed store (weaker machines than x86-64)
 *     BROKEN_READ_RECYCLING  the CLI reads also what a killed agent was emptying
 * and, of the code as it is,
 *     GAP_UNRELEASED         the CLI, unlike ours, flips again before it has released, while an owner that has read a generation and not yet the bank's misses two flips: it may find a bank that is closed
 */
#define EVENTS 2
#define FLIPS 3

#define PROCESSORS 1       /* the agent's stores are all releases: that they are late is no more than that the agent is */
#define OWNER 0
#define DEPTH 3
#define GENERATION 0       /* of the session: header->generation */
#define SEQUENCE 1         /* of the thread's record */
#define BANK 2             /* + 0, 1: banks[].generation */
#define STATE 4            /* + 0, 1: banks[].state */
#define CONTENT 6          /* + 0, 1: cells; a bit an event */
#define CELLS 8
#define on_arrival(at)

#include "memory.pml"

#define WRITING 0
#define CLOSED 1
#define RECYCLING 2

mtype = { FLIP, FLIPPED, REUSE };
chan to_agent = [2] of { mtype };
chan to_cli = [1] of { mtype };

bool killed;
bool left, dead, vacant;      /* the owner is about to abandon what it is in, or to end; it has ended, and the agent has not noticed */
byte events, done;            /* events begun; bits of those that ended */
byte generation_seen, bank_seen; /* run->generation, run->update.bank */
byte generation_read[2];      /* view->copied[slot] */
byte content_read;            /* bits of the events that the CLI has */

/* jst_slot_bank_at(): the bank, 0 or 1, that is picked at a generation of the session if its parity's has generation own. */
#define picked(at, own) ((own) == (at) -> (at) & 1 : 1 - ((at) & 1))

proctype owner() provided (!killed)
{
	byte sequence, generation, own, bank, content;
	bool claimed, careful;
again:
	{
		do
		:: atomic {
				events < EVENTS && !dead -> events++;
				/* jst_thread_enter(): retire.pml is about it. */
				load(OWNER, SEQUENCE, sequence);
				store(OWNER, SEQUENCE, sequence + 1 + (sequence & 1), (sequence & 1 -> RELEASE : RELAXED));
				sequence = 0
			};
			/* jst_session_claim(). */
			if
			:: !claimed ->
				/* C: runtime/memory.h: if (atomic_load_explicit(&slot->banks[0].generation, memory_order_relaxed)) */
				atomic { load(OWNER, GENERATION, generation); load(OWNER, BANK + 0, own) };
				if
				:: own == 0 ->
#ifdef BROKEN_HALF_OPEN
					store(OWNER, BANK + (generation & 1), generation, RELAXED);
					store(OWNER, BANK + 1 - (generation & 1), generation + 1, RELAXED)
#else
					load(OWNER, BANK + 1, own);
					if
#ifndef BROKEN_OPEN_AGAIN
					:: own != 0
#endif
					:: else ->
						/* C: runtime/memory.h: atomic_store_explicit(&slot->banks[1].generation, generation | 1, memory_order_relaxed); */
						store(OWNER, BANK + 1, generation | 1, RELAXED)
					fi;
					/* C: runtime/memory.h: atomic_store_explicit(&slot->banks[0].generation, generation + (generation & 1), memory_order_relaxed); */
					store(OWNER, BANK + 0, generation + (generation & 1), RELAXED)
#endif
				:: else
				fi;
				/* C: runtime/session.c: run->generation = 0; */
				d_step { generation_seen = 0; own = 0; generation = 0; claimed = true }
			:: else
			fi;
#ifdef BROKEN_BANKS_FIRST
			atomic { load(OWNER, BANK + 0, own); load(OWNER, BANK + 1, content) };
			load(OWNER, GENERATION, generation);
			if
			:: generation_seen != generation ->
				d_step {
					bank_seen = picked(generation, ((generation & 1) -> content : own));
					generation_seen = generation; own = 0
				}
			:: else -> own = 0
			fi;
#else
			/* C: runtime/run.c: const uint32_t generation = atomic_load_explicit(&header->generation, memory_order_acquire); */
			load(OWNER, GENERATION, generation);
			if
#ifdef BROKEN_KEEP_BANK
			:: generation_seen == 0 ->
#else
			/* C: runtime/run.c: if (run->generation != generation) { */
			:: generation_seen != generation ->
#endif
				/* C: runtime/run.c: run->update.bank = jst_slot_bank_at(run->slot, generation); */
				/* C: runtime/memory.h: if (atomic_load_explicit(&bank->generation, memory_order_acquire) == generation) */
				atomic { load(OWNER, BANK + (generation & 1), own); bank_seen = picked(generation, own); own = 0 };
				/* C: runtime/run.c: run->generation = run->session->budget < */
				generation_seen = generation
			:: else
			fi;
#endif
			/* The event is counted. */
			load(OWNER, CONTENT + bank_seen, content);
			store(OWNER, CONTENT + bank_seen, content | (1 << (events - 1)), RELAXED);
			/* jst_thread_leave(). */
			atomic {
				load(OWNER, SEQUENCE, sequence);
#ifdef BROKEN_LEAVE_RELAXED
				store(OWNER, SEQUENCE, (sequence | 1) + 1, RELAXED);
#else
				store(OWNER, SEQUENCE, (sequence | 1) + 1, RELEASE);
#endif
				done = done | (1 << (events - 1));
				sequence = 0; generation = 0; content = 0;
				if
				/* C: libjstrace/event.c: run->generation = 0; */
				:: careful -> generation_seen = 0; careful = false
				:: else
				fi
			}
		:: atomic { events == EVENTS && !dead && !left -> goto out }
		od
	} unless {
		atomic {
			left || dead ->
			sequence = 0; generation = 0; own = 0; content = 0;
			if
			:: left -> left = false; careful = true
			:: else -> dead = false; vacant = true; claimed = false; careful = false
			fi
		};
		/* Another thread has the record only after the agent took it back: jst_thread_reap(). */
		!vacant;
		goto again
	};
out:
	skip
}

/* The thread leaves what it is in the middle of, or is gone. */
proctype accident()
{
	if
	:: true
/* Most of what is broken shows without it, sooner. */
#if defined(WHOLE) || defined(BROKEN_HALF_OPEN) || defined(BROKEN_OPEN_AGAIN)
	:: left = true
	:: dead = true
#endif
	fi
}

#define gone (vacant && buffer[OWNER].count == 0) /* a thread that ends passes barriers */

/* C: libjstrace/flip.c: jst_memory_recycle(memory, bank, generation + 1 + ((generation + 1 + b) & 1)); */
#define next_of(bank) generation + 1 + ((generation + 1 + bank) & 1)

#define ready (memory[STATE + 1 - present] == WRITING && memory[BANK + 1 - present] > generation)

proctype agent() provided (!killed)
{
	byte generation, present, first, bank;
	bool late;

	do
	:: atomic { to_agent?FLIP -> generation = memory[GENERATION] };
#ifdef BROKEN_GENERATION
		memory[GENERATION] = generation + 1;
#endif
		/* steer(). */
		present = picked(generation, memory[BANK + (generation & 1)]);
		if
		/* C: libjstrace/flip.c: if (!generation_of(bank)) */
		:: memory[BANK + present] == 0
		/* C: libjstrace/flip.c: if (is_writing(other) && generation_of(other) > generation) */
		:: memory[BANK + present] != 0 && ready ->
			/* C: libjstrace/flip.c: atomic_store_explicit(&other->generation, next, memory_order_release); */
			memory[BANK + 1 - present] = generation + 1
		:: memory[BANK + present] != 0 && !ready && present == ((generation + 1) & 1) ->
			/* C: libjstrace/flip.c: atomic_store_explicit(&bank->generation, next, memory_order_release); */
			memory[BANK + present] = generation + 1
		:: else
		fi;
#ifndef BROKEN_GENERATION
		/* C: libjstrace/flip.c: atomic_store_explicit(&header->generation, generation + 1, memory_order_release); */
		memory[GENERATION] = generation + 1;
#endif
		generation++;
#ifndef BROKEN_NO_MEMBARRIER
		/* C: libjstrace/flip.c: if (!jst_quiesce_barrier()) */
		barrier(OWNER);
#endif
		/* jst_quiesce_wait(): retire.pml. */
		d_step { first = memory[SEQUENCE]; late = first & 1 };
		if
		:: late ->
			if
			:: memory[SEQUENCE] != first || gone -> late = false
			:: true /* the time was over */
			fi
		:: else
		fi;
#ifdef BROKEN_STRAGGLERS
		late = false;
#endif
		/* outside(). */
		if
		:: !late ->
			present = 1 - picked(generation, memory[BANK + (generation & 1)]);
			if
			/* C: libjstrace/flip.c: if (generation_of(left) && generation_of(left) < flip->generation && is_writing(left)) */
			:: memory[BANK + present] != 0 && memory[BANK + present] < generation && memory[STATE + present] == WRITING ->
				/* C: libjstrace/flip.c: atomic_store_explicit(&left->state, JST_BANK_CLOSED, memory_order_release); */
				memory[STATE + present] = CLOSED
			:: else
			fi
		:: else
		fi;
		atomic { first = 0; present = 0; generation = 0; late = false; to_cli!FLIPPED }
	:: atomic { to_agent?REUSE -> generation = memory[GENERATION] };
		do
		/* C: libjstrace/flip.c: if (atomic_load_explicit(&bank->state, memory_order_relaxed) == JST_BANK_CLOSED) */
		:: bank < 2 && memory[STATE + bank] == CLOSED ->
			/* jst_memory_recycle(). */
			/* C: runtime/memory.c: atomic_store_explicit(&bank->state, JST_BANK_RECYCLING, memory_order_release); */
			memory[STATE + bank] = RECYCLING;
#ifdef BROKEN_RECYCLE
			memory[STATE + bank] = WRITING;
			memory[BANK + bank] = next_of(bank);
			memory[CONTENT + bank] = 0
#else
			/* C: runtime/memory.c: atomic_store_explicit(&bank->first_chunk, 0, memory_order_release); */
			memory[CONTENT + bank] = 0;
			/* C: runtime/memory.c: atomic_store_explicit(&bank->state, JST_BANK_WRITING, memory_order_release); */
			memory[STATE + bank] = WRITING;
			/* C: runtime/memory.c: atomic_store_explicit(&bank->generation, generation, memory_order_release); */
			memory[BANK + bank] = next_of(bank)
#endif
		:: atomic { bank < 2 && memory[STATE + bank] != CLOSED -> bank++ }
		:: atomic { bank == 2 -> bank = 0; generation = 0; break }
		od
	/* jst_thread_reap(). */
	:: atomic { gone -> memory[SEQUENCE] = memory[SEQUENCE] + (memory[SEQUENCE] & 1); vacant = false }
	od
}

/* results_read(). Nobody changes a bank while it is read, or another interleaving shows it. */
inline read(bank, rest)
{
	if
	/* C: cli/reader.c: if (generation == view->copied[slot][bank]) */
	/* C: cli/reader.c: return take == READER_TAKE_REST ? state != JST_BANK_RECYCLING : state == JST_BANK_CLOSED; */
#ifdef BROKEN_READ_RECYCLING
	:: rest || (memory[BANK + bank] != generation_read[bank] && memory[STATE + bank] == CLOSED) ->
#else
	:: memory[BANK + bank] != generation_read[bank] && (rest -> memory[STATE + bank] != RECYCLING : memory[STATE + bank] == CLOSED) ->
#endif
		generation_read[bank] = memory[BANK + bank];
		assert((content_read & memory[CONTENT + bank]) == 0);
		content_read = content_read | memory[CONTENT + bank]
	:: else
	fi
}

proctype cli()
{
	byte flips = FLIPS;

	/* C: cli/target.c: send_plain(target, JST_MESSAGE_FLIP); */
	atomic { to_agent!FLIP; flips-- };
	do
	:: atomic {
			to_cli?FLIPPED ->
#ifdef BROKEN_RELEASE_FIRST
			to_agent!REUSE
		};
		atomic {
#endif
			if
			:: true ->
				/* C: cli/trace.c: results_read(trace->totals, target->view, READER_TAKE_CLOSED); */
				read(0, false);
				read(1, false);
#ifndef BROKEN_RELEASE_FIRST
				/* C: cli/target.c: send_plain(target, JST_MESSAGE_RELEASE); */
				to_agent!REUSE
#endif
#ifdef GAP_UNRELEASED
			:: true /* asks again */
#endif
			fi;
			if
			:: flips > 0 -> to_agent!FLIP; flips--
			:: else
			fi
		}
	:: killed -> break
	od;
	/* Dead: what had been stored reaches memory. */
	barrier(OWNER);
	/* C: cli/trace.c: results_read(trace->totals, target->view, READER_TAKE_REST); */
	d_step {
		read(0, true);
		read(1, true);
		assert((content_read & done) == done)
	}
}

init
{
	atomic {
		memory[GENERATION] = 2;
		run drain(OWNER);
		run owner();
		run accident();
		run agent();
		run cli()
	};
	killed = true
}
