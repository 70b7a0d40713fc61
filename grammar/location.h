/*
 * A place in the script or in a text that it imports: from its first character to just past its last. Lines and columns count from 1, columns in bytes.
 */
#ifndef LOCATION_H
#define LOCATION_H

struct location {
	int line, column;
	int end_line, end_column;
	int source; /* index in compiled->sources */
};

#endif
