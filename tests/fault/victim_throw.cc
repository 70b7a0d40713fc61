/* A probe whose argument is left by an exception. */
#include <stdexcept>

#include <jstrace.h>

extern "C" void victim_throw(long count);
extern "C" void fire_extra(long n);

static long thrown(long n)
{
	if (n >= 0)
		throw std::runtime_error("left");
	return n;
}

void victim_throw(long count)
{
	for (long i = 0; i < count; i++) {
		try {
			JSTRACE("extra:step", "n", thrown(i));
		} catch (const std::runtime_error &) {
		}
		fire_extra(3);
	}
}
