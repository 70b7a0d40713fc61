/*
 * Types of jstrace/express. The middleware takes what node:http gives, which those of express and connect extend.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Trace } from './index.js';

/** A middleware with the probes PREFIX:start, PREFIX:end and PREFIX:close, for express, connect and node:http. */
declare function express(options?: express.Options): (req: IncomingMessage, res: ServerResponse, next?: (error?: any) => void) => void;

declare namespace express {
	interface Options {
		/** Used instead of jstrace itself. */
		trace?: Trace;
		/** What the names of the probes begin with: 'request'. */
		prefix?: string;
	}
}

export = express;
