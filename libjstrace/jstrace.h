/*
 * jstrace: probes for C and C++ programs.
 *
 *     #include <jstrace.h>
 *     JSTRACE("request:end", "id", req->id, "status", status, "path", req->path);
 *
 * A probe that nobody watches costs one load, a test and a branch that is not taken; its arguments are not evaluated. Link with libjstrace.a or -ljstrace. All
 * functions here may be called from any thread, also before main() and from signal handlers but for jstrace_disable(); none of them changes errno.
 *
 * A program that is started with JSTRACE=off in its environment has neither the library's thread nor anything that could be traced; its probes do nothing. jstrace_disable() does the same from within.
 *
 * With -DJSTRACE_DISABLE every probe is compiled away (its arguments are type-checked and never evaluated) and the library is not needed.
 *
 * How a probe works: the hot path is a test of the probe's enable word, four bytes in section .probes, one for each name and shared object. Its upper half is jstrace's, one
 * bit a session; its lower half is the semaphore of an SDT note for the same probe, for bpftrace, perf and SystemTap. The branch leads to the cold part, which evaluates the arguments into a block of 64-bit words on
 * the stack and calls a stub that keeps all general registers. The site's record lies in section jstrace_sites; the object's constructor hands the section's bounds to the library.
 */
#ifndef JSTRACE_H
#define JSTRACE_H

#include <stddef.h>
#include <stdint.h>

#define JSTRACE_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Bytes with a length, which need not be text nor end in NUL: the value that JSTRACE_BYTES makes. */
struct jstrace_span {
	const void *data;
	size_t length;
};

/* What a field of jstrace_fire() holds. The numbers are part of the binary interface. */
enum jstrace_type {
	JSTRACE_TYPE_INT = 1,
	JSTRACE_TYPE_UINT = 2,
	JSTRACE_TYPE_BOOL = 3,
	JSTRACE_TYPE_DOUBLE = 4,
	JSTRACE_TYPE_STRING = 5,  /* ends in NUL; NULL reads as nil */
	JSTRACE_TYPE_BYTES = 6,
	JSTRACE_TYPE_POINTER = 7  /* any other address, read as an integer */
};

/* A field of jstrace_fire(): make it with jstrace_int() and its like below. */
struct jstrace_field {
	const char *key;
	union {
		int64_t i;
		uint64_t u;
		double d;
		const void *p;
	} value;
	size_t length;  /* of bytes */
	uint32_t type;  /* enum jstrace_type */
};

enum { JSTRACE_MAX_FIELDS = 16 };

#ifndef JSTRACE_DISABLE

/*
 * Fires the probe called name, which need not be known when the program is compiled: for bindings of other languages. name: up to 255 bytes; fields: count of them, at most 16, may be NULL when count is 0. Nothing is kept: name and fields may
 * go after the call. Does nothing while nobody watches. A name (with its fields' names and types) is resolved once in each session that watches and then found by its hash; never allocates, locks or makes a system call.
 * jstrace -l does not list such names.
 */
void jstrace_fire(const char *name, const struct jstrace_field *fields, size_t count);

/* 1 if somebody watches the probe called name, so that costly arguments are worth computing, else 0. Cheap while nobody watches anything. */
int jstrace_enabled(const char *name);

/*
 * Ends tracing in this process for good: sessions are closed, their probes turned off, and the library's thread ends. Returns when that is done, after at most some seconds. Not for signal
 * handlers, and not from inside a probe's arguments. A second call does nothing. A child made by fork() later is not traceable either.
 */
void jstrace_disable(void);

/* The version of the library that is linked, such as "0.1.0"; static. */
const char *jstrace_version(void);

#else

static inline void jstrace_fire(const char *name, const struct jstrace_field *fields, size_t count)
{
	(void)name;
	(void)fields;
	(void)count;
}

static inline int jstrace_enabled(const char *name)
{
	(void)name;
	return 0;
}

static inline void jstrace_disable(void)
{
}

static inline const char *jstrace_version(void)
{
	return JSTRACE_VERSION;
}

#endif

/* Fields for jstrace_fire(). key and what a pointer leads to must live until the call returned. */
static inline struct jstrace_field jstrace_int(const char *key, int64_t value)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_INT };

	field.value.i = value;
	return field;
}

static inline struct jstrace_field jstrace_uint(const char *key, uint64_t value)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_UINT };

	field.value.u = value;
	return field;
}

static inline struct jstrace_field jstrace_bool(const char *key, int value)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_BOOL };

	field.value.u = value != 0;
	return field;
}

static inline struct jstrace_field jstrace_double(const char *key, double value)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_DOUBLE };

	field.value.d = value;
	return field;
}

static inline struct jstrace_field jstrace_string(const char *key, const char *value)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_STRING };

	field.value.p = value;
	return field;
}

static inline struct jstrace_field jstrace_bytes(const char *key, const void *data, size_t length)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_BYTES };

	field.value.p = data;
	field.length = length;
	return field;
}

