/*
 * Numbers as text and back, exactly: no locale, no allocation, no libm.
 *
 * Printing a double finds the fewest digits that read back the same (Robert G. Burger and R. Kent Dybvig, "Printing Floating-Point Numbers
 * Quickly and Accurately", 1996); reading one divides big integers and rounds half to even (William D. Clinger's AlgorithmM, 1990).
 * The big integers are small and lie on the stack: 600 bytes at most.
 */
#include <string.h>

#include "vm.h"

enum {
	FRACTION_BITS = 52,
	EXPONENT_BIAS = 1075,    /* value = mantissa * 2^(biased exponent - 1075) */
	SMALLEST_EXPONENT = -1074,
	PRINT_WORDS = 36,        /* 2^1136 > 10 * 2^1132, what the smallest double needs */
	READ_WORDS = 48,         /* 2^1536 > 10^430 * 2^2: a hundred digits at the smallest exponent */
	READ_DIGITS = 100,       /* digits beyond only tell that there is more */
};

/* Those that are exact. */
static const double powers_of_10[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

/* ---- big natural numbers: count words, the lowest first, the last not 0 ---- */

static uint32_t big_set(uint32_t *words, uint64_t value)
{
	words[0] = (uint32_t)value;
	words[1] = (uint32_t)(value >> 32);
	return value >> 32 ? 2 : value ? 1 : 0;
}

/* words = words * factor + addend */
static uint32_t big_scale(uint32_t *words, uint32_t count, uint32_t room, uint32_t factor, uint32_t addend)
{
	uint64_t carry = addend;

	for (uint32_t i = 0; i < count; i++) {
		carry += (uint64_t)words[i] * factor;
		words[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry && count < room)
		words[count++] = (uint32_t)carry;
	return count;
}

static uint32_t big_power10(uint32_t *words, uint32_t count, uint32_t room, int power)
{
	for (; power >= 9; power -= 9)
		count = big_scale(words, count, room, 1000000000, 0);
	for (; power > 0; power--)
		count = big_scale(words, count, room, 10, 0);
	return count;
}

static uint32_t big_shift(uint32_t *words, uint32_t count, uint32_t room, uint32_t bits)
{
	const uint32_t whole = bits / 32;

	if (count == 0 || count + whole > room)
		return count;
	memmove(words + whole, words, count * sizeof(*words));
	memset(words, 0, whole * sizeof(*words));
	return big_scale(words, count + whole, room, 1U << (bits % 32), 0);
}

static int big_compare(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
	if (a_count != b_count)
		return a_count < b_count ? -1 : 1;
	for (uint32_t i = a_count; i-- > 0;) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/* a -= b, a >= b */
static uint32_t big_subtract(uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
	int64_t borrow = 0;

	for (uint32_t i = 0; i < a_count; i++) {
		borrow += (int64_t)a[i] - (i < b_count ? b[i] : 0);
		a[i] = (uint32_t)borrow;
		borrow >>= 32;
	}
	while (a_count && a[a_count - 1] == 0)
		a_count--;
	return a_count;
}

/* a += b */
static uint32_t big_add(uint32_t *a, uint32_t a_count, uint32_t room, const uint32_t *b, uint32_t b_count)
{
	uint64_t carry = 0;

	for (uint32_t i = 0; i < b_count || carry; i++) {
		if (i >= a_count) {
			if (i >= room)
				break;
			a[i] = 0;
			a_count = i + 1;
		}
		carry += (uint64_t)a[i] + (i < b_count ? b[i] : 0);
		a[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return a_count;
}

static int big_bits(const uint32_t *words, uint32_t count)
{
	return count ? (int)count * 32 - __builtin_clz(words[count - 1]) : 0;
}

/* ---- printing ---- */

static uint32_t text_of_natural(uint64_t value, char *text)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
	char digits[20], *at = digits + sizeof(digits);

	for (; value >= 100; value /= 100)
		memcpy(at -= 2, pairs + 2 * (value % 100), 2);
	if (value >= 10)
		memcpy(at -= 2, pairs + 2 * value, 2);
	else
		*--at = (char)('0' + value);
	const uint32_t count = (uint32_t)(digits + sizeof(digits) - at);
	memcpy(text, at, count);
	return count;
}

/* r + m (twice m if wide) against s; t is room for the sum. */
static int compare_sum(const uint32_t *r, uint32_t r_count, const uint32_t *m, uint32_t m_count, bool wide, const uint32_t *s, uint32_t s_count, uint32_t *t)
{
	memcpy(t, r, r_count * sizeof(*t));
	uint32_t t_count = big_add(t, r_count, PRINT_WORDS, m, m_count);

	if (wide)
		t_count = big_add(t, t_count, PRINT_WORDS, m, m_count);
	return big_compare(t, t_count, s, s_count);
}

/*
 * The fewest digits, up to 17, of mantissa * 2^exponent > 0, without leading or trailing zeros: 0.d1d2… * 10^*point. Returns how many.
 * The value is r / s, and m / s half the distance to the next double below (above it is twice that where wide).
 */
static __attribute__((noinline)) uint32_t shortest_digits(uint64_t mantissa, int exponent, char digits[20], int *point)
{
	uint32_t r[PRINT_WORDS], s[PRINT_WORDS], m[PRINT_WORDS], t[PRINT_WORDS];
	const bool wide = mantissa == 1ULL << FRACTION_BITS && exponent > SMALLEST_EXPONENT;
	const bool even = (mantissa & 1) == 0; /* a reader rounds halves to us */
	const uint32_t extra = wide ? 2 : 1;
	uint32_t r_count = big_set(r, mantissa), s_count = big_set(s, 1), m_count = big_set(m, 1);

	if (exponent >= 0) {
		r_count = big_shift(r, r_count, PRINT_WORDS, (uint32_t)exponent + extra);
		s_count = big_shift(s, s_count, PRINT_WORDS, extra);
		m_count = big_shift(m, m_count, PRINT_WORDS, (uint32_t)exponent);
	} else {
		r_count = big_shift(r, r_count, PRINT_WORDS, extra);
		s_count = big_shift(s, s_count, PRINT_WORDS, (uint32_t)-exponent + extra);
	}

	/* 10^(k-1) <= 2^high <= value, so k digits stand before the point, or one more. log10(2) = 78913 / 2^18 is exact enough here. */
	const int high = exponent + 63 - __builtin_clzll(mantissa);
	int k = ((high * 78913) >> 18) + 1;

	if (k >= 0) {
		s_count = big_power10(s, s_count, PRINT_WORDS, k);
	} else {
		r_count = big_power10(r, r_count, PRINT_WORDS, -k);
		m_count = big_power10(m, m_count, PRINT_WORDS, -k);
	}
	const int top = compare_sum(r, r_count, m, m_count, wide, s, s_count, t);

	if (even ? top >= 0 : top > 0) {
		k++;
	} else {
		r_count = big_scale(r, r_count, PRINT_WORDS, 10, 0);
		m_count = big_scale(m, m_count, PRINT_WORDS, 10, 0);
	}
	*point = k;

	for (uint32_t n = 0;;) {
		int digit = 0;

		for (; big_compare(r, r_count, s, s_count) >= 0; digit++)
			r_count = big_subtract(r, r_count, s, s_count);
		const int below = big_compare(r, r_count, m, m_count);
		const int above = compare_sum(r, r_count, m, m_count, wide, s, s_count, t);
		const bool low = even ? below <= 0 : below < 0;
		const bool up = even ? above >= 0 : above > 0;

		if (low || up || n == 16) {
			/* The nearer of the two: 2 r against s; halfway between them the even one, as in libc. */
			const int nearer = up && low ? compare_sum(r, r_count, r, r_count, false, s, s_count, t) : up;

			digit += nearer > 0 || (nearer == 0 && low && up && digit % 2);
			digits[n++] = (char)('0' + digit);
			return n;
		}
		digits[n++] = (char)('0' + digit);
		r_count = big_scale(r, r_count, PRINT_WORDS, 10, 0);
		m_count = big_scale(m, m_count, PRINT_WORDS, 10, 0);
	}
}

/*
 * The digits as shortest_digits() gives them, for what people write and measure: d > 0 that a natural number below 10^15 divided by a power of ten rounds to. 0: it is none of these.
 *
 * No two such numbers round to the same double, so this one is the shortest, with the smallest power that does it. For d * power is off by less than a quarter, so its nearest natural number is the one if there is one;
 * that it is tells the division, which rounds as reading does: both operands are exact.
 */
static uint32_t short_digits(double d, char digits[20], int *point)
{
	if (!(d > 1e-7 && d < 1e15))
		return 0;
	for (int k = 0; k <= 22; k++) {
		const double scaled = d * powers_of_10[k];
		if (scaled >= 1e15)
			return 0;
		const uint64_t natural = (uint64_t)(scaled + 0.5);
		if ((double)natural / powers_of_10[k] != d)
			continue;
		const uint32_t count = text_of_natural(natural, digits);
		*point = (int)count - k;
		return count;
	}
	return 0;
}

/* 0.d1d2… * 10^point: with a dot where that needs at most 4 leading zeros and no padding ones, else with an exponent. */
static uint32_t write_digits(const char *digits, uint32_t count, int point, char *text)
{
	uint32_t n = 0;

	if (point > -4 && point <= 0) {
		text[n++] = '0';
		text[n++] = '.';
		for (; point < 0; point++)
			text[n++] = '0';
		memcpy(text + n, digits, count);
		return n + count;
	}
	if (point > 0 && (uint32_t)point < count) {
		memcpy(text, digits, (uint32_t)point);
		text[point] = '.';
		memcpy(text + point + 1, digits + point, count - (uint32_t)point);
		return count + 1;
	}
	text[n++] = digits[0];
	if (count > 1) {
		text[n++] = '.';
		memcpy(text + n, digits + 1, count - 1);
		n += count - 1;
	}
	text[n++] = 'e';
	if (point < 1)
		text[n++] = '-';
	return n + text_of_natural((uint64_t)(point < 1 ? 1 - point : point - 1), text + n);
}

static uint32_t text_of_double(double d, char text[JST_VALUE_TEXT])
{
	uint64_t bits;
	uint32_t n = 0;

	memcpy(&bits, &d, sizeof(bits));
	const uint64_t fraction = bits & ((1ULL << FRACTION_BITS) - 1);
	const int biased = (int)(bits >> FRACTION_BITS & 0x7ff);

	if (biased == 0x7ff && fraction) {
		memcpy(text, "nan", 3);
		return 3;
	}
	if (bits >> 63)
		text[n++] = '-';
	if (biased == 0x7ff) {
		memcpy(text + n, "inf", 3);
		return n + 3;
	}

	char digits[20];
	int point;
	const uint64_t mantissa = biased ? fraction | 1ULL << FRACTION_BITS : fraction;
	uint32_t count = short_digits(d < 0 ? -d : d, digits, &point);

	if (!count)
		count = shortest_digits(mantissa, (biased ? biased : 1) - EXPONENT_BIAS, digits, &point);

	return n + write_digits(digits, count, point, text + n);
}

static uint32_t text_of_integer(int64_t value, char *text)
{
	if (value >= 0)
		return text_of_natural((uint64_t)value, text);
	text[0] = '-';
	return 1 + text_of_natural(-(uint64_t)value, text + 1);
}

uint32_t jst_value_text(const struct jst_value *value, char text[JST_VALUE_TEXT])
{
	if (value->kind == JST_INT)
		return text_of_integer(value->i, text);
	if (value->kind != JST_DOUBLE)
		return 0;
	if (value->d >= -0x1p63 && value->d < 0x1p63 && (double)(int64_t)value->d == value->d)
		return text_of_integer((int64_t)value->d, text);
	return text_of_double(value->d, text);
}

/* ---- reading ---- */

/* The significant digits of a decimal number: digits * 10^exponent, and more if some were left out. */
struct decimal {
	const char *at;      /* the first digit that is not 0 */
	uint32_t digits;     /* at most READ_DIGITS; a dot among them is not counted */
	int64_t exponent;
	bool more;
};

/* mantissa * 2^exponent, mantissa < 2^53 + 1, as a double; infinite where it is too large. */
static double assemble(uint64_t mantissa, int exponent)
{
	uint64_t bits = mantissa; /* below 2^52: the exponent is the smallest, there is no hidden bit */

	if (mantissa >> 53) {
		mantissa >>= 1;
		exponent++;
	}
	if (mantissa >> FRACTION_BITS) {
		const int biased = exponent + EXPONENT_BIAS;

		bits = biased >= 0x7ff ? 0x7ffULL << FRACTION_BITS : (uint64_t)biased << FRACTION_BITS | (mantissa & ((1ULL << FRACTION_BITS) - 1));
	}
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static __attribute__((noinline)) double round_decimal(const struct decimal *decimal)
{
	uint32_t num[READ_WORDS], den[READ_WORDS];
	uint32_t num_count = big_set(num, 0), den_count = big_set(den, 1);
	const char *at = decimal->at;

	for (uint32_t i = 0; i < decimal->digits; at++) {
		if (*at == '.')
			continue;
		num_count = big_scale(num, num_count, READ_WORDS, 10, (uint32_t)(*at - '0'));
		i++;
	}
	if (decimal->exponent >= 0)
		num_count = big_power10(num, num_count, READ_WORDS, (int)decimal->exponent);
	else
		den_count = big_power10(den, den_count, READ_WORDS, (int)-decimal->exponent);

	/* q = num * 2^shift / den has 54 or 55 bits, fewer where the double is denormal. Its bits come out one by one of num / den < 1. */
	int shift = 54 - (big_bits(num, num_count) - big_bits(den, den_count));

	if (shift > 1 - SMALLEST_EXPONENT)
		shift = 1 - SMALLEST_EXPONENT;
	if (shift >= 55)
		num_count = big_shift(num, num_count, READ_WORDS, (uint32_t)(shift - 55));
	else
		den_count = big_shift(den, den_count, READ_WORDS, (uint32_t)(55 - shift));

	uint64_t q = 0;

	for (int i = 0; i < 55; i++) {
		num_count = big_scale(num, num_count, READ_WORDS, 2, 0);
		q <<= 1;
		if (big_compare(num, num_count, den, den_count) >= 0) {
			num_count = big_subtract(num, num_count, den, den_count);
			q |= 1;
		}
	}
	if (q == 0)
		return 0;

	const int bits = 64 - __builtin_clzll(q);
	int drop = bits - 53;

	if (drop < shift + SMALLEST_EXPONENT)
		drop = shift + SMALLEST_EXPONENT;
	const uint64_t half = 1ULL << (drop - 1), rest = q & (2 * half - 1);
	uint64_t mantissa = q >> drop;

	if (rest > half || (rest == half && (num_count || decimal->more || (mantissa & 1))))
		mantissa++;
	return assemble(mantissa, drop - shift);
}

static double value_of_decimal(const struct decimal *decimal)
{
	if (decimal->digits == 0 || (int64_t)decimal->digits + decimal->exponent < -330)
		return 0;
	if ((int64_t)decimal->digits + decimal->exponent > 310)
		return __builtin_inf();
	if (decimal->digits <= 15 && decimal->exponent >= -22 && decimal->exponent <= 22) {
		/* Both are exact, so the one operation rounds right. */
		uint64_t whole = 0;
		const char *at = decimal->at;

		for (uint32_t i = 0; i < decimal->digits; at++) {
			if (*at == '.')
				continue;
			whole = whole * 10 + (uint64_t)(*at - '0');
			i++;
		}
		return decimal->exponent >= 0 ? (double)whole * powers_of_10[decimal->exponent] : (double)whole / powers_of_10[-decimal->exponent];
	}
	return round_decimal(decimal);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool parse_hex(const char *at, const char *end, bool negative, struct jst_value *value)
{
	uint64_t bits = 0;

	if (at == end)
		return false;
	for (; at < end; at++) {
		const char lower = (char)(*at | 0x20);
		const int digit = is_digit(*at) ? *at - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;

		if (digit < 0 || bits >> 60)
			return false;
		bits = bits << 4 | (uint64_t)digit;
	}
	*value = jst_value_int((int64_t)(negative ? -bits : bits));
	return true;
}

/* digits[.digits][e[+-]digits] up to end. *integer: neither dot nor exponent. */
static bool scan_decimal(const char *at, const char *end, struct decimal *decimal, bool *integer)
{
	bool dot = false, any = false;

	*decimal = (struct decimal){ .at = end };
	*integer = true;
	for (; at < end && (is_digit(*at) || (*at == '.' && !dot)); at++) {
		if (*at == '.') {
			dot = true;
			*integer = false;
			continue;
		}
		any = true;
		if (decimal->digits == 0 && *at != '0')
			decimal->at = at;
		if (decimal->digits < READ_DIGITS && (decimal->digits || *at != '0'))
			decimal->digits++;
		else if (decimal->digits) {
			decimal->more |= *at != '0';
			decimal->exponent++;
		}
		decimal->exponent -= dot;
	}
	if (!any)
		return false;
	if (at < end && (*at == 'e' || *at == 'E')) {
		int64_t exponent = 0;
		const bool minus = ++at < end && *at == '-';

		*integer = false;
		if (at < end && (*at == '-' || *at == '+'))
			at++;
		if (at == end)
			return false;
		for (; at < end && is_digit(*at); at++) {
			if (exponent < 1000000000)
				exponent = exponent * 10 + (*at - '0');
		}
		decimal->exponent += minus ? -exponent : exponent;
	}
	return at == end;
}

bool jst_value_parse(const char *bytes, uint32_t length, struct jst_value *value)
{
	const char *at = bytes, *end = bytes + length;

	while (at < end && is_space(*at))
		at++;
	while (end > at && is_space(end[-1]))
		end--;
	const bool negative = at < end && *at == '-';

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
		return parse_hex(at + 2, end, negative, value);

	struct decimal decimal;
	bool integer;

	if (!scan_decimal(at, end, &decimal, &integer))
		return false;
	if (integer && decimal.digits <= 19 && !decimal.more && decimal.exponent == 0) {
		uint64_t whole = 0; /* 19 digits are less than 2^64 */

		for (uint32_t i = 0; i < decimal.digits; i++)
			whole = whole * 10 + (uint64_t)(decimal.at[i] - '0');
		if (whole <= (uint64_t)INT64_MAX + negative) {
			*value = jst_value_int((int64_t)(negative ? -whole : whole));
			return true;
		}
	}
	const double d = value_of_decimal(&decimal);

	*value = jst_value_double(negative ? -d : d);
	return true;
}
