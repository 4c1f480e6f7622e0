/*
 * How late idle sessions are ended: many sessions go idle at random phases, and
 * each notes when it hears that it was ended, and what it is told.
 *
 *   lateness CONNINFO LIMIT_MS SESSIONS PHASES_MS [pooled]
 *
 * The phases are spread over so long.
 * One line for each session: microseconds from its limit, counted from the
 * server's own stamp of when it went idle, until its client heard; and what the
 * client was told.  Client and server have to share a clock, and so a machine.
 * Through a pooler the server's sessions are others, and the client's own stamp of
 * its answer counts.
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
	WallClock::time_point answered;
	WallClock::time_point ended;
	std::string told;
};

[[noreturn]] void
give_up(const char *why)
{
	std::fprintf(stderr, "%s\n", why);
	std::_Exit(1);
}

/* Keep what the server says unasked, on one line. */
void
keep_message(void *told, const PGresult *message)
{
	for (int field : {PG_DIAG_SEVERITY, PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY,
	                  PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT})
		if (const char *text = PQresultErrorField(message, field))
			static_cast<std::string *>(told)->append(text).append("  ");
}

/* Go idle in a session; returns the pid of its backend. */
int
go_idle(const Connection &connection)
{
	PGresult *result = PQexec(connection.get(), "SELECT pg_backend_pid() AS goes_idle");

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		give_up(PQerrorMessage(connection.get()));
	int pid = std::atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	return pid;
}

/* Go idle after a pause, and note when the session hears of its end. */
void
wait_for_end(const std::string &conninfo, microseconds limit, microseconds pause, Session &session,
             std::atomic<int> &still_there)
{
	std::this_thread::sleep_for(pause);
	Connection connection = connect(conninfo);
	PQsetNoticeReceiver(connection.get(), keep_message, &session.told);
	session.pid = go_idle(connection);
	session.answered = WallClock::now();
	if (!hears_before(connection, Clock::now() + limit + std::chrono::minutes(2)))
		give_up("a session was not ended within two minutes");
	session.ended = WallClock::now();
	(void)PQconsumeInput(connection.get());
	(void)PQisBusy(connection.get());
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
		                             " FROM pg_stat_activity WHERE state = 'idle'"
		                             " AND query = 'SELECT pg_backend_pid() AS goes_idle'");
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
	if (argc != 5 && argc != 6)
	{
		std::fprintf(stderr, "usage: lateness CONNINFO LIMIT_MS SESSIONS PHASES_MS [pooled]\n");
		return 2;
	}

	std::string conninfo = argv[1];
	microseconds limit = milliseconds(std::atoi(argv[2]));
	std::vector<Session> sessions(static_cast<std::size_t>(std::atoi(argv[3])));
	std::atomic<int> still_there = std::atoi(argv[3]);
	std::vector<std::thread> clients;
	std::minstd_rand random(std::random_device{}());
	std::uniform_int_distribution<long> phase(0, std::atol(argv[4]) * 1000);

	for (Session &session : sessions)
		clients.emplace_back(wait_for_end, std::cref(conninfo), limit, microseconds(phase(random)),
		                     std::ref(session), std::ref(still_there));
	std::map<int, WallClock::time_point> idle_since;
	bool is_pooled = argc == 6;
	if (!is_pooled)
		idle_since = watch(conninfo, still_there);
	for (std::thread &client : clients)
		client.join();
	for (const Session &session : sessions)
	{
		if (!is_pooled && !idle_since.contains(session.pid))
			give_up("the server did not tell since when a session was idle");
		auto since = is_pooled ? session.answered : idle_since[session.pid];
		auto late = session.ended - since - limit;
		std::printf("%ld\t%s\n", std::chrono::duration_cast<microseconds>(late).count(),
		            session.told.empty() ? "(nothing)" : session.told.c_str());
	}
	return 0;
}
