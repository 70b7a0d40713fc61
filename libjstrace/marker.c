/*
 * The marker.
 */
#include "marker.h"

#include <string.h>

#include "memfd.h"
#include "raw.h"
#include "sample.h"

enum { MARKER_SIZE = 4096 };

_Static_assert(sizeof(struct jst_marker) <= MARKER_SIZE, "the marker is a page");

struct jst_marker *jst_marker_make(void)
{
	int fd;
	struct jst_marker *marker = jst_memfd_map(JST_MARKER_NAME, MARKER_SIZE, PROT_READ | PROT_WRITE, &fd);

	if (!marker)
		return NULL;
	/* A child is not this process: it has a marker of its own, or none. */
	if (jst_raw_advise(marker, MARKER_SIZE, MADV_DONTFORK) < 0 || jst_raw_seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		jst_raw_unmap(marker, MARKER_SIZE);
		jst_raw_close(fd);
		return NULL;
	}
	marker->magic = JST_MARKER_MAGIC;
	marker->abi_min = JST_ABI_MIN;
	marker->abi_max = JST_ABI_MAX;
	marker->pid = jst_raw_pid();
	marker->agent_tid = jst_raw_tid();
	marker->start_time = jst_sample_start_time();
	marker->filters = jst_sample_filters();
	/* Pairs with the CLI's acquire: whoever sees READY sees the rest. */
	atomic_store_explicit(&marker->state, JST_MARKER_READY, memory_order_release);
	return marker;
}

void jst_marker_listen(struct jst_marker *marker, const char *name)
{
	const uint32_t count = atomic_load_explicit(&marker->listening, memory_order_relaxed);

	/* A seqlock with one writer; pairs with the CLI's reads of `listening` before and after the name. */
	atomic_store_explicit(&marker->listening, count + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	if (name)
		strncpy(marker->socket_name, name, sizeof(marker->socket_name) - 1);
	atomic_store_explicit(&marker->listening, count + 2, memory_order_release);
}
