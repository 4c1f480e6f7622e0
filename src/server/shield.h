/*
 * How the guard connects, and shields itself from what the catalogs would make
 * of it: everybody may be told by ALTER ROLE and ALTER DATABASE who he is and
 * how long he may wait, but not the guard.
 */
#pragma once

namespace session_guard
{

/* Connect to pg_session_guard.database.  Does not return if that fails. */
void connect_guard();

} // namespace session_guard
