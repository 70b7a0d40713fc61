/*
 * Types of jstrace/koa.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Trace } from './index.js';

/** A middleware with the probes PREFIX:start, PREFIX:end and PREFIX:close. */
declare function koa(options?: koa.Options): (context: { req: IncomingMessage; res: ServerResponse }, next: () => Promise<any>) => Promise<any>;

declare namespace koa {
	interface Options {
		/** Used instead of jstrace itself. */
		trace?: Trace;
		/** What the names of the probes begin with: 'request'. */
		prefix?: string;
	}
}

export = koa;
