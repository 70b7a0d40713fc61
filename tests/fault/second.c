/* An object with a copy of the library of its own. */
#include <jstrace.h>

void second_step(void);

__attribute__((visibility("default"))) void second_step(void)
{
	JSTRACE("second:step", "n", 1);
}