static inline struct jstrace_field jstrace_pointer(const char *key, const void *value)
{
	struct jstrace_field field = { key, { 0 }, 0, JSTRACE_TYPE_POINTER };

	field.value.p = value;
	return field;
}

/* length bytes at pointer as the value of a field: JSTRACE("read", "data", JSTRACE_BYTES(buffer, n)). The length is taken as size_t. */
#define JSTRACE_BYTES(pointer, length) jstrace_make_bytes(pointer, length)

static inline struct jstrace_span jstrace_make_bytes(const void *data, size_t length)
{
	struct jstrace_span bytes;

	bytes.data = data;
	bytes.length = length;
	return bytes;
}

/*
 * JSTRACE("name", "key", value, …): a probe with up to 16 fields. name and keys are string literals of letters, digits and _ . : - / (names up to 255 bytes, keys up to 127). Values: integers and enumerations of every width (a bit-field: +x),
 * bool, floating point, char * (a string; NULL is nil), JSTRACE_BYTES(…), other pointers (their address); in C++ also what has data() and size(), as bytes. Each value is evaluated once if somebody watches the probe, else not at all.
 *
 * JSTRACE_ENABLED("name"): 1 if somebody watches, else 0; the same compare. For what must be prepared before a probe.
 */
#ifndef JSTRACE_DISABLE
#define JSTRACE(...) JSTRACE_JOIN(JSTRACE_PROBE_, JSTRACE_FIELDS(__VA_ARGS__))(__VA_ARGS__)
#define JSTRACE_ENABLED(name) (__extension__({ \
	int jst_on; \
	JSTRACE_ASM_GUARD(jst_on, name); \
	JSTRACE_UNLIKELY(jst_on) != 0; \
}))
#else
#define JSTRACE(...) JSTRACE_JOIN(JSTRACE_NOTHING_, JSTRACE_FIELDS(__VA_ARGS__))(__VA_ARGS__)
#define JSTRACE_ENABLED(name) ((void)("" name ""), 0)
#endif

/* ---- From here on: how it is done. Nothing below is for use in programs. ---- */

/* The file name in a site's record; a build may define it to something shorter. */
#ifndef JSTRACE_FILE
#define JSTRACE_FILE __FILE__
#endif

/* An object's place in the library's list, emitted once an object, zero until it is registered. The library owns its contents. */
struct jstrace_object {
	void *reserved[8];
};

/* Called by the constructor and the destructor that each object with probes carries. first, end: the bounds of its section jstrace_sites. */
void jstrace_object_register(struct jstrace_object *object, void *first, void *end);
void jstrace_object_unregister(struct jstrace_object *object);

