/*
 * The package for `import`: the same functions as for require(), so that a program that uses both has one jstrace. Whether somebody watches is asked of trace.enabled, since a name that
 * is imported would not follow it.
 */

import trace from './index.js';

export default trace;
export { trace };
export const probe = (name) => trace.probe(name);
