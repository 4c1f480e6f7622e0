/*
 * From a verdict to a signal, by the one way to act (action/act.h).
 */
#pragma once

#include "core/action.h"

#include "guard/evaluation.h"

namespace session_guard
{

/*
 * Carry out the verdict of an evaluation, in a transaction.  Signaled, raced, gone,
 * or a dry run with mode = log.  Punctual is what nothing but the guard itself has
 * delayed.
 */
Outcome enforce(const Evaluation &evaluation, bool is_punctual);

} // namespace session_guard