/* The cold part calls this by inline assembly: words in the first argument register, the site's record in r11 (x14 on arm64). Keeps all general registers but these. */
void jstrace_probe_stub(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define JSTRACE_JOIN(a, b) JSTRACE_JOIN_(a, b)
#define JSTRACE_JOIN_(a, b) a##b
#define JSTRACE_TEXT(x) JSTRACE_TEXT_(x)
#define JSTRACE_TEXT_(x) #x

/* How many fields the arguments of JSTRACE are; "odd" where a key has no value. */
#define JSTRACE_FIELDS(...) \
	JSTRACE_FIELDS_(__VA_ARGS__, 16, odd, 15, odd, 14, odd, 13, odd, 12, odd, 11, odd, 10, odd, 9, odd, 8, odd, 7, odd, 6, odd, 5, odd, 4, odd, 3, odd, 2, odd, 1, odd, 0, none)
#define JSTRACE_FIELDS_(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, _19, _20, _21, _22, _23, _24, _25, _26, _27, _28, _29, _30, _31, _32, _33, n, ...) n

/* m(r, key, value) for each field, where r counts down to 1. */
#define JSTRACE_EACH_0(m, none)
#define JSTRACE_EACH_1(m, k, v) m(1, k, v)
#define JSTRACE_EACH_2(m, k, v, ...) m(2, k, v) JSTRACE_EACH_1(m, __VA_ARGS__)
#define JSTRACE_EACH_3(m, k, v, ...) m(3, k, v) JSTRACE_EACH_2(m, __VA_ARGS__)
#define JSTRACE_EACH_4(m, k, v, ...) m(4, k, v) JSTRACE_EACH_3(m, __VA_ARGS__)
#define JSTRACE_EACH_5(m, k, v, ...) m(5, k, v) JSTRACE_EACH_4(m, __VA_ARGS__)
#define JSTRACE_EACH_6(m, k, v, ...) m(6, k, v) JSTRACE_EACH_5(m, __VA_ARGS__)
#define JSTRACE_EACH_7(m, k, v, ...) m(7, k, v) JSTRACE_EACH_6(m, __VA_ARGS__)
#define JSTRACE_EACH_8(m, k, v, ...) m(8, k, v) JSTRACE_EACH_7(m, __VA_ARGS__)
#define JSTRACE_EACH_9(m, k, v, ...) m(9, k, v) JSTRACE_EACH_8(m, __VA_ARGS__)
#define JSTRACE_EACH_10(m, k, v, ...) m(10, k, v) JSTRACE_EACH_9(m, __VA_ARGS__)
#define JSTRACE_EACH_11(m, k, v, ...) m(11, k, v) JSTRACE_EACH_10(m, __VA_ARGS__)
#define JSTRACE_EACH_12(m, k, v, ...) m(12, k, v) JSTRACE_EACH_11(m, __VA_ARGS__)
#define JSTRACE_EACH_13(m, k, v, ...) m(13, k, v) JSTRACE_EACH_12(m, __VA_ARGS__)
#define JSTRACE_EACH_14(m, k, v, ...) m(14, k, v) JSTRACE_EACH_13(m, __VA_ARGS__)
#define JSTRACE_EACH_15(m, k, v, ...) m(15, k, v) JSTRACE_EACH_14(m, __VA_ARGS__)
#define JSTRACE_EACH_16(m, k, v, ...) m(16, k, v) JSTRACE_EACH_15(m, __VA_ARGS__)

#if defined(__has_builtin)
#if __has_builtin(__builtin_expect_with_probability)
#define JSTRACE_UNLIKELY(x) __builtin_expect_with_probability(x, 0, 1.0)
#endif
#endif
#ifndef JSTRACE_UNLIKELY
#define JSTRACE_UNLIKELY(x) __builtin_expect(x, 0)
#endif

/* Types and the storing of values into words: in C by _Generic, in C++ by traits. Each put returns the next free word. */
static inline uint64_t *jstrace_put_int(uint64_t *words, long long value)
{
	*words = (uint64_t)value;
	return words + 1;
}

static inline uint64_t *jstrace_put_uint(uint64_t *words, unsigned long long value)
{
	*words = value;
	return words + 1;
}

static inline uint64_t *jstrace_put_double(uint64_t *words, double value)
{
	__builtin_memcpy(words, &value, 8);
	return words + 1;
}

static inline uint64_t *jstrace_put_pointer(uint64_t *words, const volatile void *value)
{
	*words = (uint64_t)(uintptr_t)value;
	return words + 1;
}

static inline uint64_t *jstrace_put_bytes(uint64_t *words, struct jstrace_span value)
{
	words[0] = (uint64_t)(uintptr_t)value.data;
	words[1] = (uint64_t)value.length;
	return words + 2;
}

#ifdef __cplusplus

extern "C++" {
namespace jstrace_detail {

/* The type of a value as it is passed: arrays decay, const and volatile go. */
template <class T> T passed(T);

/* Primary: what has data() and size(), such as std::string, as bytes. */
template <class T, bool Enumeration = __is_enum(T)> struct field {
	enum { type = JSTRACE_TYPE_BYTES };
	static uint64_t *put(uint64_t *words, const T &value)
	{
		return jstrace_put_bytes(words, jstrace_make_bytes(value.data(), value.size() * sizeof(*value.data())));
	}
};

template <class T> struct field<T, true> {
	typedef __underlying_type(T) number;
	enum { type = static_cast<number>(-1) < static_cast<number>(1) ? JSTRACE_TYPE_INT : JSTRACE_TYPE_UINT };
	static uint64_t *put(uint64_t *words, T value)
	{
		return jstrace_put_uint(words, static_cast<unsigned long long>(static_cast<number>(value)));
	}
};

template <class T> struct field<T *, false> {
	enum { type = JSTRACE_TYPE_POINTER };
	static uint64_t *put(uint64_t *words, T *value)
	{
		*words = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(value));
		return words + 1;
	}
};

template <class T, int Type> struct number {
	enum { type = Type };
	static uint64_t *put(uint64_t *words, T value)
	{
		return jstrace_put_uint(words, static_cast<unsigned long long>(value));
	}
};

template <class T> struct floating {
	enum { type = JSTRACE_TYPE_DOUBLE };
	static uint64_t *put(uint64_t *words, T value)
	{
		return jstrace_put_double(words, static_cast<double>(value));
	}
};

template <class T> struct text {
	enum { type = JSTRACE_TYPE_STRING };
	static uint64_t *put(uint64_t *words, T value)
	{
		return jstrace_put_pointer(words, value);
	}
};

#define JSTRACE_NUMBER(T) template <> struct field<T, false> : number<T, (static_cast<T>(-1) < static_cast<T>(1) ? JSTRACE_TYPE_INT : JSTRACE_TYPE_UINT)> {}
JSTRACE_NUMBER(char);
JSTRACE_NUMBER(signed char);
JSTRACE_NUMBER(unsigned char);
JSTRACE_NUMBER(short);
JSTRACE_NUMBER(unsigned short);
JSTRACE_NUMBER(int);
JSTRACE_NUMBER(unsigned int);
JSTRACE_NUMBER(long);
JSTRACE_NUMBER(unsigned long);
JSTRACE_NUMBER(long long);
JSTRACE_NUMBER(unsigned long long);
JSTRACE_NUMBER(wchar_t);
JSTRACE_NUMBER(char16_t);
JSTRACE_NUMBER(char32_t);
#ifdef __cpp_char8_t
JSTRACE_NUMBER(char8_t);
#endif
#undef JSTRACE_NUMBER
template <> struct field<bool, false> : number<bool, JSTRACE_TYPE_BOOL> {};
template <> struct field<float, false> : floating<float> {};
template <> struct field<double, false> : floating<double> {};
template <> struct field<long double, false> : floating<long double> {};
template <> struct field<char *, false> : text<char *> {};
template <> struct field<const char *, false> : text<const char *> {};

template <> struct field<decltype(nullptr), false> {
	enum { type = JSTRACE_TYPE_POINTER };
	static uint64_t *put(uint64_t *words, decltype(nullptr))
	{
		return jstrace_put_pointer(words, nullptr);
	}
};

template <> struct field<jstrace_span, false> {
	enum { type = JSTRACE_TYPE_BYTES };
	static uint64_t *put(uint64_t *words, jstrace_span value)
	{
		return jstrace_put_bytes(words, value);
	}
};

} /* namespace jstrace_detail */
} /* extern "C++" */

