/*
 * The ring: records of one thread on their way to the CLI (runtime/ring.c). One writer in the target, one reader; the ring has four units of which a record takes one to three, so records wrap, meet a full ring and are dropped. At any step the writer may leave the record that it is writing
 * (siglongjmp()) and begin another, or be killed; the reader then reads what is left.
 *
 * Properties: no record is read torn, or twice, or out of order; and once the writer is dead, each that was begun was read, or counted as dropped, or torn in its middle: that one, at most. What the writer believes of the reader's position is never more than is written or less than a ring behind.
 *
 * HOLDS_HOSTILE, which must hold, too: the reader's position lies in memory that the CLI may write as it likes, and does. Then only the last property is left.
 *
 * Each step stands for what is quoted behind "C:"; tests/model/run looks whether that still stands there. What must be refuted:
 *     BROKEN_NEW_FIRST       the larger ring is the slot's before it has a head
 *     BROKEN_NEW_RELAXED     it becomes so by a relaxed store (weaker machines than x86-64)
 *     BROKEN_FOLLOW          the reader goes on in the larger ring although something is left in the other
 *     BROKEN_FOLLOW_EARLY    the reader looks at the head of the one before it looks whether there is another
 *     BROKEN_HEAD_FIRST      the head is moved on before the record is written
 *     BROKEN_HEAD_RELAXED    the head is moved on by a relaxed store (weaker machines than x86-64)
 *     BROKEN_TAIL_EARLY      the reader gives room back before it has copied what lies there
 *     BROKEN_FILLER          room is looked for without the filler at the end
 *     BROKEN_UNCOUNTED       what does not fit is not counted
 *     BROKEN_ROOM            one unit more than is free is taken for free
 *     BROKEN_NO_FILLER       the end of the ring is left as it is
 *     BROKEN_TRUST           the reader's position is believed
 */
#ifdef BROKEN_TRUST
#define HOLDS_HOSTILE
#endif
#define RECORDS 3
#define FIRST 2   /* units of the first ring */
#define SIZE 4    /* and of the one that follows it */

#define PROCESSORS 1 /* the reader stores nothing but its position, as a release: that it is late is no more than that the reader is */
#define WRITER 0
#define DEPTH 3
#define RING 0    /* slot->ring: 0 is the first, 1 the larger one */
#define HEAD 1    /* + ring */
#define TAIL 3
#define DROPPED 4
#define DATA 5    /* + unit of the ring: the first's, then the larger one's */
#define CELLS (DATA + FIRST + SIZE)
#define on_arrival(at)

#include "memory.pml"

/* A unit: the record's number, from 1 on, its size, and which of its units this is; or a filler. 0: nothing yet. */
#define unit(record, size, n) ((record) << 4 | (size) << 2 | (n))
#define record_of(value) ((value) >> 4)
#define size_of(value) ((value) >> 2 & 3)
#define part_of(value) ((value) & 3)
#define FILLER 15 /* of the rest of the ring: record */

bool killed, left, writing;
byte begun, torn, count_read, last_read;

#define size_of_ring(ring) ((ring) -> SIZE : FIRST)
#define data_of(ring) (DATA + ((ring) -> FIRST : 0))
#define place (head & (size_of_ring(ring) - 1))
#define believed(position) (head - (position))

inline drop()
{
	/* C: runtime/ring.c: jst_slot_lose(slot, JST_LOSS_RECORDS); */
#ifndef BROKEN_UNCOUNTED
	atomic { load(WRITER, DROPPED, scratch); store(WRITER, DROPPED, scratch + 1, RELAXED); scratch = 0; writing = false }
#else
	writing = false
#endif
}

/* What follows the first unit, then that, as jst_ring_write() does; then the head. */
inline write()
{
#ifdef BROKEN_HEAD_FIRST
	store(WRITER, HEAD + ring, head + size, RELEASE);
#endif
	n = size - 1;
	do
	:: atomic { n > 0 -> store(WRITER, data_of(ring) + place + n, unit(begun, size, n), RELAXED); n-- }
	:: n == 0 -> break
	od;
	/* C: runtime/ring.c: at->size = size; */
	store(WRITER, data_of(ring) + place, unit(begun, size, 0), RELAXED);
#ifdef BROKEN_HEAD_FIRST
	writing = false
#else
	/* C: runtime/ring.c: atomic_store_explicit(&ring->head, head + size, memory_order_release); */
	atomic {
#ifdef BROKEN_HEAD_RELAXED
		store(WRITER, HEAD + ring, head + size, RELAXED);
#else
		store(WRITER, HEAD + ring, head + size, RELEASE);
#endif
		writing = false
	}
#endif
}

