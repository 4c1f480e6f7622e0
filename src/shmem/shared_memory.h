/*
 * Shared memory as a whole: the sum of the areas that the files of this folder
 * own.
 */
#pragma once

namespace session_guard
{

/* Ask for the memory, at postmaster start. */
void request_shared_memory();

/* Is there shared memory?  Only if the library was preloaded. */
bool has_shared_memory();

/* Report an error if there is none. */
void require_shared_memory();

} // namespace session_guard
