/*
 * Files that are opened on behalf of what a target says: an ELF file may name others (its debug information, a supplement to that, a part of it), and libdw opens these whatever they are. To open a FIFO would wait
 * for ever, to open a device may do something to it; so in between guard_begin() and guard_end() the whole program opens regular files alone. Single-threaded, not nested.
 */
#ifndef GUARD_H
#define GUARD_H

void guard_begin(void);
void guard_end(void);

#endif
