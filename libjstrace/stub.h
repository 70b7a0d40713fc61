/*
 * The stub between a probe's cold part and the library: keeps the registers that inline assembly did not say it changes.
 */
#ifndef JST_STUB_H
#define JST_STUB_H

#include "sites.h"

/* Called by the stub, with the block of words and the site's record. Context: probe. */
__attribute__((visibility("hidden"))) void jst_probe_dispatch(const uint64_t *words, const struct jst_site_record *record);

#endif
