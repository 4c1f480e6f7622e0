/*
 * From a verdict to a signal: the line in the log, one last look, the reason
 * for the client, the server's own function, the step and the event noted.
 */
#pragma once

#include "core/action.h"

#include "guard/evaluation.h"

namespace session_guard
{

/*
 * Carry out the verdict of a look, in a transaction.  Signaled, raced, gone, or
 * a dry run with mode = log.  Who is punctual was not made to wait by anything
 * but the guard itself.
 */
Outcome carry_out(const Evaluation &evaluation, bool is_punctual);

} // namespace session_guard
