/*
 * What one scan of many sessions costs the core: deciding about every limit of
 * every session, and keeping the deadlines.
 */
#include "core/deadlines.h"
#include "core/decision.h"

#include "unit/builders.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

namespace session_guard::test
{
namespace
{

/* Sessions of every kind, with tracking states and deadlines of all limits still ahead. */
class Server
{
  public:
	explicit Server(std::size_t count) : memory_(count * limit_count)
	{
		std::mt19937 random(1);

		for (std::size_t i = 0; i < count; i++)
		{
			sessions_.push_back(random_session(random));
			sessions_.back().id.pid = static_cast<std::int32_t>(i + 1);
			tracking_.push_back(tracking_after_reading(sessions_.back(), noon));
		}
	}

	std::size_t
	decisions() const
	{
		return sessions_.size() * limit_count;
	}
	std::span<Deadline>
	memory()
	{
		return memory_;
	}

	/* Decide about all limits of all sessions, and hand each decision on. */
	template <typename Take>
	void
	decide_all(Take take) const
	{
		for (std::size_t i = 0; i < sessions_.size(); i++)
			for (Limit limit : all_limits)
				take(i, limit, decide(limit, sessions_[i], tracking_[i], policy_, noon));
	}

	/* Make the heap anew, as after a scan. */
	Deadlines
	rebuild()
	{
		Deadlines deadlines{memory_};

		decide_all(
		    [&](std::size_t i, Limit limit, const Decision &decision)
		    {
			    if (decision.outlook == Outlook::Wait)
				    deadlines.push({.wake = decision.at,
				                    .due = decision.at - 1,
				                    .session = sessions_[i].id,
				                    .slot = static_cast<std::int32_t>(i),
				                    .limit = limit});
		    });
		return deadlines;
	}

  private:
	static Session
	random_session(std::mt19937 &random)
	{
		Timestamp since = noon - std::uniform_int_distribution<Duration>(1, hour)(random);

		switch (random() % 5)
		{
			case 0:
				return SessionBuilder().running(since);
			case 1:
				return SessionBuilder().idle_in_transaction(since);
			case 2:
				return SessionBuilder().paused(since);
			default:
				return SessionBuilder().idle(since);
		}
	}

	std::vector<Session> sessions_;
	std::vector<TrackingState> tracking_;
	std::vector<Deadline> memory_;
	Policy policy_ = PolicyBuilder().all_limits_at(7 * day);
};

void
decide_every_limit(benchmark::State &state)
{
	Server server(static_cast<std::size_t>(state.range(0)));

	for (auto _ : state)
		server.decide_all([](std::size_t, Limit, const Decision &decision)
		                  { benchmark::DoNotOptimize(decision); });
	state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(server.decisions()));
	state.SetComplexityN(state.range(0));
}

void
rebuild_heap(benchmark::State &state)
{
	Server server(static_cast<std::size_t>(state.range(0)));
	std::size_t pushed = 0;

	for (auto _ : state)
	{
		pushed = server.rebuild().size();
		benchmark::DoNotOptimize(pushed);
		benchmark::ClobberMemory();
	}
	state.counters["deadlines"] = static_cast<double>(pushed);
	state.SetComplexityN(state.range(0));
}

void
pop_all(benchmark::State &state)
{
	Server server(static_cast<std::size_t>(state.range(0)));
	Deadlines full = server.rebuild();
	std::vector<Deadline> heap(server.memory().begin(), server.memory().end());

	for (auto _ : state)
	{
		state.PauseTiming();
		std::copy(heap.begin(), heap.end(), server.memory().begin());
		Deadlines deadlines = full;
		state.ResumeTiming();

		while (!deadlines.empty())
			benchmark::DoNotOptimize(deadlines.pop());
	}
	state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(full.size()));
	state.SetComplexityN(state.range(0));
}

BENCHMARK(decide_every_limit)->Arg(1000)->Arg(3000)->Arg(10000)->Complexity(benchmark::oN);
BENCHMARK(rebuild_heap)->Arg(1000)->Arg(3000)->Arg(10000)->Complexity(benchmark::oN);
BENCHMARK(pop_all)->Arg(1000)->Arg(3000)->Arg(10000)->Complexity(benchmark::oNLogN);

} // namespace
} // namespace session_guard::test
