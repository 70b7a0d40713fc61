/*
 * The addon: what the package's JavaScript cannot do by itself. One of them serves all environments (the main thread's and each worker's) of a process; what an environment has lies in its struct instance.
 *
 * JavaScript looks at the enable words itself, reads the fields that are wanted, and passes them by position: numbers through an array that both sides see, everything else as arguments. No JavaScript runs while an event does.
 */
#define NAPI_VERSION 6
#include <node_api.h>

#include <stdlib.h>
#include <string.h>

#include "addon_watch.h"
#include "jstrace.h"
#include "named.h"

enum {
	FIELDS = JST_MAX_SITE_FIELDS,
	LOST = FIELDS,               /* place in the values where JavaScript counts what it could not take */
	NAME_ROOM = JST_MAX_PROBE_NAME + 5,
};

_Static_assert(offsetof(struct jst_process, epoch) == offsetof(struct jst_process, watched) + 4, "the gate is both");

struct instance {
	double values[FIELDS + 1];
	char *text;                  /* room for one event's strings */
	size_t text_size;
	bool watched;                /* watch() was called */
};

/* Fields by position: what a stub in JavaScript passes. */
struct layout {
	struct instance *instance;
	const struct jst_site_record *record;
	uint32_t epoch, users, count, string_room;
	struct jst_string name, field[FIELDS];
	char text[FIELDS * (JST_MAX_FIELD_NAME + 1)];
	uint64_t described;          /* the types of probe; all ones: none yet */
	struct jst_probe probe;
	struct jst_named_cache cache;
};

static struct instance *instance_of(napi_env env)
{
	void *instance = NULL;

	napi_get_instance_data(env, &instance);
	return instance;
}

static napi_value undefined(napi_env env)
{
	napi_value value = NULL;

	napi_get_undefined(env, &value);
	return value;
}

static napi_value boolean(napi_env env, bool is)
{
	napi_value value = NULL;

	napi_get_boolean(env, is, &value);
	return value;
}

static napi_value number(napi_env env, double is)
{
	napi_value value = NULL;

	napi_create_double(env, is, &value);
	return value;
}

static uint32_t number_of(napi_env env, napi_value value)
{
	uint32_t is = 0;

	napi_get_value_uint32(env, value, &is);
	return is;
}

/* ---- events ---- */

/* The type of a number, and its word: an integer where it is one. */
static enum jst_field_type put_number(uint64_t *word, double value)
{
	const double limit = 9223372036854775808.0;

	if (value >= -limit && value < limit) {
		const int64_t integer = (int64_t)value;

		if ((double)integer == value) {
			*word = (uint64_t)integer;
			return JST_FIELD_INT;
		}
	}
	memcpy(word, &value, sizeof(value));
	return JST_FIELD_DOUBLE;
}

/* A value that JavaScript made a number, string, boolean, 64-bit BigInt, null or undefined. *at: where its words go, moved behind them; text: room for a string, moved likewise. */
static enum jst_field_type put_value(napi_env env, napi_value value, uint64_t **at, char **text, size_t room)
{
	napi_valuetype type = napi_undefined;
	size_t length = 0;
	double real = 0;
	int64_t integer = 0;
	bool truth = false;

	napi_typeof(env, value, &type);
	switch (type) {
	case napi_number:
		napi_get_value_double(env, value, &real);
		return put_number((*at)++, real);
	case napi_string:
		napi_get_value_string_utf8(env, value, *text, room, &length);
		*(*at)++ = (uint64_t)(uintptr_t)*text;
		*(*at)++ = length;
		*text += length;
		return JST_FIELD_BYTES;
	case napi_boolean:
		napi_get_value_bool(env, value, &truth);
		*(*at)++ = truth;
		return JST_FIELD_BOOL;
	case napi_bigint:
		napi_get_value_bigint_int64(env, value, &integer, &truth);
		*(*at)++ = (uint64_t)integer;
		return truth ? JST_FIELD_INT : JST_FIELD_UINT;
	case napi_null:
		*(*at)++ = 0;
		return JST_FIELD_STRING;
	default:
		return JST_FIELD_ABSENT;
	}
}

static uint32_t take_lost(struct instance *instance)
{
	const double lost = instance->values[LOST];

	if (lost == 0)
		return 0;
	instance->values[LOST] = 0;
	return lost > 0 && lost < UINT32_MAX ? (uint32_t)lost : 1;
}

