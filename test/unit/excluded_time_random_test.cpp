/*
 * Excluded time of sessions that do anything, and are read at any moment.
 */
#include "core/decision.h"
#include "core/episode.h"
#include "core/excluded_time.h"
#include "core/forecast.h"
#include "core/scan_pauses.h"

#include "unit/courses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace session_guard::test
{
namespace
{

/* From one moment to another. */
struct Span
{
	Instant from;
	Instant until;
};

/* How much of all time is in one of them at least. */
Duration
length_of_union(std::vector<Span> spans)
{
	Duration length = 0;
	Instant end = beginning;

	std::ranges::sort(spans, {}, &Span::from);
	for (const Span &span : spans)
	{
		Instant from = std::max(span.from, end);

		length += std::max<Duration>(0, span.until - from);
		end = std::max(end, span.until);
	}
	return length;
}

/* Runs, waits, and maintains in turn; waits outside of maintenance and within it. */
struct Phase
{
	Span span;
	bool waits;
	bool maintains;
};

class RandomCourse : public testing::TestWithParam<unsigned>
{
  protected:
	std::mt19937 random{GetParam()};
	std::vector<Phase> phases;

	Duration
	up_to(Duration most)
	{
		return std::uniform_int_distribution<Duration>(1, most)(random);
	}
	void
	make_phases(bool with_maintenance)
	{
		Instant now = noon;

		for (int i = 0; i < 60; i++)
		{
			bool waits = random() % 2 == 0;
			bool maintains = with_maintenance && random() % 3 == 0;
			Duration length = random() % 4 == 0 ? up_to(10 * second) : up_to(second);

			phases.push_back({{now, now + length}, waits, maintains});
			now += length;
		}
	}
	const Phase &
	phase_at(Instant now) const
	{
		return *std::ranges::find_if(phases,
		                             [&](const Phase &phase) { return now < phase.span.until; });
	}
	/* When the maintenance that goes on in this phase began, and ends. */
	Span
	maintenance_around(const Phase &around) const
	{
		auto index = static_cast<std::size_t>(&around - phases.data());
		std::size_t first = index;
		std::size_t last = index;

		while (first > 0 && phases[first - 1].maintains)
			first--;
		while (last + 1 < phases.size() && phases[last + 1].maintains)
			last++;
		return {phases[first].span.from, phases[last].span.until};
	}
	/* All maintenance up to a moment. */
	std::vector<Span>
	maintenance_until(Instant now) const
	{
		std::vector<Span> spans;

		for (const Phase &phase : phases)
			if (phase.maintains && phase.span.from < now)
				spans.push_back({phase.span.from, std::min(phase.span.until, now)});
		return spans;
	}
	/* What backend status and the session itself say. */
	Session
	session_at(Instant now) const
	{
		const Phase &phase = phase_at(now);
		SessionBuilder session = running().transaction_since(noon - 1);
		Duration over = length_of_union(maintenance_until(now));

		if (phase.waits)
			session.waiting_for_lock(phase.span.from);
		if (phase.maintains)
		{
			Instant since = maintenance_around(phase).from;

			over -= now - since;
			session.maintaining(since);
		}
		return session.maintained(noon, over, over, over);
	}

	/*
	 * Read at random moments.  Each wait that was seen counts from its start to
	 * the first reading that finds it over; but not longer than the maintenance that
	 * it is part of, nor on into maintenance that begins after it.
	 */
	void
	read_all_along()
	{
		Policy policy = PolicyBuilder();
		Session session = session_at(noon);
		TrackingState tracking = tracking_of(session);
		std::vector<Span> least;
		std::vector<Span> most;
		const Phase *seen = nullptr;
		Instant last_read_at = noon;
		bool touched = false;

		observe(tracking, session, noon);
		seen = phase_at(noon).waits ? &phase_at(noon) : nullptr;
		touched = seen != nullptr;
		for (Instant now = noon; (now += up_to(3 * second)) < phases.back().span.until;)
		{
			const Phase &phase = phase_at(now);

			session = session_at(now);
			observe(tracking, session, now);
			if (seen != nullptr)
				least.push_back({std::max(seen->span.from, noon), end_of(*seen, now)});
			if (touched || phase.waits)
				most.push_back({last_read_at, now});
			seen = phase.waits ? &phase : nullptr;
			if (seen != nullptr)
				least.push_back({seen->span.from, now});
			touched = phase.waits;
			last_read_at = now;

			std::vector<Span> maintained = maintenance_until(now);
			least.insert(least.end(), maintained.begin(), maintained.end());
			std::vector<Span> all = most;
			all.insert(all.end(), maintained.begin(), maintained.end());
			Duration off = excluded(Limit::Statement, session, tracking, policy);
			ASSERT_GE(off, length_of_union(least));
			ASSERT_LE(off, length_of_union(all));
			ASSERT_LE(off, now - noon);
			ASSERT_EQ(off, excluded(Limit::Transaction, session, tracking, policy));
			Verdict verdict = forecast(Limit::Statement, session, tracking,
			                           PolicyBuilder().limit(Limit::Statement, day), now)
			                      .verdict.value();
			ASSERT_EQ(verdict.measured, now - noon - off);
		}
	}

	/* The first reading comes at any moment. */
	void
	read_from_the_middle()
	{
		Policy policy = PolicyBuilder();
		TrackingState tracking = tracking_of(session_at(noon));
		Duration before = 0;
		bool counted = true;

		for (Instant now = noon + up_to(20 * second); now < phases.back().span.until;
		     now += up_to(3 * second))
		{
			Session session = session_at(now);

			observe(tracking, session, now);
			Duration off = excluded(Limit::Statement, session, tracking, policy);
			Duration guess = presumed(Limit::Statement, noon, session, tracking, policy);
			ASSERT_GE(guess, 0);
			ASSERT_LE(guess, tracking.statement_waits.known_from - noon);
			ASSERT_LE(off + guess, now - noon);
			/* Nothing that counts has passed since the last reading, nor has it been measured. */
			Duration measured = now - noon - off - guess;
			if (!counted && runs_spared_maintenance(session) &&
			    session.maintenance.spared_since <= last_)
			{
				ASSERT_EQ(measured, before);
			}
			before = measured;
			counted = !runs_spared_maintenance(session);
			last_ = now;
		}
	}

  private:
	/* Until when a wait that was seen has lasted at most, as a later reading can know. */
	Instant
	end_of(const Phase &wait, Instant now) const
	{
		Instant end = now;

		if (wait.maintains)
			return std::min(end, maintenance_around(wait).until);
		for (const Phase &phase : phases)
			if (phase.maintains && phase.span.from >= wait.span.until)
				end = std::min(end, phase.span.from);
		return std::max(end, wait.span.from);
	}

	Instant last_ = noon;
};

TEST_P(RandomCourse, OfWaitsTakesOffWhatWasSeenAndNoMore)
{
	make_phases(false);
	read_all_along();
}

TEST_P(RandomCourse, OfWaitsAndMaintenanceTakesNoMomentOffTwice)
{
	make_phases(true);
	read_all_along();
}

TEST_P(RandomCourse, OfWaitsPresumesNoMoreThanNobodyHasSeen)
{
	make_phases(false);
	read_from_the_middle();
}

TEST_P(RandomCourse, OfWaitsAndMaintenancePresumesNothingOfMaintenance)
{
	make_phases(true);
	read_from_the_middle();
}

INSTANTIATE_TEST_SUITE_P(Policy, RandomCourse, testing::Range(1U, 301U));

/*
 * Many short waits, of which few are seen: an eighth of a sampling pause on
 * average, and a quarter of the time in all.
 *
 * A wait of length w is seen with probability w / pause, and then counts from
 * its start to the reading that finds it over: the pause and half of w.  So what
 * is taken off comes out too long by w / (2 pause), here a twelfth, and is
 * otherwise right on average; of n readings the standard error is
 * sqrt(n * 1/4 * 3/4) pauses.
 */
class Sampled : public testing::Test
{
  protected:
	static constexpr Duration threshold = 20 * second;
	const Duration pause = sampling_pause(threshold, Pace::Waiting);
	std::mt19937 random{42};
	/* The present wait or run. */
	Instant until = noon;
	bool waits = true;
	Instant since = noon;
	Duration waited = 0;

	void
	go_on_to(Instant now)
	{
		while (until <= now)
		{
			if (waits)
				waited += until - since;
			waits = !waits;
			since = until;
			until += std::uniform_int_distribution<Duration>(1, waits ? pause / 4
			                                                          : 3 * pause / 4)(random);
		}
	}
	Duration
	waited_until(Instant now) const
	{
		return waited + (waits ? now - since : 0);
	}
	Session
	session() const
	{
		return waits ? running().waiting_for_lock(since) : running();
	}
};

TEST_F(Sampled, EstimatesTheShareOfShortWaits)
{
	constexpr int readings = 40000;
	TrackingState tracking = tracking_of(session());
	Instant now = noon;

	for (int i = 0; i < readings; i++)
	{
		now += pause;
		go_on_to(now);
		observe(tracking, session(), now);
	}

	auto share = [&](Duration of)
	{ return static_cast<double>(of) / static_cast<double>(now - noon); };
	double truth = share(waited_until(now));
	double estimate = share(excluded(Limit::Statement, session(), tracking, PolicyBuilder()));
	double error = std::sqrt(readings * 0.25 * 0.75) / readings;
	EXPECT_NEAR(truth, 0.25, 0.01);
	EXPECT_GT(estimate, truth - 4 * error);
	EXPECT_LT(estimate, truth * 13 / 12 + 4 * error);
}

TEST_F(Sampled, EndsNobodyMuchBeforeOrAfterItHasRunForTheThreshold)
{
	constexpr int statements = 500;
	Duration sum = 0;

	for (int i = 0; i < statements; i++)
	{
		TrackingState tracking = tracking_of(session());
		Instant now = noon;
		Policy policy = PolicyBuilder().limit(Limit::Statement, threshold);

		until = since = noon;
		waits = true;
		waited = 0;
		do
		{
			now += pause;
			go_on_to(now);
			observe(tracking, session(), now);
		} while (decide(Limit::Statement, session(), tracking, policy, now).outlook !=
		         Outlook::Due);

		Duration ran = now - noon - waited_until(now);
		sum += ran;
		/* Some 27 readings: the standard error is more than two of them. */
		EXPECT_GT(ran, threshold * 6 / 10);
		EXPECT_LT(ran, threshold * 16 / 10);
	}
	EXPECT_GT(sum / statements, threshold * 97 / 100);
	EXPECT_LT(sum / statements, threshold * 110 / 100);
}

} // namespace
} // namespace session_guard::test
