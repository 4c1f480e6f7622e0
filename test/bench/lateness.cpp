/*
 * How late idle sessions are ended: many sessions go idle at random phases, and
 * each notes when it hears that it was ended.
 *
 *   lateness CONNINFO LIMIT_MS SESSIONS
 *
 * One line for each session: microseconds from its limit, counted from the
 * server's own stamp of when it went idle, until its client heard.  Client and
 * server have to share a clock, and so a machine.
 */
#include "tools/client.h"

#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace
{

using namespace client;
using WallClock = std::chrono::system_clock;

struct Session
{
	int pid;
	WallClock::time_point ended;
};

[[noreturn]] void
give_up(const char *why)
{
	std::fprintf(stderr, "%s\n", why);
	std::_Exit(1);
}

/* Go idle after a pause, and note when the session hears of its end. */
void
wait_for_end(const std::string &conninfo, microseconds limit, microseconds pause, Session &session,
             std::atomic<int> &still_there)
{
	std::this_thread::sleep_for(pause);
	Connection connection = connect(conninfo);
	session.pid = PQbackendPID(connection.get());
	if (!run(connection, "SELECT 'goes idle'"))
		give_up(PQerrorMessage(connection.get()));
	if (!hears_before(connection, Clock::now() + limit + std::chrono::minutes(1)))
		give_up("a session was not ended within a minute");
	session.ended = WallClock::now();
	still_there--;
}

/* Learn from the server since when each session has been idle, as long as there are any. */
std::map<int, WallClock::time_point>
watch(const std::string &conninfo, const std::atomic<int> &still_there)
{
	Connection connection = connect(conninfo);
	std::map<int, WallClock::time_point> idle_since;

	while (still_there > 0)
	{
		PGresult *result =
		    PQexec(connection.get(), "SELECT pid, (extract(epoch FROM state_change) * 1e6)::bigint"
		                             " FROM pg_stat_activity"
		                             " WHERE state = 'idle' AND query = 'SELECT ''goes idle'''");
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			give_up(PQerrorMessage(connection.get()));
		for (int row = 0; row < PQntuples(result); row++)
			idle_since[std::atoi(PQgetvalue(result, row, 0))] =
			    WallClock::time_point(microseconds(std::atoll(PQgetvalue(result, row, 1))));
		PQclear(result);
		std::this_thread::sleep_for(milliseconds(200));
	}
	return idle_since;
}

} // namespace

int
main(int argc, char **argv)
{
	if (argc != 4)
	{
		std::fprintf(stderr, "usage: lateness CONNINFO LIMIT_MS SESSIONS\n");
		return 2;
	}

	std::string conninfo = argv[1];
	microseconds limit = milliseconds(std::atoi(argv[2]));
	std::vector<Session> sessions(static_cast<std::size_t>(std::atoi(argv[3])));
	std::atomic<int> still_there = std::atoi(argv[3]);
	std::vector<std::thread> clients;
	std::minstd_rand random(std::random_device{}());
	std::uniform_int_distribution<long> phase(0, limit.count());

	for (Session &session : sessions)
		clients.emplace_back(wait_for_end, std::cref(conninfo), limit, microseconds(phase(random)),
		                     std::ref(session), std::ref(still_there));
	std::map<int, WallClock::time_point> idle_since = watch(conninfo, still_there);
	for (std::thread &client : clients)
		client.join();
	for (const Session &session : sessions)
	{
		if (!idle_since.contains(session.pid))
			give_up("the server did not tell since when a session was idle");
		auto late = session.ended - idle_since[session.pid] - limit;
		std::printf("%ld\n", std::chrono::duration_cast<microseconds>(late).count());
	}
	return 0;
}
