/*
 * Which unit of a module's debug information tells of an address. A linker's table of that (.debug_aranges) is asked first; clang writes none, and then what each unit says of itself is read, once a module.
 *
 * Neither is trusted: what all modules together take of time and memory has bounds. Beyond these, units are unknown. The caller keeps the struct, zeroed at first, for as long as the module. Single-threaded.
 */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include <elfutils/libdwfl.h>

struct unit_range;

struct units {
	bool read;
	struct unit_range *ranges; /* sorted */
	size_t count;
};

/* The unit that tells of the module's address; *bias: what its addresses are less than the module's. False: none does. */
bool units_find(struct units *units, Dwfl_Module *module, Dwarf_Addr address, Dwarf_Die *unit, Dwarf_Addr *bias);

#endif
