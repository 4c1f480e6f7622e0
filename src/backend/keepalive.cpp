/*
 * TCP keepalive on the session's own socket (see keepalive.h).
 */
#include "backend/keepalive.h"

#include "pg/pg.h"

#include "settings/settings.h"

#include <array>

namespace session_guard
{

namespace
{

constexpr int probes = 3;

/* What is in force, what the session wants by its settings, and what its socket has. */
struct Keepalive
{
	int bound;
	std::array<int, 4> wanted;
	std::array<int, 4> set;

	friend bool operator==(const Keepalive &, const Keepalive &) = default;
};

/* As it was left; a session that does not guard its keepalive has none. */
Keepalive left{};
bool has_keepalive = false;
/* A setting was changed within this transaction, whose end may undo that. */
bool has_changed = false;
bool is_awaiting_end = false;

Keepalive
present_keepalive()
{
	return {.bound = keepalive_idle(),
	        .wanted = {tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count,
	                   tcp_user_timeout},
	        .set = {MyProcPort->keepalives_idle, MyProcPort->keepalives_interval,
	                MyProcPort->keepalives_count, MyProcPort->tcp_user_timeout}};
}

/* Is it other than it was left? */
bool
is_other()
{
	return has_keepalive && (left.bound != 0 || keepalive_idle() != 0) &&
	       present_keepalive() != left;
}

/* Set what the session wants, and no more than is allowed; 0 allows anything. */
void
set_bounded(int (*set)(int, Port *), int (*get)(Port *), int wanted, int bound)
{
	(void)set(wanted, MyProcPort);
	if (bound != 0 && get(MyProcPort) > bound)
		(void)set(bound, MyProcPort);
}

/*
 * With a timeout for what is not acknowledged the kernel no longer counts probes: a long one would
 * lift the limit.  A shorter one is not set in its place, since it ends slow readers, too.
 */
void
set_user_timeout(int idle)
{
	bool is_too_long = idle != 0 && tcp_user_timeout / 1000 > 2 * idle;

	(void)pq_settcpusertimeout(is_too_long ? 0 : tcp_user_timeout, MyProcPort);
}

/* A cut connection ends after about twice the time: by three probes in as long again. */
void
set_keepalive()
{
	int idle = keepalive_idle();
	int interval = (idle + probes - 1) / probes;

	set_bounded(pq_setkeepalivesidle, pq_getkeepalivesidle, tcp_keepalives_idle, idle);
	set_bounded(pq_setkeepalivesinterval, pq_getkeepalivesinterval, tcp_keepalives_interval,
	            interval);
	set_bounded(pq_setkeepalivescount, pq_getkeepalivescount, tcp_keepalives_count,
	            idle == 0 ? 0 : probes);
	set_user_timeout(idle);
	left = present_keepalive();
}

/* The transaction is over, and its settings are undone. */
void
end_of_transaction(void *)
{
	is_awaiting_end = false;
	has_changed = false;
	if (is_other())
		set_keepalive();
}

MemoryContextCallback at_end{.func = end_of_transaction, .arg = nullptr, .next = nullptr};

} // namespace

void
set_own_keepalive()
{
	/* A walsender has timeouts of its own. */
	has_keepalive = !am_walsender && MyProcPort->laddr.addr.ss_family != AF_UNIX;
	if (has_keepalive && keepalive_idle() != 0)
		set_keepalive();
}

void
reset_changed_keepalive()
{
	if (!is_other())
		return;
	has_changed = true;
	set_keepalive();
}

void
reset_keepalive_after_transaction()
{
	if (is_awaiting_end || !(has_changed || is_other()))
		return;
	/* The server undoes settings only after it has told us, but before it gives this up. */
	MemoryContextRegisterResetCallback(TopTransactionContext, &at_end);
	is_awaiting_end = true;
}

} // namespace session_guard
