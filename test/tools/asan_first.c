/*
 * Initialize AddressSanitizer before anything else.
 *
 * Its library initializes itself with the first malloc().  If that is in a
 * library's constructor that holds a lock of libc (libp11-kit's makes a locale),
 * it comes back to that lock, and the process hangs when it ends.
 *
 * To be linked with -z initfirst, and preloaded behind libasan.
 */
#include <stdlib.h>

__attribute__((constructor)) static void
initialize(void)
{
	free(malloc(1));
}
