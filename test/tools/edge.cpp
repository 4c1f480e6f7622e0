/*
 * Sessions at the edge of an idle limit: each goes idle, and sends its next
 * statement a few milliseconds before or after the limit.
 *
 *   edge CONNINFO LIMIT_MS SESSIONS ROUNDS [SPREAD_MS]
 *
 * Prints what became of them in one line.  The sessions go on after their
 * rounds, further and further away from the limit, until enough have been
 * ended and enough have survived: a slow machine must not make the test empty.
 */
#include "client.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace
{

using namespace client;

constexpr int usual_spread_ms = 20;
constexpr int enough = 30;
constexpr int most_rounds = 30;

struct Plan
{
	std::string conninfo;
	microseconds limit;
	microseconds spread;
	int sessions;
	int rounds;
};

struct Counts
{
	/* The statement was answered. */
	std::atomic<int> survived{0};
	/* The session was ended before it was sent. */
	std::atomic<int> ended{0};
	/* One was sent, and the session was ended all the same: at once, or soon after the answer. */
	std::atomic<int> sent_and_ended{0};
	/* The same for statements sent before the limit by the client's clock, never answered. */
	std::atomic<int> sent_early_and_ended{0};

	bool
	are_enough() const
	{
		return survived >= enough && ended + sent_and_ended >= enough;
	}
};

/* How far from the limit a round's statements are sent. */
microseconds
spread_of(int round, const Plan &plan)
{
	microseconds width = plan.spread;

	for (int i = plan.rounds; i <= round && width < plan.limit / 4; i++)
		width *= 2;
	return width;
}

/* Go idle, send a statement at the limit, count what becomes of it; false if it was the end. */
bool
try_once(const Connection &connection, microseconds limit, microseconds delta, Counts &counts)
{
	if (!run(connection, "SELECT 'goes idle'"))
	{
		counts.sent_and_ended++;
		return false;
	}

	TimePoint due = Clock::now() + limit;
	if (hears_before(connection, due + delta))
	{
		/* What comes that early is meant for the idle phase before the last statements. */
		(Clock::now() < due - limit / 2 ? counts.sent_and_ended : counts.ended)++;
		return false;
	}

	bool is_early = Clock::now() < due;
	if (run(connection, "SELECT 'edge'"))
	{
		counts.survived++;
		return true;
	}
	counts.sent_and_ended++;
	counts.sent_early_and_ended += is_early;
	return false;
}

/* The life of one client, over all the sessions that it is given one after the other. */
void
live(const Plan &plan, unsigned seed, Counts &counts)
{
	std::minstd_rand random(seed);
	auto up_to = [&](microseconds width)
	{ return microseconds(std::uniform_int_distribution<long>(0, width.count())(random)); };
	Connection connection;

	for (int round = 0; round < plan.rounds || (round < most_rounds && !counts.are_enough());
	     round++)
	{
		microseconds width = spread_of(round, plan);

		if (!connection)
		{
			std::this_thread::sleep_for(up_to(plan.limit / 4));
			connection = connect(plan.conninfo);
		}
		if (!try_once(connection, plan.limit, up_to(2 * width) - width, counts))
			connection.reset();
	}
}

} // namespace

int
main(int argc, char **argv)
{
	if (argc != 5 && argc != 6)
	{
		std::fprintf(stderr, "usage: edge CONNINFO LIMIT_MS SESSIONS ROUNDS [SPREAD_MS]\n");
		return 2;
	}

	Plan plan{.conninfo = argv[1],
	          .limit = milliseconds(std::atoi(argv[2])),
	          .spread = milliseconds(argc == 6 ? std::atoi(argv[5]) : usual_spread_ms),
	          .sessions = std::atoi(argv[3]),
	          .rounds = std::atoi(argv[4])};
	Counts counts;
	std::vector<std::thread> clients;
	std::random_device random;

	for (int i = 0; i < plan.sessions; i++)
		clients.emplace_back(live, std::cref(plan), random(), std::ref(counts));
	for (std::thread &client : clients)
		client.join();
	std::printf("survived=%d ended=%d sent_and_ended=%d sent_early_and_ended=%d\n",
	            counts.survived.load(), counts.ended.load(), counts.sent_and_ended.load(),
	            counts.sent_early_and_ended.load());
	return 0;
}
