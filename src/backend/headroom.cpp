/*
 * Room for new connections, as a newcomer sees it (see headroom.h).
 *
 * This runs in every connection, and mostly only counts a few free places.  Catalogs are read
 * only if none is left, and then without ever waiting for a lock.
 */
#include "backend/headroom.h"

#include "core/headroom.h"
#include "core/time.h"

#include "pg/cleanup.h"
#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/newcomers.h"
#include "shmem/shared_memory.h"
#include "shmem/worker_slot.h"

#include "status/connections.h"

#include <algorithm>
#include <optional>
#include <span>

namespace session_guard
{

namespace
{

/* How long a newcomer waits; it takes some 10 ms to end a session. */
constexpr Duration patience = 500 * millisecond;
constexpr Duration longest_nap = 20 * millisecond;

/* What a lookup of a role and its memberships reads. */
constexpr Oid role_relations[] = {AuthIdRelationId, AuthIdRolnameIndexId, AuthIdOidIndexId,
                                  AuthMemRelationId, AuthMemMemRoleIndexId};

/* Connections for replication have places of their own. */
bool
concerns_this_connection()
{
	return connection_headroom() > 0 && AmRegularBackendProcess() && has_shared_memory();
}

/* May the guard end somebody for a newcomer until then? */
bool
guard_may_help_until(Instant at)
{
	return pg_atomic_read_u32(&worker_slot(WorkerKind::Guard).worker_pid) != 0 &&
	       nobody_to_go_before() <= at;
}

void
ask_if_of_use()
{
	if (guard_may_help_until(monotonic_now()))
		ask_for_room();
}

/*
 * How many places must be left for the server to let a role in (InitPostgres(), postinit.c);
 * nothing if it lets it in on no account.
 */
std::optional<int>
places_to_leave(const char *name)
{
	HeapTuple tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(name));

	if (!HeapTupleIsValid(tuple))
		return std::nullopt;
	FormData_pg_authid role = *reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));
	ReleaseSysCache(tuple);

	if (role.rolsuper)
		return 0;
	/* This one is not counted yet. */
	bool is_full = role.rolconnlimit >= 0 && CountUserBackends(role.oid) >= role.rolconnlimit;
	if (!role.rolcanlogin || is_full)
		return std::nullopt;
	return may_use_reserved_places(role.oid) ? places_of_superusers() : reserved_places();
}

/* The same, and nothing either if it cannot be looked up without waiting for a lock. */
std::optional<int>
places_to_leave_if_known(const char *name)
{
	std::span relations(role_relations);
	std::size_t locked = 0;

	while (locked < relations.size() &&
	       ConditionalLockRelationOid(relations[locked], AccessShareLock))
		locked++;
	std::optional<int> places = locked == relations.size() ? places_to_leave(name) : std::nullopt;
	for (Oid relation : relations.first(locked))
		UnlockRelationOid(relation, AccessShareLock);
	return places;
}

void
nap(Duration duration)
{
	(void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
	                static_cast<long>(duration / millisecond),
	                own_wait_event("PgSessionGuardHeadroom"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Wait until so many places are free, or the guard cannot help, or for as long as may be. */
void
wait_for_places(int places, Instant give_up_at)
{
	Duration pause = millisecond;

	/* The last place is for a superuser who comes meanwhile. */
	while (!has_free_places(places) && has_free_places(1) && guard_may_help_until(give_up_at) &&
	       monotonic_now() < give_up_at)
	{
		ask_if_of_use();
		nap(pause);
		pause = std::min(2 * pause, longest_nap);
	}
}

} // namespace

void
await_room(const Port &port)
{
	if (!concerns_this_connection() || has_free_places(reserved_places()))
		return;
	/* Whoever waits has a place that is reserved for others, and leaves one of them free. */
	Instant give_up_at = monotonic_now() + patience;
	if (!ends_sessions() || !guard_may_help_until(give_up_at) || !has_free_places(1))
		return;
	std::optional<int> places = places_to_leave_if_known(port.user_name);
	if (!places || has_free_places(*places))
		return;
	begin_to_wait();
	with_cleanup([&] { wait_for_places(*places, give_up_at); }, [](const void *) { end_waiting(); },
	             nullptr);
	end_waiting();
}

void
note_room_taken()
{
	if (!concerns_this_connection())
		return;
	int to_keep_free = connections_to_keep_free(connection_headroom(), ordinary_connections());
	if (!has_free_places(reserved_places() + to_keep_free))
		ask_if_of_use();
}

} // namespace session_guard