/* Fields of types[i], those that are there; count of them in all. */
static void describe(struct jst_probe *probe, struct jst_string name, const struct jst_string *field, uint32_t count, uint64_t types)
{
	uint8_t word = 0;

	*probe = (struct jst_probe){ .name = name, .file = { "", 0 } };
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t type = types >> (4 * i) & 15;

		if (type == JST_FIELD_ABSENT)
			continue;
		probe->field[probe->fields++] = (struct jst_field){ .name = field[i], .type = type, .word = word };
		word = (uint8_t)(word + (type == JST_FIELD_BYTES ? 2 : 1));
	}
}

static napi_value fire(napi_env env, struct layout *layout, uint64_t types, const uint64_t *words)
{
	const uint32_t lost = take_lost(layout->instance);

	if (types != layout->described) {
		describe(&layout->probe, layout->name, layout->field, layout->count, types);
		layout->described = types;
	}
	jst_named_fire(layout->record, &layout->cache, &layout->probe, types, words, layout->epoch, lost);
	(void)env;
	return NULL;
}

/* Other fields are wanted than those that were read. Acquire pairs with the release in install.c. */
static bool stale(uint32_t epoch)
{
	return atomic_load_explicit(&jst_process->epoch, memory_order_acquire) != epoch;
}

/* numbers(): fires with what lies in the values, all of them numbers. true: nothing was done, the layout is stale. */
static napi_value fire_numbers(napi_env env, napi_callback_info info)
{
	uint64_t words[JST_MAX_SITE_WORDS], types = 0;
	void *data = NULL;

	napi_get_cb_info(env, info, NULL, NULL, NULL, &data);
	struct layout *layout = data;

	if (stale(layout->epoch))
		return boolean(env, true);
	for (uint32_t i = 0; i < layout->count; i++)
		types |= (uint64_t)put_number(&words[i], layout->instance->values[i]) << (4 * i);
	return fire(env, layout, types, words);
}

/* mixed(value, …): fires with those. true: as above. */
static napi_value fire_mixed(napi_env env, napi_callback_info info)
{
	uint64_t words[JST_MAX_SITE_WORDS], types = 0, *at = words;
	napi_value values[FIELDS];
	size_t count = FIELDS;
	void *data = NULL;

	napi_get_cb_info(env, info, &count, values, NULL, &data);
	struct layout *layout = data;
	char *text = layout->instance->text;

	if (stale(layout->epoch))
		return boolean(env, true);
	for (uint32_t i = 0; i < layout->count && i < count; i++)
		types |= (uint64_t)put_value(env, values[i], &at, &text, layout->string_room) << (4 * i);
	return fire(env, layout, types, words);
}

/* Room for one event's strings, each of as many bytes and its NUL. False: there is none. */
static bool make_room(struct instance *instance, size_t each)
{
	const size_t size = FIELDS * each + 1;

	if (size <= instance->text_size)
		return true;
	char *text = malloc(size);

	if (!text)
		return false;
	free(instance->text);
	instance->text = text;
	instance->text_size = size;
	return true;
}

/* What is longer than a string may be is cut by the event, which counts it: so a little more is copied. */
static size_t room_for(uint32_t string_size)
{
	return (size_t)string_size + 8;
}

/* named(site, name, epoch, stringSize, key, value, …): fires a site, or with -1 a name that has none, with the fields that are given. true: as above. */
static napi_value fire_named(napi_env env, napi_callback_info info)
{
	enum { FIXED = 4 };
	napi_value arguments[FIXED + 2 * FIELDS];
	size_t count = FIXED + 2 * FIELDS, length = 0;
	struct instance *instance = instance_of(env);
	char name[NAME_ROOM], keys[FIELDS][JST_MAX_FIELD_NAME + 5];
	struct jst_string field[FIELDS];
	uint64_t words[JST_MAX_SITE_WORDS], types = 0, *at = words;
	uint32_t fields = 0;
	struct jst_probe probe;
	int32_t index = -1;

	napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
	napi_get_value_int32(env, arguments[0], &index);
	const struct jst_site_record *record = index >= 0 ? jst_named_at((uint32_t)index) : NULL;
	const uint32_t epoch = number_of(env, arguments[2]);
	const size_t room = room_for(number_of(env, arguments[3]));

	if (stale(epoch))
		return boolean(env, true);
	if (!record)
		napi_get_value_string_utf8(env, arguments[1], name, sizeof(name), &length);
	if ((!record && (!length || length > JST_MAX_PROBE_NAME || memchr(name, 0, length))) || !make_room(instance, room))
		return undefined(env);
	char *text = instance->text;

	for (size_t i = FIXED; i + 1 < count && fields < FIELDS; i += 2) {
		size_t key = 0;

		napi_get_value_string_utf8(env, arguments[i], keys[fields], sizeof(keys[fields]), &key);
		if (key > JST_MAX_FIELD_NAME) {
			instance->values[LOST]++;
			continue;
		}
		const enum jst_field_type type = put_value(env, arguments[i + 1], &at, &text, room);

		if (type == JST_FIELD_ABSENT)
			continue;
		field[fields] = (struct jst_string){ keys[fields], (uint32_t)key };
		types |= (uint64_t)type << (4 * fields++);
	}
	if (record) {
		describe(&probe, jst_site_name(record), field, fields, types);
		jst_named_fire(record, NULL, &probe, types, words, epoch, take_lost(instance));
		return undefined(env);
	}

	struct jstrace_field passed[FIELDS];
	const uint64_t *from = words;

	for (uint32_t i = 0; i < fields; i++) {
		passed[i] = (struct jstrace_field){ .key = keys[i], .type = types >> (4 * i) & 15 };
		passed[i].value.u = *from++;
		keys[i][field[i].length] = 0;
		if (passed[i].type == JSTRACE_TYPE_BYTES)
			passed[i].length = *from++;
	}
	jstrace_fire(name, passed, fields);
	return undefined(env);
}

