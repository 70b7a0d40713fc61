/*
 * The stub between a probe's cold part and the library: keeps the registers that inline assembly did not say it changes.
 */
#ifndef JST_STUB_H
#define JST_STUB_H

#include "sites.h"
#include "stack.h"

/* Called by the stub, with the block of words, the site's record, and a word in the stub's frame that leads to what the probe's call left: the caller's frame pointer and the address to return to. Context: probe. */
__attribute__((visibility("hidden"))) void jst_probe_dispatch(const uint64_t *words, const struct jst_site_record *record, const struct jst_frame *const *innermost);

/* The same after JST_LEAF_LEFT and JST_LEAF_BEGUN (leaf.h). */
__attribute__((visibility("hidden"))) void jst_probe_left(const uint64_t *words, const struct jst_site_record *record, const struct jst_frame *const *innermost);
__attribute__((visibility("hidden"))) void jst_probe_begun(const uint64_t *words, const struct jst_site_record *record, const struct jst_frame *const *innermost);

#endif
