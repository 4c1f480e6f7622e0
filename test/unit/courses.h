/*
 * Courses of readings of a session, and what is excluded from its time after them.
 */
#pragma once

#include "core/excluded_time.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace session_guard::test
{

/* What is read of a session so many seconds after noon. */
struct Reading
{
	Duration seconds;
	Session session;
};

/* A course of readings, and the durations that are expected of it after the last one. */
struct Course
{
	const char *name;
	std::vector<Reading> readings;
	Duration statement;
	Duration transaction;
	/* Of the statement if lock waiters, or maintenance, are not spared. */
	Duration with_locks;
	Duration with_maintenance;

	friend std::ostream &
	operator<<(std::ostream &out, const Course &test)
	{
		return out << test.name;
	}
};

/* A session after such a course. */
class AfterCourse : public testing::TestWithParam<Course>
{
  protected:
	TrackingState tracking{};

	const Session &
	last() const
	{
		return GetParam().readings.back().session;
	}
	Instant
	last_reading() const
	{
		return at(GetParam().readings.back().seconds);
	}
	void
	SetUp() override
	{
		tracking = tracking_of(last());
		for (const Reading &reading : GetParam().readings)
			observe(tracking, reading.session, at(reading.seconds));
	}
};

/* What is excluded as it was seen, whenever the episode began; and what is presumed besides. */
inline Duration
excluded(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy)
{
	return excluded_time(limit, noon, session, tracking, policy).seen;
}
inline Duration
presumed(Limit limit, Instant start, const Session &session, const TrackingState &tracking,
         const Policy &policy)
{
	return excluded_time(limit, start, session, tracking, policy).presumed;
}

} // namespace session_guard::test