/* ---- sites and layouts ---- */

/* site(name): the index of its word, or -1. */
static napi_value make_site(napi_env env, napi_callback_info info)
{
	char name[NAME_ROOM];
	napi_value argument;
	size_t count = 1, length = 0;
	uint32_t index = 0;

	napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
	if (napi_get_value_string_utf8(env, argument, name, sizeof(name), &length) != napi_ok)
		length = 0;
	return number(env, jst_named_site(name, length, &index) ? (double)index : -1);
}

static void set(napi_env env, napi_value object, const char *key, napi_value value)
{
	napi_set_named_property(env, object, key, value);
}

/* wanted(name): { epoch, all, more, stringSize, fields: [name, …] }, as struct jst_wanted. */
static napi_value wanted(napi_env env, napi_callback_info info)
{
	char name[NAME_ROOM];
	napi_value argument, result = NULL, fields = NULL, field = NULL;
	size_t count = 1, length = 0;
	struct jst_wanted wanted;

	napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
	napi_get_value_string_utf8(env, argument, name, sizeof(name), &length);
	jst_named_wanted((struct jst_string){ name, (uint32_t)length }, &wanted);
	napi_create_object(env, &result);
	set(env, result, "epoch", number(env, wanted.epoch));
	set(env, result, "all", boolean(env, wanted.all));
	set(env, result, "more", boolean(env, wanted.more));
	set(env, result, "stringSize", number(env, wanted.string_size));
	napi_create_array(env, &fields);
	for (uint32_t i = 0; i < wanted.count; i++) {
		napi_create_string_utf8(env, wanted.field[i].name, wanted.field[i].length, &field);
		napi_set_element(env, fields, i, field);
	}
	set(env, result, "fields", fields);
	return result;
}

static void leave_layout(napi_env env, void *data, void *hint)
{
	struct layout *layout = data;
	int64_t total;

	(void)hint;
	if (--layout->users)
		return;
	free(layout);
	napi_adjust_external_memory(env, -(int64_t)sizeof(*layout), &total);
}

static napi_value layout_function(napi_env env, struct layout *layout, const char *name, napi_callback callback)
{
	napi_value function = NULL;

	if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, layout, &function) != napi_ok)
		return NULL;
	layout->users++;
	if (napi_add_finalizer(env, function, layout, leave_layout, NULL, NULL) != napi_ok)
		layout->users += 1000; /* then it stays: better than a function whose data is gone */
	return function;
}

/* renew(epoch): the layout is as it should be in that epoch too. */
static napi_value renew(napi_env env, napi_callback_info info)
{
	napi_value epoch;
	size_t count = 1;
	void *data = NULL;

	napi_get_cb_info(env, info, &count, &epoch, NULL, &data);
	((struct layout *)data)->epoch = number_of(env, epoch);
	return NULL;
}

