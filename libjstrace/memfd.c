/*
 * Sealable memfds (memfd.h), by raw calls, since the agent's descriptors are its own.
 */
#include "memfd.h"

#include <errno.h>
#include <sys/mman.h>

#include "raw.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

void *jst_memfd_map(const char *name, size_t size, int protection, int *fd)
{
	*fd = jst_raw_memfd(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (*fd < 0 && errno == EINVAL)
		*fd = jst_raw_memfd(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	void *memory = jst_raw_truncate(*fd, size) == 0 ? jst_raw_map(*fd, size, protection) : MAP_FAILED;

	if (memory != MAP_FAILED)
		return memory;
	const int error = errno;

	jst_raw_close(*fd);
	*fd = -1;
	errno = error;
	return NULL;
}
