/*
 * Scripts in JavaScript: Node.js hosts them, and runs this program again for the events that they ask for (cli/node/host.js). Which node: the first in PATH, or $JSTRACE_NODE.
 */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>

#include "options.h"

/* Whether the script is one: its name ends in .js, .cjs or .mjs. */
bool node_hosts(const struct options *options);
/* Puts Node in the place of this program. Returns an exit code if that cannot be, which was said. */
int node_run(const struct options *options);

#endif
