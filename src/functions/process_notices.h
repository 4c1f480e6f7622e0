/*
 * What a caller that has named a process is told of it if it is no session, or none yet.
 */
#pragma once

#include "status/backend_status.h"

namespace session_guard
{

void notice_starting(int pid);

/* Tell what kind of process it is, as far as pg_stat_activity would. */
void notice_kind(const BackendSnapshot &snapshot);

} // namespace session_guard
