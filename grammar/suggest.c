/*
 * "did you mean": the optimal string alignment distance (insertions, deletions, replacements, neighbours swapped), at most a third of the word.
 */
#include "diagnostics.h"

#include <string.h>

enum { LONGEST = 40 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][LONGEST + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

size_t suggest_distance(const char *a, const char *b)
{
	const size_t a_length = strlen(a), b_length = strlen(b);

	return a_length > LONGEST || b_length > LONGEST ? LONGEST : distance(a, a_length, b, b_length);
}

const char *suggest_name(const char *written, size_t length, const char *const *names, size_t count)
{
	const char *best = NULL;
	size_t best_distance = (length + 1) / 3 + 1;

	if (length > LONGEST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t name_length = strlen(names[i]);

		if (name_length > LONGEST)
			continue;

		size_t d = distance(written, length, names[i], name_length);

		/* Half a short word must be right, or any would be close to it. */
		if (d && d < best_distance && d * 2 <= least(length, name_length) + 1) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}
