/*
 * Types of jstrace/diagnostics.
 */

import type { Channel, TracingChannel } from 'node:diagnostics_channel';
import type { Fields, Trace } from './index.js';

/** Turns channels of node:diagnostics_channel into probes: those of Node and undici, and those that are named. */
declare function diagnostics(...args: Array<string | Channel | TracingChannel<any> | diagnostics.Options>): diagnostics.Bridge;

declare namespace diagnostics {
	interface Options {
		/** Used instead of jstrace itself. */
		trace?: Trace;
		/** false leaves out the channels of Node and undici. */
		node?: boolean;
		/** Channels by their name ('tracing:NAME' is all of a tracing channel), with a function that makes the fields of a message. */
		channels?: Record<string, (message: any) => Fields>;
	}

	interface Bridge {
		/** The names of the probes. */
		readonly probes: string[];
		/** Takes the probes back. */
		close(): void;
	}
}

export = diagnostics;
