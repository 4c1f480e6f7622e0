/*
 * The scan pass: read all sessions, bring their tracking up to date, and plan
 * their deadlines anew.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* Scan all sessions, in a transaction.  The scan began at this moment. */
void scan_all(Instant start);

} // namespace session_guard
