/*
 * Sealable memfds (memfd.h), by raw calls, since the agent's descriptors are its own.
 */
#include "memfd.h"

#include "raw.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

void *jst_memfd_map(const char *name, size_t size, int protection, int *fd)
{
	*fd = jst_raw_memfd(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (*fd == -EINVAL)
		*fd = jst_raw_memfd(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	const int error = jst_raw_truncate(*fd, size);
	void *memory = error < 0 ? (void *)(intptr_t)error : jst_raw_map(*fd, size, protection);

	if (!jst_raw_failed(memory))
		return memory;
	jst_raw_close(*fd);
	*fd = (int)(intptr_t)memory;
	return NULL;
}
