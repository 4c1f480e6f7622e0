/*
 * What became of the targets of a request, as rows of session_guard.result.
 */
#pragma once

#include "functions/request.h"

namespace session_guard
{

/* Return one row for each target as the result of the function that is called. */
Datum return_rows(FunctionCallInfo call, const Targets &targets);

} // namespace session_guard
