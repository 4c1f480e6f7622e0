/*
 * What has become of verdicts is counted for their limit, and for the rule that has decided it.
 */
#pragma once

#include "core/limits.h"

#include "shmem/counters.h"

#include "policy/current_rules.h"

namespace session_guard
{

/* The rule is that of this name; empty if none has decided it. */
inline void
count_for(Limit limit, const char *rule, pg_atomic_uint64 VerdictCounters::*counter)
{
	count(shared_counters().limits[index_of(limit)].*counter);
	if (VerdictCounters *counters = rule[0] != '\0' ? counters_of_rule(rule) : nullptr)
		count(counters->*counter);
}

} // namespace session_guard
