/*
 * Which sites a session watches: found when it is installed, and as objects come and go; and turning them on and off.
 *
 * A session keeps a set of the ids that it watches, so that names are matched once, and only what was matched is switched. Of the sites it watches the first JST_BOUND_EARLY are bound at once; the others, of which a program with very many
 * may never pass most, by the first thread that fires them (jst_table_site()).
 */
#ifndef JST_WATCH_H
#define JST_WATCH_H

#include "install.h"

enum { JST_BOUND_EARLY = 1024 };

/* Finds what the session watches of the sites that there are, and counts them: installed->sites and probes; false: no memory to count. The session is among jst_process->prepared already. With the registry's lock, which is released now and then. Context: agent. */
bool jst_watch_all(struct jst_installed *installed);

/* Turns all that the session watches on or off. installed->running says the same already, for objects that come meanwhile. With the registry's lock, which is released now and then. Context: agent. */
void jst_watch_switch(struct jst_installed *installed, bool on);

/* An object comes, or goes: for all sessions. With the registry's lock. Context: load. */
void jst_watch_come(const struct jst_site_span *span);
void jst_watch_go(const struct jst_site_span *span);

#endif
