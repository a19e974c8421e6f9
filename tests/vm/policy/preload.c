/* A library that says when it was loaded. */
#include <unistd.h>

__attribute__((constructor)) static void loaded(void)
{
	(void)!write(1, "ran\n", 4);
}
