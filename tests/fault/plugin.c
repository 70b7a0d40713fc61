/* An object that a victim opens and closes. The linker's lock is held while its constructor and destructor fire. */
#include <jstrace.h>

long seen_extra(long n);
void plugin_hit(void);

__attribute__((constructor)) static void opened(void)
{
	JSTRACE("extra:opened", "n", seen_extra(1));
}

__attribute__((destructor)) static void closed(void)
{
	JSTRACE("extra:closed", "n", seen_extra(3));
}

__attribute__((visibility("default"))) void plugin_hit(void)
{
	JSTRACE("extra:hit", "n", seen_extra(2));
}
