/*
 * A clock that nobody sets.
 */
#pragma once

#include <cstdint>
#include <ctime>

namespace session_guard
{

/* The present moment in microseconds, from an arbitrary beginning (Instant in core/time.h). */
inline std::int64_t
monotonic_now()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * std::int64_t{1000000} + now.tv_nsec / 1000;
}

} // namespace session_guard