/* The value is bound once, so that a temporary lives until the call. */
#define JSTRACE_VALUE(r, k, v) const auto &jst_value_##r = (v);
#define JSTRACE_FIELD_OF(r) ::jstrace_detail::field<decltype(::jstrace_detail::passed(jst_value_##r))>
#define JSTRACE_TYPE_OF(r, v) (static_cast<unsigned long long>(JSTRACE_FIELD_OF(r)::type))
#define JSTRACE_PUT(r, k, v) jst_word = JSTRACE_FIELD_OF(r)::put(jst_word, jst_value_##r);

#else

#define JSTRACE_VALUE(r, k, v)
#define JSTRACE_TYPE_OF(r, v) \
	_Generic((v), \
		_Bool: 3ULL, char: (char)-1 < 0 ? 1ULL : 2ULL, \
		signed char: 1ULL, short: 1ULL, int: 1ULL, long: 1ULL, long long: 1ULL, \
		unsigned char: 2ULL, unsigned short: 2ULL, unsigned int: 2ULL, unsigned long: 2ULL, unsigned long long: 2ULL, \
		float: 4ULL, double: 4ULL, long double: 4ULL, char *: 5ULL, const char *: 5ULL, struct jstrace_span: 6ULL, default: 7ULL)
#define JSTRACE_PUT(r, k, v) \
	jst_word = _Generic((v), \
		_Bool: jstrace_put_uint, char: jstrace_put_int, \
		signed char: jstrace_put_int, short: jstrace_put_int, int: jstrace_put_int, long: jstrace_put_int, long long: jstrace_put_int, \
		unsigned char: jstrace_put_uint, unsigned short: jstrace_put_uint, unsigned int: jstrace_put_uint, unsigned long: jstrace_put_uint, unsigned long long: jstrace_put_uint, \
		float: jstrace_put_float, double: jstrace_put_double, long double: jstrace_put_long_double, \
		struct jstrace_span: jstrace_put_bytes, default: jstrace_put_pointer)(jst_word, (v));

static inline uint64_t *jstrace_put_float(uint64_t *words, float value)
{
	return jstrace_put_double(words, (double)value);
}

static inline uint64_t *jstrace_put_long_double(uint64_t *words, long double value)
{
	return jstrace_put_double(words, (double)value);
}

#endif

/* Four bits of type a field, the first field in the lowest; and the number of words. r counts down, so the bits are put from the top and shifted by how many are missing. */
#define JSTRACE_TYPE_BITS(r, k, v) | (JSTRACE_TYPE_OF(r, v) << (4 * (16 - (r))))
#define JSTRACE_WORDS(r, k, v) + (JSTRACE_TYPE_OF(r, v) == JSTRACE_TYPE_BYTES ? 2 : 1)
#define JSTRACE_KEY(r, k, v) k "\\001"

#define JSTRACE_NOTHING(n, name, ...) \
	do { \
		if (0) { \
			JSTRACE_EACH_##n(JSTRACE_VALUE, __VA_ARGS__) \
			uint64_t jst_words[1 + 2 * n], *jst_word = jst_words; \
			JSTRACE_EACH_##n(JSTRACE_PUT, __VA_ARGS__) \
			(void)jst_word; \
			(void)("" name ""); \
		} \
	} while (0)

#ifndef JSTRACE_DISABLE

