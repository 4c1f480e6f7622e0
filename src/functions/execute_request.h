/*
 * How a request is carried out.
 *
 * All its targets are checked and signaled first, then awaited together, so that
 * the whole takes as long as the slowest of them.
 */
#pragma once

#include "functions/request.h"

namespace session_guard
{

/* Carry out a request; the targets are sorted by the age of their session. */
Targets execute(const Request &request);

} // namespace session_guard