#ifdef BROKEN_FILLER
#define need size
#else
#define need (skip_units + size)
#endif
#ifdef BROKEN_ROOM
#define room (size_of_ring(ring) + 1)
#else
#define room size_of_ring(ring)
#endif

/* finds_room(), in found. */
inline find_room()
{
	/* C: runtime/ring.c: *skip = place + size > ring->size ? ring->size - place : 0; */
	skip_units = (place + size > size_of_ring(ring) -> size_of_ring(ring) - place : 0);
	/* C: runtime/ring.c: return size <= ring->size && has_room(ring, head, *skip + size, tail); */
	if
	:: size > size_of_ring(ring) -> found = false
	/* C: runtime/ring.c: if (head - ring->tail_seen + need <= ring->size) */
	:: size <= size_of_ring(ring) && believed(tail_seen) + need <= room -> found = true
	:: else ->
#ifdef HOLDS_HOSTILE
		select(position : 0 .. 31);
#else
		/* C: runtime/ring.c: const uint64_t position = atomic_load_explicit(tail, memory_order_acquire); */
		load(WRITER, TAIL, position);
#endif
		/* C: runtime/ring.c: if (position > head || head - position > ring->size || position & 7) */
		if
#ifdef BROKEN_TRUST
		:: true -> tail_seen = position
#else
		:: position <= head && believed(position) <= size_of_ring(ring) -> tail_seen = position
		:: else
#endif
		fi;
		position = 0;
		assert(tail_seen <= head && believed(tail_seen) <= size_of_ring(ring));
		found = believed(tail_seen) + need <= room
	fi
}

proctype writer() provided (!killed)
{
	byte tail_seen, ring, head, size, skip_units, position, n, scratch;
	bool found;
again:
	{
		do
		:: begun < RECORDS ->
			atomic {
				begun++;
				writing = true;
				if
				:: size = 1
				:: size = 2
				:: size = 3
				fi;
				/* Only the writer stores these. */
				load(WRITER, RING, ring);
				/* C: runtime/ring.c: const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); */
				load(WRITER, HEAD + ring, head)
			};
			if
			/* jst_ring_write(). C: runtime/ring.c: const uint64_t room = to_end < free ? to_end : free; */
			:: size <= size_of_ring(ring) - place && size + believed(tail_seen) <= size_of_ring(ring) -> write()
			/* find_place(). */
			:: else ->
				find_room();
				if
				/* C: runtime/ring.c: while (*ring && !finds_room(*ring, *head, size, tail, &skip)) */
				:: !found && ring == 0 ->
#ifdef BROKEN_NEW_FIRST
					store(WRITER, RING, 1, RELEASE);
					store(WRITER, HEAD + 1, head, RELAXED);
#else
					/* C: runtime/ring.c: atomic_store_explicit(&ring->head, head, memory_order_relaxed); */
					store(WRITER, HEAD + 1, head, RELAXED);
#ifdef BROKEN_NEW_RELAXED
					store(WRITER, RING, 1, RELAXED);
#else
					/* C: runtime/ring.c: atomic_store_explicit(&slot->ring, ref, memory_order_release); */
					store(WRITER, RING, 1, RELEASE);
#endif
#endif
					/* C: runtime/ring.c: ring->tail_seen = full->tail_seen; */
					ring = 1;
					find_room()
				:: !found && ring == 0 -> skip /* no memory for it */
				:: else
				fi;
				if
				:: !found -> drop()
				:: found ->
					if
					:: skip_units > 0 ->
#ifndef BROKEN_NO_FILLER
						/* C: runtime/ring.c: const uint32_t filler[2] = { (uint32_t)skip, JST_RECORD_SKIP }; */
						store(WRITER, data_of(ring) + place, unit(FILLER, skip_units, 0), RELAXED);
#endif
						head = head + skip_units
					:: else
					fi;
					write()
				fi
			fi;
			d_step { head = 0; size = 0; skip_units = 0; ring = 0; found = false }
		:: begun == RECORDS -> goto out
		od
	} unless {
		atomic {
			left -> left = false; head = 0; size = 0; skip_units = 0; position = 0; n = 0; scratch = 0; ring = 0; found = false;
			torn = torn + writing; writing = false;
			goto again
		}
	};
out:
	skip
}

