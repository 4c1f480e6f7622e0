/*
 * What the clients of tests and benchmarks share: a connection, a clock, a
 * wait that a server may end.
 *
 * These are ordinary programs: what may not enter the server may be used here.
 */
#pragma once

#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>

namespace client
{

/* Monotonic: the wall clock may step during a run. */
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Close
{
	void
	operator()(PGconn *connection) const
	{
		PQfinish(connection);
	}
};
using Connection = std::unique_ptr<PGconn, Close>;

/* Connect, or end the program: without its sessions it proves nothing. */
inline Connection
connect(const std::string &conninfo)
{
	Connection connection(PQconnectdb(conninfo.c_str()));

	if (PQstatus(connection.get()) != CONNECTION_OK)
	{
		std::fprintf(stderr, "%s", PQerrorMessage(connection.get()));
		std::_Exit(1);
	}
	return connection;
}

/* Run a statement; false if it failed or the session has been ended. */
inline bool
run(const Connection &connection, const char *statement)
{
	PGresult *result = PQexec(connection.get(), statement);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Wait until the server says something unasked; false if it has not until then. */
inline bool
hears_before(const Connection &connection, TimePoint until)
{
	for (;;)
	{
		auto left = std::chrono::nanoseconds(until - Clock::now());
		if (left.count() <= 0)
			return false;

		pollfd socket{.fd = PQsocket(connection.get()), .events = POLLIN, .revents = 0};
		timespec timeout{.tv_sec = left.count() / 1'000'000'000,
		                 .tv_nsec = left.count() % 1'000'000'000};
		if (ppoll(&socket, 1, &timeout, nullptr) > 0)
			return true;
	}
}

} // namespace client
