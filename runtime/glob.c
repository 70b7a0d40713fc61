/*
 * Globs: * any run of characters, ? one character, [a-z] [!a-z] one of a set (or not of it). No escapes; a [ without its ] is itself.
 *
 * Matching goes along the text; at a mismatch it returns to the last * and lets that take one character more. Earlier stars need no second look, so the
 * time is at most the product of the lengths, and mostly their sum.
 */
#include "probe.h"

/* One element of the glob that is no *, against one character. Returns the element's length, 0 if it does not match; steps is charged for a set. */
static uint32_t match_one(const char *glob, uint32_t length, char c, uint64_t *steps)
{
	if (glob[0] == '?')
		return 1;
	if (glob[0] != '[')
		return glob[0] == c;

	const unsigned char byte = (unsigned char)c;
	uint32_t at = 1;
	const bool inverted = at < length && glob[at] == '!';
	bool in = false;

	at += inverted;
	for (const uint32_t first = at; at < length && (glob[at] != ']' || at == first); at++) {
		const unsigned char low = (unsigned char)glob[at];
		unsigned char high = low;

		if (at + 2 < length && glob[at + 1] == '-' && glob[at + 2] != ']') {
			high = (unsigned char)glob[at + 2];
			at += 2;
		}
		in |= byte >= low && byte <= high;
	}
	*steps = *steps > at ? *steps - at : 0;
	if (at == length)
		return c == '[';
	return in != inverted ? at + 1 : 0;
}

bool jst_glob_match_within(struct jst_string glob, struct jst_string text, uint64_t *steps)
{
	uint32_t g = 0, t = 0;
	uint32_t star = UINT32_MAX, taken = 0; /* behind the last *, and where the text went on after what it took */

	while (t < text.length) {
		if (*steps == 0)
			return false;
		--*steps;
		if (g < glob.length && glob.bytes[g] == '*') {
			star = ++g;
			taken = t;
			if (star == glob.length)
				return true;
			continue;
		}
		const uint32_t element = g < glob.length ? match_one(glob.bytes + g, glob.length - g, text.bytes[t], steps) : 0;

		if (element) {
			g += element;
			t++;
		} else if (star != UINT32_MAX) {
			g = star;
			t = ++taken;
		} else {
			return false;
		}
	}
	while (g < glob.length && glob.bytes[g] == '*')
		g++;
	return g == glob.length;
}

bool jst_glob_match(struct jst_string glob, struct jst_string text)
{
	uint64_t steps = UINT64_MAX;

	return jst_glob_match_within(glob, text, &steps);
}
