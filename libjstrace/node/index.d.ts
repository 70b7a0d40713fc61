/*
 * Types of jstrace. Values of fields are numbers, bigints, strings, booleans, and objects of such, whose fields a script reads as `a.b`; whatever else a program passes is accepted.
 */

/** Fires the probe `name` with the fields of `object`, if somebody watches it; else does nothing. Never throws. */
declare function trace(name: string, object?: trace.Fields | string | number | null): void;

declare namespace trace {
	/** What a probe sends: the fields by their names. */
	type Fields = object;

	/** A probe whose name is looked up once. */
	interface Probe {
		/** Fires the probe, if somebody watches it. */
		(object?: Fields | string | number | null): void;
		/** Whether somebody watches this probe: for what is costly to compute. */
		readonly enabled: boolean;
		/** Its name. */
		readonly name: string;
	}

	/** A `trace` option, as libraries take it: jstrace itself or just a function. */
	type Trace = ((name: string, object?: any) => void) & { readonly enabled?: boolean; readonly probe?: (name: string) => Probe };

	/** Whether somebody watches any probe of this process. */
	const enabled: boolean;

	/** The probe of that name, for places that are run often. */
	function probe(name: string): Probe;
}

export = trace;
