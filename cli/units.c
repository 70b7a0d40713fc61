/*
 * See units.h. The ranges of all units are sorted by where they begin. Those of real code do not overlap; those of code that the linker has left out begin at zero, where no code lies.
 */
#include "units.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "libdw.h"
#include "messages.h"

/* Of all modules together. The largest programs have some tens of thousands of units. A unit that libdw knows takes a KiB, or as much as a file that means harm makes of it: therefore also the growth of the process. */
enum { UNITS_MOST = 1 << 17, RANGES_MOST = 1 << 22, SECONDS_MOST = 5, KIBIBYTES_MOST = 1 << 20 };

struct unit_range {
	Dwarf_Addr low, high;
	Dwarf_Off unit; /* where its entry lies */
};

static size_t units_seen, ranges_seen;
static double seconds_spent;
static long kibibytes_taken;

/* ---- bounds ---- */

static double seconds_of(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) + (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Adds what was used since the last time. */
static bool within_bounds(struct rusage *last)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	seconds_spent += seconds_of(&now) - seconds_of(last);
	kibibytes_taken += now.ru_maxrss - last->ru_maxrss;
	*last = now;
	return units_seen < UNITS_MOST && ranges_seen < RANGES_MOST && seconds_spent < SECONDS_MOST && kibibytes_taken < KIBIBYTES_MOST;
}

/* ---- reading ---- */

static void add_range(struct units *units, size_t *room, struct unit_range range)
{
	if (range.low == 0 || range.low >= range.high)
		return;
	if (units->count == *room)
		units->ranges = message_resize(units->ranges, *room = *room ? *room * 2 : 256, sizeof(*units->ranges));
	units->ranges[units->count++] = range;
}

static int compare(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return (x->high > y->high) - (x->high < y->high);
}

static void read_units(struct units *units, Dwarf *dwarf)
{
	size_t room = 0;
	struct rusage usage;
	Dwarf_CU *next = NULL;
	Dwarf_Die unit;

	getrusage(RUSAGE_SELF, &usage);
	while (within_bounds(&usage) && libdw.dwarf_get_units(dwarf, next, &next, NULL, NULL, &unit, NULL) == 0) {
		Dwarf_Addr base, low, high;
		ptrdiff_t place = 0;

		units_seen++;
		while (ranges_seen < RANGES_MOST && (place = libdw.dwarf_ranges(&unit, place, &base, &low, &high)) > 0) {
			ranges_seen++;
			add_range(units, &room, (struct unit_range){ low, high, libdw.dwarf_dieoffset(&unit) });
		}
	}
	if (!units->count)
		return;
	qsort(units->ranges, units->count, sizeof(*units->ranges), compare);
	units->ranges = message_resize(units->ranges, units->count, sizeof(*units->ranges));
}

/* ---- finding ---- */

static bool find_range(const struct units *units, Dwarf *dwarf, Dwarf_Addr address, Dwarf_Die *unit)
{
	size_t low = 0, high = units->count;

	/* The last one that begins there or before. */
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (units->ranges[middle].low <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < units->ranges[low - 1].high && libdw.dwarf_offdie(dwarf, units->ranges[low - 1].unit, unit);
}

bool units_find(struct units *units, Dwfl_Module *module, Dwarf_Addr address, Dwarf_Die *unit, Dwarf_Addr *bias)
{
	Dwarf *dwarf = libdw.dwfl_module_getdwarf(module, bias);
	Dwarf_Addr same;
	Dwarf_Die *told = dwarf ? libdw.dwfl_module_addrdie(module, address, &same) : NULL;

	if (!dwarf)
		return false;
	/* Where some objects are in the table and some are not, it gives what is nearest. */
	if (!told || libdw.dwarf_haspc(told, address - *bias) <= 0) {
		if (!units->read)
			read_units(units, dwarf);
		units->read = true;
		if (find_range(units, dwarf, address - *bias, unit))
			return true;
	}
	if (told)
		*unit = *told;
	return told != NULL;
}
