/*
 * The module's area of shared memory: from 19 on the server has it registered,
 * before it is asked for in two hooks.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

struct SharedArea
{
	const char *name;
	/* Called when MaxBackends is known. */
	Size (*size)();
	/*
	 * Called with the memory, which is zeroed and to be initialized unless it was
	 * found initialized; again after a crash of the server.
	 */
	void (*init)(void *memory, bool found);
};

/*
 * Have the area made at postmaster start.  There can be one; the description must
 * live as long as the server.
 */
void register_shared_area(const SharedArea &area);

} // namespace session_guard