#define JSTRACE_PROBE(n, name, ...) \
	do { \
		int jst_on; \
		JSTRACE_ASM_TEST(jst_on, name); \
		if (JSTRACE_UNLIKELY(jst_on)) { \
			JSTRACE_EACH_##n(JSTRACE_VALUE, __VA_ARGS__) \
			uint64_t jst_words[1 JSTRACE_EACH_##n(JSTRACE_WORDS, __VA_ARGS__)], *jst_word = jst_words; \
			JSTRACE_EACH_##n(JSTRACE_PUT, __VA_ARGS__) \
			(void)jst_word; \
			JSTRACE_ASM_FIRE(n, name, JSTRACE_EACH_##n(JSTRACE_KEY, __VA_ARGS__) "", (0ULL JSTRACE_EACH_##n(JSTRACE_TYPE_BITS, __VA_ARGS__)) >> (4 * (16 - n) & 63), jst_words); \
		} \
	} while (0)

/* The instructions of each machine. The words are named as quoted assembler symbols: jstrace.on.NAME. */
#define JSTRACE_WORD(name) "\"jstrace.on." name "\""

#if defined(__x86_64__)

/* Loaded and tested rather than compared where it lies: no processor makes one operation of a branch and a comparison of a constant with memory at an address relative to the instruction. */
#define JSTRACE_ASM_TEST(on, name) __asm__ __volatile__("movl " JSTRACE_WORD(name) "(%%rip), %0" : "=r"(on))
#define JSTRACE_ASM_GUARD(on, name) \
	__asm__ JSTRACE_INLINE __volatile__(JSTRACE_ASM_DATA(name, "", "0", "1") ".reloc ., R_X86_64_NONE, 773b\n\tmovl " JSTRACE_WORD(name) "(%%rip), %[value]" : [value] "=r"(on) : [low] "i"(0), [high] "i"(0))
/* The words lie in the red zone of a function that calls nothing, so the stack pointer steps over it. Through the GOT, bound when the object is loaded: no lazy binding in a probe. */
#define JSTRACE_ASM_FIRE(n, name, keys, types, words) \
	__asm__ __volatile__(JSTRACE_ASM_NOP JSTRACE_ASM_DATA(name, keys, #n, "0") JSTRACE_ASM_NOTE(name, #n) \
		"leaq -128(%%rsp), %%rsp\n\t" \
		"leaq 773b(%%rip), %%r11\n\t" \
		"call *jstrace_probe_stub@GOTPCREL(%%rip)\n\t" \
		"leaq 128(%%rsp), %%rsp" \
		: : "D"(words), [low] "i"((types) & 0xffffffffULL), [high] "i"((types) >> 32) JSTRACE_COLONS(name) : "r11", "cc", "memory", JSTRACE_VECTORS)

#ifdef __SSE__
#define JSTRACE_XMM "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#else
#define JSTRACE_XMM
#endif
#ifdef __AVX512F__
#define JSTRACE_ZMM \
	"xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#else
#define JSTRACE_ZMM
#endif
#define JSTRACE_VECTORS JSTRACE_XMM JSTRACE_ZMM "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"
#define JSTRACE_ARGUMENT_OPEN ""
#define JSTRACE_ARGUMENT_CLOSE "(%%rdi)"
#define JSTRACE_LOAD "leaq 775f(%%rip), %%rdi\n\tleaq __start_jstrace_sites(%%rip), %%rsi\n\tleaq __stop_jstrace_sites(%%rip), %%rdx\n\tjmp *jstrace_object_register@GOTPCREL(%%rip)"
#define JSTRACE_UNLOAD "leaq 775b(%%rip), %%rdi\n\tjmp *jstrace_object_unregister@GOTPCREL(%%rip)"

#elif defined(__aarch64__)

#define JSTRACE_ASM_LOAD(name) "adrp %x[value], " JSTRACE_WORD(name) "\n\tldr %w[value], [%x[value], :lo12:" JSTRACE_WORD(name) "]"
#define JSTRACE_ASM_TEST(on, name) __asm__ __volatile__(JSTRACE_ASM_LOAD(name) : [value] "=r"(on))
#define JSTRACE_ASM_GUARD(on, name) \
	__asm__ JSTRACE_INLINE __volatile__(JSTRACE_ASM_DATA(name, "", "0", "1") ".reloc ., R_AARCH64_NONE, 773b\n\t" JSTRACE_ASM_LOAD(name) : [value] "=r"(on) : [low] "i"(0), [high] "i"(0))
/* The link register is kept in x15, so that a function that calls nothing needs no frame for the probe; the stub keeps x15, and a PLT entry changes x16 and x17 only, so the record goes in x14. */
#define JSTRACE_ASM_FIRE(n, name, keys, types, words) \
	do { \
		register uint64_t *jst_argument __asm__("x0") = (words); \
		__asm__ __volatile__(JSTRACE_ASM_NOP JSTRACE_ASM_DATA(name, keys, #n, "0") JSTRACE_ASM_NOTE(name, #n) \
			"mov x15, x30\n\t" \
			"adrp x14, 773b\n\t" \
			"add x14, x14, :lo12:773b\n\t" \
			"bl jstrace_probe_stub\n\t" \
			"mov x30, x15" \
			: : "r"(jst_argument), [low] "i"((types) & 0xffffffffULL), [high] "i"((types) >> 32) : "x14", "x15", "x16", "x17", "cc", "memory", JSTRACE_VECTORS); \
	} while (0)
#define JSTRACE_VECTORS \
	"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", \
	"v30", "v31" JSTRACE_PREDICATES
#ifdef __ARM_FEATURE_SVE
#define JSTRACE_PREDICATES , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13", "p14", "p15"
#else
#define JSTRACE_PREDICATES
#endif
#define JSTRACE_ARGUMENT_OPEN "[x0, "
#define JSTRACE_ARGUMENT_CLOSE "]"
#define JSTRACE_LOAD \
	"adrp x0, 775f\n\tadd x0, x0, :lo12:775f\n\tadrp x1, __start_jstrace_sites\n\tadd x1, x1, :lo12:__start_jstrace_sites\n\tadrp x2, __stop_jstrace_sites\n\tadd x2, x2, :lo12:__stop_jstrace_sites\n\tb jstrace_object_register"
#define JSTRACE_UNLOAD "adrp x0, 775b\n\tadd x0, x0, :lo12:775b\n\tb jstrace_object_unregister"

#else
#error "jstrace knows x86-64 and arm64; elsewhere define JSTRACE_DISABLE"
#endif

/* Where SDT tools set their breakpoint. It comes before the site's data: assemblers give the line of the probe to what they emit first, clang's to data too, and it belongs to the call. */
#define JSTRACE_ASM_NOP "780: nop\n\t"

/* Keeps compilers from counting the lines below as instructions when they decide what to inline. */
#if defined(__GNUC__) && (defined(__clang__) ? __clang_major__ >= 11 : __GNUC__ >= 9)
#define JSTRACE_INLINE __inline
#else
#define JSTRACE_INLINE
#endif

/*
 * Data of a site, emitted where the probe is, in sections of its own. "?" joins the record to the group of the function it is in, so that of an inline function that many objects emit only one record stays too.
 *   770 name, 771 keys (each ends in \001), 772 file, 773 the record: struct jst_site_record of sites.h.
 */
#define JSTRACE_ASM_DATA(name, keys, n, guard) \
	".ifndef " JSTRACE_WORD(name) "\n\t" \
	".pushsection .probes,\"awG\",%%progbits," JSTRACE_WORD(name) ",comdat\n\t" \
	".balign 4\n\t" \
	".weak " JSTRACE_WORD(name) "\n\t" \
	".hidden " JSTRACE_WORD(name) "\n\t" \
	".type " JSTRACE_WORD(name) ", %%object\n\t" \
	".size " JSTRACE_WORD(name) ", 4\n" \
	JSTRACE_WORD(name) ": .long 0\n\t" \
	".popsection\n\t" \
	".endif\n\t" \
	".pushsection .rodata.jstrace,\"aMS\",%%progbits,1\n" \
	"770: .asciz \"" name "\"\n" \
	"771: .asciz \"" keys "\"\n" \
	"772: .asciz \"" JSTRACE_FILE "\"\n\t" \
	".popsection\n\t" \
	".pushsection jstrace_sites,\"aw?\",%%progbits\n\t" \
	".balign 8\n" \
	"773: .long 0\n\t" \
	".long 770b - .\n\t" \
	".long 771b - .\n\t" \
	".long 772b - .\n\t" \
	".long " JSTRACE_WORD(name) " - .\n\t" \
	".long " JSTRACE_TEXT(__LINE__) "\n\t" \
	".byte 1, " n ", " guard ", 0, 0, 0, 0, 0\n\t" \
	".long %c[low], %c[high]\n\t" \
	".popsection\n\t" \
	JSTRACE_ASM_OBJECT

/* Once an object: its place in the library's list, its constructor and destructor. */
#define JSTRACE_ASM_OBJECT \
	".ifndef \"jstrace.object\"\n\t" \
	".hidden __start_jstrace_sites\n\t" \
	".hidden __stop_jstrace_sites\n\t" \
	".pushsection .text.jstrace,\"axG\",%%progbits,\"jstrace.object\",comdat\n" \
	"774: " JSTRACE_LOAD "\n" \
	".pushsection .data.jstrace,\"awG\",%%progbits,\"jstrace.object\",comdat\n\t" \
	".balign 8\n\t" \
	".weak \"jstrace.object\"\n\t" \
	".hidden \"jstrace.object\"\n\t" \
	".type \"jstrace.object\", %%object\n\t" \
	".size \"jstrace.object\", 64\n" \
	"\"jstrace.object\":\n" \
	"775: .zero 64\n\t" \
	".popsection\n" \
	"776: " JSTRACE_UNLOAD "\n\t" \
	".popsection\n\t" \
	".pushsection .init_array,\"awG\",%%init_array,\"jstrace.object\",comdat\n\t" \
	".balign 8\n\t" \
	".quad 774b\n\t" \
	".popsection\n\t" \
	".pushsection .fini_array,\"awG\",%%fini_array,\"jstrace.object\",comdat\n\t" \
	".balign 8\n\t" \
	".quad 776b\n\t" \
	".popsection\n\t" \
	".endif\n\t"

/* The SDT note of the nop at 780: the format of <sys/sdt.h>. The provider is the name up to its first colon (without one, "jstrace"), the probe the rest with _ for each colon. Each argument is a word of the block. */
#define JSTRACE_ASM_NOTE(name, n) \
	".pushsection .note.stapsdt,\"?\",%%note\n\t" \
	".balign 4\n\t" \
	".long 782f - 781f, 784f - 783f, 3\n" \
	"781: .asciz \"stapsdt\"\n" \
	"782: .balign 4\n" \
	"783: .quad 780b\n\t" \
	".quad _.stapsdt.base\n\t" \
	".quad " JSTRACE_WORD(name) "\n\t" \
	JSTRACE_ASM_NOTE_NAME(name) \
	JSTRACE_ASM_NOTE_ARGUMENTS(n) \
	".byte 0\n" \
	"784: .balign 4\n\t" \
	".popsection\n\t" \
	".ifndef _.stapsdt.base\n\t" \
	".pushsection .stapsdt.base,\"aG\",%%progbits,.stapsdt.base,comdat\n\t" \
	".weak _.stapsdt.base\n\t" \
	".hidden _.stapsdt.base\n" \
	"_.stapsdt.base: .space 1\n\t" \
	".size _.stapsdt.base, 1\n\t" \
	".popsection\n\t" \
	".endif\n"

/*
 * The two names of the note. GNU as walks the name's characters. clang's assembler cannot, so there the name is emitted as it is and relocations
 * overwrite its colons (up to three), whose places are constants of the compiler.
 */
#if !defined(__clang__)
#define JSTRACE_ASM_NOTE_NAME(name) \
	".set .Ljstrace_colon, 0\n\t" \
	".irpc c,\"" name "\"\n\t" \
	".ifc \"\\c\",\":\"\n\t" \
	".set .Ljstrace_colon, 1\n\t" \
	".endif\n\t" \
	".endr\n\t" \
	".if .Ljstrace_colon == 0\n\t" \
	".asciz \"jstrace\"\n\t" \
	".endif\n\t" \
	".irpc c,\"" name "\"\n\t" \
	".ifc \"\\c\",\":\"\n\t" \
	".if .Ljstrace_colon\n\t" \
	".byte 0\n\t" \
	".set .Ljstrace_colon, 0\n\t" \
	".else\n\t" \
	".byte '_'\n\t" \
	".endif\n\t" \
	".else\n\t" \
	".ascii \"\\c\"\n\t" \
	".endif\n\t" \
	".endr\n\t" \
	".byte 0\n\t"
#define JSTRACE_COLONS(name)
#elif defined(__x86_64__)
#define JSTRACE_ASM_NOTE_NAME(name) \
	".if %c[colon1] == %c[length]\n\t" \
	".asciz \"jstrace\"\n\t" \
	".endif\n" \
	"785: .asciz \"" name "\"\n\t" \
	".if %c[colon1] < %c[length]\n\t" \
	".reloc 785b + %c[colon1], R_X86_64_8, 0\n\t" \
	".endif\n\t" \
	".if %c[colon2] < %c[length]\n\t" \
	".reloc 785b + %c[colon2], R_X86_64_8, '_'\n\t" \
	".endif\n\t" \
	".if %c[colon3] < %c[length]\n\t" \
	".reloc 785b + %c[colon3], R_X86_64_8, '_'\n\t" \
	".endif\n\t"
#define JSTRACE_COLONS(name) \
	, [length] "i"(__builtin_strlen(name)), [colon1] "i"(JSTRACE_COLON(name, __builtin_strchr(name ":::", ':'))), \
	[colon2] "i"(JSTRACE_COLON(name, __builtin_strchr(__builtin_strchr(name ":::", ':') + 1, ':'))), \
	[colon3] "i"(JSTRACE_COLON(name, __builtin_strchr(__builtin_strchr(__builtin_strchr(name ":::", ':') + 1, ':') + 1, ':')))
#define JSTRACE_COLON(name, found) (__builtin_strlen(name ":::") - __builtin_strlen(found))
#else
#define JSTRACE_ASM_NOTE_NAME(name) ".asciz \"jstrace\", \"" name "\"\n\t"
#define JSTRACE_COLONS(name)
#endif

/* -8@OFFSET(REGISTER) for signed integers, 8@… for the rest; bytes take two words. */
#define JSTRACE_ASM_NOTE_ARGUMENTS(n) \
	".set .Ljstrace_types, %c[low] + (%c[high] << 32)\n\t" \
	".set .Ljstrace_word, 0\n\t" \
	".rept " n "\n\t" \
	".if .Ljstrace_word\n\t" \
	".ascii \" \"\n\t" \
	".endif\n\t" \
	".if (.Ljstrace_types & 15) == 1\n\t" \
	".ascii \"-\"\n\t" \
	".endif\n\t" \
	".ascii \"8@" JSTRACE_ARGUMENT_OPEN "\"\n\t" \
	".if .Ljstrace_word >= 100\n\t" \
	".byte 48 + .Ljstrace_word / 100\n\t" \
	".endif\n\t" \
	".if .Ljstrace_word >= 10\n\t" \
	".byte 48 + .Ljstrace_word / 10 - .Ljstrace_word / 100 * 10\n\t" \
	".endif\n\t" \
	".byte 48 + .Ljstrace_word - .Ljstrace_word / 10 * 10\n\t" \
	".ascii \"" JSTRACE_ARGUMENT_CLOSE "\"\n\t" \
	".set .Ljstrace_word, .Ljstrace_word + 8\n\t" \
	".if (.Ljstrace_types & 15) == 6\n\t" \
	".set .Ljstrace_word, .Ljstrace_word + 8\n\t" \
	".endif\n\t" \
	".set .Ljstrace_types, .Ljstrace_types >> 4\n\t" \
	".endr\n\t"

#endif /* JSTRACE_DISABLE */

#define JSTRACE_PROBE_0(name) JSTRACE_PROBE(0, name, 0)
#define JSTRACE_PROBE_1(name, ...) JSTRACE_PROBE(1, name, __VA_ARGS__)
#define JSTRACE_PROBE_2(name, ...) JSTRACE_PROBE(2, name, __VA_ARGS__)
#define JSTRACE_PROBE_3(name, ...) JSTRACE_PROBE(3, name, __VA_ARGS__)
#define JSTRACE_PROBE_4(name, ...) JSTRACE_PROBE(4, name, __VA_ARGS__)
#define JSTRACE_PROBE_5(name, ...) JSTRACE_PROBE(5, name, __VA_ARGS__)
#define JSTRACE_PROBE_6(name, ...) JSTRACE_PROBE(6, name, __VA_ARGS__)
#define JSTRACE_PROBE_7(name, ...) JSTRACE_PROBE(7, name, __VA_ARGS__)
#define JSTRACE_PROBE_8(name, ...) JSTRACE_PROBE(8, name, __VA_ARGS__)
#define JSTRACE_PROBE_9(name, ...) JSTRACE_PROBE(9, name, __VA_ARGS__)
#define JSTRACE_PROBE_10(name, ...) JSTRACE_PROBE(10, name, __VA_ARGS__)
#define JSTRACE_PROBE_11(name, ...) JSTRACE_PROBE(11, name, __VA_ARGS__)
#define JSTRACE_PROBE_12(name, ...) JSTRACE_PROBE(12, name, __VA_ARGS__)
#define JSTRACE_PROBE_13(name, ...) JSTRACE_PROBE(13, name, __VA_ARGS__)
#define JSTRACE_PROBE_14(name, ...) JSTRACE_PROBE(14, name, __VA_ARGS__)
#define JSTRACE_PROBE_15(name, ...) JSTRACE_PROBE(15, name, __VA_ARGS__)
#define JSTRACE_PROBE_16(name, ...) JSTRACE_PROBE(16, name, __VA_ARGS__)
#define JSTRACE_NOTHING_0(name) JSTRACE_NOTHING(0, name, 0)
#define JSTRACE_NOTHING_1(name, ...) JSTRACE_NOTHING(1, name, __VA_ARGS__)
#define JSTRACE_NOTHING_2(name, ...) JSTRACE_NOTHING(2, name, __VA_ARGS__)
#define JSTRACE_NOTHING_3(name, ...) JSTRACE_NOTHING(3, name, __VA_ARGS__)
#define JSTRACE_NOTHING_4(name, ...) JSTRACE_NOTHING(4, name, __VA_ARGS__)
#define JSTRACE_NOTHING_5(name, ...) JSTRACE_NOTHING(5, name, __VA_ARGS__)
#define JSTRACE_NOTHING_6(name, ...) JSTRACE_NOTHING(6, name, __VA_ARGS__)
#define JSTRACE_NOTHING_7(name, ...) JSTRACE_NOTHING(7, name, __VA_ARGS__)
#define JSTRACE_NOTHING_8(name, ...) JSTRACE_NOTHING(8, name, __VA_ARGS__)
#define JSTRACE_NOTHING_9(name, ...) JSTRACE_NOTHING(9, name, __VA_ARGS__)
#define JSTRACE_NOTHING_10(name, ...) JSTRACE_NOTHING(10, name, __VA_ARGS__)
#define JSTRACE_NOTHING_11(name, ...) JSTRACE_NOTHING(11, name, __VA_ARGS__)
#define JSTRACE_NOTHING_12(name, ...) JSTRACE_NOTHING(12, name, __VA_ARGS__)
#define JSTRACE_NOTHING_13(name, ...) JSTRACE_NOTHING(13, name, __VA_ARGS__)
#define JSTRACE_NOTHING_14(name, ...) JSTRACE_NOTHING(14, name, __VA_ARGS__)
#define JSTRACE_NOTHING_15(name, ...) JSTRACE_NOTHING(15, name, __VA_ARGS__)
#define JSTRACE_NOTHING_16(name, ...) JSTRACE_NOTHING(16, name, __VA_ARGS__)
#define JSTRACE_PROBE_odd(...) JSTRACE_NEEDS_A_VALUE_FOR_EACH_KEY
#define JSTRACE_NOTHING_odd(...) JSTRACE_NEEDS_A_VALUE_FOR_EACH_KEY

#endif
