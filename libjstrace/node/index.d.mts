/*
 * Types of jstrace for `import`.
 */

import trace from './index.js';

export default trace;
export { trace };
export declare const probe: typeof trace.probe;
export type Fields = trace.Fields;
export type Probe = trace.Probe;
export type Trace = trace.Trace;
