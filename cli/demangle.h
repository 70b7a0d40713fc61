/*
 * The names of C++ and Rust as people write them.
 */
#ifndef CLI_DEMANGLE_H
#define CLI_DEMANGLE_H

#include <stddef.h>

/* Writes the name behind a symbol to text, terminated, the symbol itself where it is not mangled; cut where it is longer than room. The symbol is not trusted: time and memory are bounded. Single-threaded. */
void demangle(const char *symbol, char *text, size_t room);

#endif