#define to_end (size_of_ring(ring) - (tail & (size_of_ring(ring) - 1)))

/* jst_ring_follow() and jst_ring_take(), again and again. */
proctype reader()
{
	byte tail, ring, most, at, n, copy[SIZE];
	bool follows;

	do
#ifdef BROKEN_FOLLOW_EARLY
	:: atomic { ring == 0 && memory[HEAD + ring] == tail -> follows = true };
		if
		:: memory[RING] == 1 -> ring = 1
		:: else
		fi;
#else
	/* What the slot says first, then the head of the ring that was read last. */
	:: atomic { memory[RING] != ring -> follows = true };
		if
#ifdef BROKEN_FOLLOW
		:: true -> ring = 1
#else
		/* C: runtime/ring.c: if (!ring || atomic_load_explicit(&ring->head, memory_order_acquire) == reader->tail) */
		:: memory[HEAD + ring] == tail -> ring = 1
		:: else
#endif
		fi;
#endif
		follows = false
	:: atomic {
			/* C: runtime/ring.c: const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire); */
			memory[HEAD + ring] != tail ->
			/* C: runtime/ring.c: if (reader->tail & 7 || head & 7 || head - reader->tail > size) */
			assert(memory[HEAD + ring] >= tail && memory[HEAD + ring] - tail <= size_of_ring(ring));
			/* C: runtime/ring.c: const uint64_t most = span.filled < to_end ? span.filled : to_end; */
			most = memory[HEAD + ring] - tail;
			most = (most < to_end -> most : to_end)
		};
#ifdef BROKEN_TAIL_EARLY
		memory[TAIL] = tail + most;
#endif
		/* C: runtime/ring.c: memcpy(buffer, span.data + place, copied); */
		do
		:: atomic { n < most -> copy[n] = memory[data_of(ring) + (tail & (size_of_ring(ring) - 1)) + n]; n++ }
		:: atomic { n == most -> n = 0; break }
		od;
		atomic {
			do
			:: at < most && record_of(copy[at]) == FILLER ->
				/* C: runtime/ring.c: if (first[1] == JST_RECORD_SKIP && first[0] == to_end - taken && to_end <= span.filled) { */
				assert(size_of(copy[at]) == to_end - at);
				at = most
			:: at < most && record_of(copy[at]) != FILLER ->
				assert(part_of(copy[at]) == 0 && size_of(copy[at]) > 0 && size_of(copy[at]) <= most - at && record_of(copy[at]) > last_read);
				last_read = record_of(copy[at]);
				n = 1;
				do
				:: n < size_of(copy[at]) ->
					assert(copy[at + n] == unit(last_read, size_of(copy[at]), n));
					n++
				:: else -> break
				od;
				count_read++;
				at = at + size_of(copy[at])
			:: else -> break
			od;
			/* C: runtime/ring.c: reader->tail += taken; */
			tail = tail + most;
			most = 0; at = 0; copy[0] = 0; copy[1] = 0; copy[2] = 0; copy[3] = 0; n = 0
		};
		memory[TAIL] = tail
	:: atomic { killed && buffer[WRITER].count == 0 && memory[RING] == ring && memory[HEAD + ring] == tail -> break }
	od;
	/* Dead, and all is read: each is somewhere, and one at most is torn by the death. */
	assert(count_read + memory[DROPPED] + torn + writing == begun)
}

init
{
	atomic {
		run drain(WRITER);
		run writer()
#ifndef HOLDS_HOSTILE
		; run reader()
#endif
	};
	if
	:: left = true
	:: true
	fi;
	killed = true
}
