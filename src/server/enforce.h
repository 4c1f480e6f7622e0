/*
 * From a verdict to a signal: the line in the log, one last look, the
 * server's own function, the step noted.
 */
#pragma once

#include "server/status.h"

#include "core/policy.h"

namespace session_guard
{

/* What became of a verdict (a word of session_guard.stats as well). */
enum class Outcome
{
	Logged,
	Signaled,
	/* No longer the same episode or condition. */
	Raced,
};

/* Carry out a verdict on the session of this sighting, in a transaction. */
Outcome carry_out(const Verdict &verdict, const Sighting &sighting, const Policy &policy);

} // namespace session_guard