/* layout(site, epoch, stringSize, fields): [numbers, mixed, renew] for just these fields, in this order; undefined: cannot be had. */
static napi_value make_layout(napi_env env, napi_callback_info info)
{
	napi_value arguments[4], result = NULL, field = NULL;
	size_t count = 4, length = 0;
	struct layout *layout = calloc(1, sizeof(*layout));
	struct instance *instance = instance_of(env);

	napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
	if (!layout)
		return undefined(env);
	char *at = layout->text;
	uint32_t fields = 0;

	layout->instance = instance;
	layout->record = jst_named_at(number_of(env, arguments[0]));
	if (layout->record)
		layout->name = jst_site_name(layout->record);
	layout->epoch = number_of(env, arguments[1]);
	layout->string_room = (uint32_t)room_for(number_of(env, arguments[2]));
	layout->described = UINT64_MAX;
	napi_get_array_length(env, arguments[3], &fields);
	bool whole = true; /* nothing can be had in a worker that is being ended */

	for (uint32_t i = 0; i < fields && i < FIELDS; i++) {
		whole = napi_get_element(env, arguments[3], i, &field) == napi_ok && napi_get_value_string_utf8(env, field, at, JST_MAX_FIELD_NAME + 1, &length) == napi_ok;
		if (!whole)
			break;
		layout->field[layout->count++] = (struct jst_string){ at, (uint32_t)length };
		at += length + 1;
	}
	if (!whole || !layout->record || !make_room(instance, layout->string_room)) {
		free(layout);
		return undefined(env);
	}
	int64_t total;

	/* So that the collector knows what it is worth to find those that are not used any more. */
	napi_adjust_external_memory(env, sizeof(*layout), &total);
	layout->users = 1;
	whole = napi_create_array_with_length(env, 3, &result) == napi_ok;
	static const struct {
		const char *name;
		napi_callback callback;
	} functions[] = { { "numbers", fire_numbers }, { "mixed", fire_mixed }, { "renew", renew } };

	for (uint32_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		const napi_value function = layout_function(env, layout, functions[i].name, functions[i].callback);

		whole = whole && function && napi_set_element(env, result, i, function) == napi_ok;
	}
	leave_layout(env, layout, NULL);
	return whole ? result : undefined(env);
}

/* ---- watching ---- */

/* watch(function): calls it from the event loop after each change of the sessions, without keeping the loop alive. Once an environment; false: not again, or there is no thread for it. */
static napi_value start_watch(napi_env env, napi_callback_info info)
{
	napi_value function = NULL;
	size_t count = 1;
	struct instance *instance = instance_of(env);

	napi_get_cb_info(env, info, &count, &function, NULL, NULL);
	if (instance->watched || !addon_watch(env, function))
		return boolean(env, false);
	instance->watched = true;
	return boolean(env, true);
}

/* here(on): whether the program itself watches: then the gate stands open without a session. */
static napi_value watch_here(napi_env env, napi_callback_info info)
{
	napi_value argument;
	size_t count = 1;
	bool on = false;

	napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
	napi_get_value_bool(env, argument, &on);
	/* A hint, as a session's bit is. */
	if (on)
		atomic_fetch_or_explicit(&jst_process->watched, JST_WATCHED_HERE, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&jst_process->watched, ~JST_WATCHED_HERE, memory_order_relaxed);
	return undefined(env);
}

/* ---- the module ---- */

static void leave_instance(napi_env env, void *data, void *hint)
{
	struct instance *instance = data;

	(void)env;
	(void)hint;
	free(instance->text);
	free(instance);
}

static void nothing_to_free(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)data;
	(void)hint;
}

/* An array in JavaScript over memory of ours that stays as long as the environment does. */
static bool share(napi_env env, napi_value exports, const char *name, void *memory, size_t count, napi_typedarray_type type)
{
	const size_t size = count * (type == napi_float64_array ? 8 : 4);
	napi_value buffer, array;

	/* Some builds of V8 (Electron's) allow no memory from outside. */
	if (napi_create_external_arraybuffer(env, memory, size, nothing_to_free, NULL, &buffer) != napi_ok || napi_create_typedarray(env, type, count, buffer, 0, &array) != napi_ok)
		return false;
	set(env, exports, name, array);
	return true;
}

NAPI_MODULE_INIT()
{
	static const struct {
		const char *name;
		napi_callback callback;
	} functions[] = {
		{ "site", make_site }, { "wanted", wanted }, { "layout", make_layout }, { "named", fire_named }, { "watch", start_watch }, { "here", watch_here },
	};
	uint32_t *words = jst_named_words();
	struct instance *instance = words ? calloc(1, sizeof(*instance)) : NULL;
	napi_value function, version;

	if (!instance) {
		napi_throw_error(env, NULL, "libjstrace could not start");
		return NULL;
	}
	napi_set_instance_data(env, instance, leave_instance, NULL);
	if (!share(env, exports, "gate", &jst_process->watched, 2, napi_uint32_array) || !share(env, exports, "words", words, JST_NAMED_MAX, napi_uint32_array) ||
	    !share(env, exports, "values", instance->values, FIELDS + 1, napi_float64_array)) {
		napi_throw_error(env, NULL, "this Node.js shares no memory with addons");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, NULL, &function);
		set(env, exports, functions[i].name, function);
	}
	napi_create_string_utf8(env, jstrace_version(), NAPI_AUTO_LENGTH, &version);
	set(env, exports, "version", version);
	return exports;
}
