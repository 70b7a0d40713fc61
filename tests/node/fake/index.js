'use strict';
/*
 * The package's main module over the core for tests.
 */

module.exports = require('./core.js').trace;
