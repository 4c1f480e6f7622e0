/*
 * Commands that keep a database in shape, known by their text.
 *
 * While such a command waits for its table it reports no progress yet, and only
 * its text shows what it is.  As the client chooses the text, it may only be a
 * reason to spare a session, never to end one.
 */
#pragma once

#include "core/session.h"

#include <string_view>

namespace session_guard
{

/*
 * The command that a query begins with, after blanks and comments, if it is
 * VACUUM, ANALYZE, CLUSTER, REPACK, REINDEX, REFRESH MATERIALIZED VIEW or CREATE
 * [UNIQUE] INDEX; none otherwise.  Whether ALTER TABLE rewrites the text does not tell.
 */
MaintenanceCommand maintenance_in(std::string_view query);

} // namespace session_guard
