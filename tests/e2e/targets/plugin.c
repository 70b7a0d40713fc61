/* An object that a target opens and closes while it is traced. */
#include <jstrace.h>

void plugin_hit(int n);

__attribute__((visibility("default"))) void plugin_hit(int n)
{
	JSTRACE("plugin:hit", "n", n);
}
