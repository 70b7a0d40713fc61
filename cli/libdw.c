/*
 * See libdw.h. libelf is found through libdw, which needs it.
 */
#include "libdw.h"

#include <dlfcn.h>

#include "messages.h"

struct libdw libdw;

static const struct {
	const char *name;
	void **place;
} functions[] = {
#define FUNCTION(name) { #name, (void **)&libdw.name },
#include "libdw.def"
#undef FUNCTION
};

static bool load(void)
{
	void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
	bool good = library != NULL;

	for (size_t i = 0; good && i < sizeof(functions) / sizeof(*functions); i++)
		good = (*functions[i].place = dlsym(library, functions[i].name)) != NULL;
	if (!good)
		message_warning("the functions of stacks are shown without their names: %s", dlerror());
	return good;
}

bool libdw_load(void)
{
	static enum { UNKNOWN, LOADED, MISSING } state;

	if (state == UNKNOWN)
		state = load() ? LOADED : MISSING;
	return state == LOADED;
}
