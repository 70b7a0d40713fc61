/*
 * Memory that is shared with CLIs: memfds that can be sealed. The caller owns the descriptor and the mapping. Context: agent.
 */
#ifndef JST_MEMFD_H
#define JST_MEMFD_H

#include <fcntl.h>
#include <stddef.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* A sealable memfd of size bytes, zero, mapped shared with the protection; its descriptor goes to *fd. NULL: *fd says why, the negative number of an error. The agent blocks SIGXFSZ, so a file size limit is an error here and not a death. */
void *jst_memfd_map(const char *name, size_t size, int protection, int *fd);

#endif
