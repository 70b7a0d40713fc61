/*
 * Memory as several processors see it, for the models beside this file. Each processor has a store buffer: a store is in there at first, where only its own loads see it, and reaches memory at any later time.
 *
 *     the oldest store of a buffer may always reach memory next: that is x86-64's order (TSO);
 *     so may one that no older store of the same cell stands before, unless it is a release: that is as weak as C's relaxed and release stores, and arm64's.
 *
 * Loads are done at once and in the order that is written here. What an acquire, or a barrier of the compiler, is there to prevent is shown by a broken variant which loads in the other order. -DTSO leaves x86-64's order alone.
 *
 * Who includes this defines PROCESSORS, DEPTH (stores in a buffer, at most 4), CELLS, and on_arrival(cell), which is run as a store to the cell reaches memory.
 */
typedef store_buffer {
	byte count;
	byte cell[DEPTH];
	byte value[DEPTH];
	bool release[DEPTH]
};

store_buffer buffer[PROCESSORS];
byte memory[CELLS];
hidden byte scan;

#define RELAXED false
#define RELEASE true

inline store(processor, at, what, order)
{
	d_step {
		buffer[processor].count < DEPTH;
		buffer[processor].cell[buffer[processor].count] = at;
		buffer[processor].value[buffer[processor].count] = what;
		buffer[processor].release[buffer[processor].count] = order;
		buffer[processor].count++
	}
}

/* What is in the own buffer is seen before what is in memory. */
inline load(processor, at, result)
{
	d_step {
		result = memory[at];
		scan = 0;
		do
		:: scan < buffer[processor].count ->
			if
			:: buffer[processor].cell[scan] == at -> result = buffer[processor].value[scan]
			:: else
			fi;
			scan++
		:: else -> break
		od
	}
}

/* A full barrier on that processor: waits until its buffer was empty at one instant. */
#define barrier(processor) buffer[processor].count == 0

/* The n-th of a buffer reaches memory; what was behind it moves up, and what is unused is 0, so that equal states are the same. */
inline arrive(processor, n)
{
	d_step {
		memory[buffer[processor].cell[n]] = buffer[processor].value[n];
		on_arrival(buffer[processor].cell[n]);
		buffer[processor].count--;
		scan = n;
		do
		:: scan < buffer[processor].count ->
			buffer[processor].cell[scan] = buffer[processor].cell[scan + 1];
			buffer[processor].value[scan] = buffer[processor].value[scan + 1];
			buffer[processor].release[scan] = buffer[processor].release[scan + 1];
			scan++
		:: else -> break
		od;
		buffer[processor].cell[scan] = 0;
		buffer[processor].value[scan] = 0;
		buffer[processor].release[scan] = false
	}
}

#define cell_of(n) buffer[processor].cell[n]
#define may_pass(n) (buffer[processor].count > n && !buffer[processor].release[n] && cell_of(n) != cell_of(0))

/* One of each processor: lets its stores reach memory. */
proctype drain(byte processor)
{
end:
	do
	:: buffer[processor].count > 0 -> arrive(processor, 0)
#ifndef TSO
#if DEPTH > 1
	:: may_pass(1) -> arrive(processor, 1)
#endif
#if DEPTH > 2
	:: may_pass(2) && cell_of(2) != cell_of(1) -> arrive(processor, 2)
#endif
#if DEPTH > 3
	:: may_pass(3) && cell_of(3) != cell_of(1) && cell_of(3) != cell_of(2) -> arrive(processor, 3)
#endif
#endif
	od
}
