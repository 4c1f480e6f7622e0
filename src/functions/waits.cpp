/*
 * What sessions wait for (see waits.h).
 *
 * Who holds which lock is shown to everybody, in pg_locks; what kind of process
 * it is, and what somebody is at, is not.
 */
#include "functions/waits.h"

#include "core/text.h"

#include "pg/growing_array.h"
#include "pg/privileges.h"
#include "pg/subtransaction.h"

#include "status/locks.h"
#include "status/sql_values.h"

#include "functions/filter_matcher.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace session_guard
{

namespace
{

/* So many are named; of the rest only the number is told. */
constexpr std::size_t named_at_most = 20;

/* What is waited for, in words, and what can be done about it. */
struct Causes
{
	GrowingArray<const char *> words;
	bool has_advisory;
	bool has_prepared;
};

void
add_cause(Causes &causes, const char *words)
{
	if (std::ranges::none_of(causes.words.all(),
	                         [&](const char *known) { return strcmp(known, words) == 0; }))
		causes.words.add(words);
}

/*
 * Name the prepared transactions that have a lock that is waited for, by the
 * functions behind the server's own views.
 */
void
add_prepared(Causes &causes)
{
	/* Each has the lock of its own transaction ID, under the virtual one that it had. */
	constexpr char query[] =
	    "WITH lock AS (SELECT *, ROW(locktype, database, relation, page, tuple, virtualxid,"
	    " transactionid, classid, objid, objsubid)::pg_catalog.text AS tag"
	    " FROM pg_catalog.pg_lock_status())"
	    " SELECT DISTINCT prepared.gid FROM lock AS waiter"
	    " JOIN lock AS holder ON holder.tag OPERATOR(pg_catalog.=) waiter.tag"
	    " JOIN lock AS own"
	    " ON own.virtualtransaction OPERATOR(pg_catalog.=) holder.virtualtransaction"
	    " JOIN pg_catalog.pg_prepared_xact() AS prepared"
	    " ON prepared.transaction OPERATOR(pg_catalog.=) own.transactionid"
	    " WHERE NOT waiter.granted AND holder.granted AND holder.pid IS NULL AND own.pid IS NULL"
	    " AND own.granted ORDER BY 1";
	MemoryContext caller = CurrentMemoryContext;

	SPI_connect();
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the prepared transactions");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char *gid = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		add_cause(causes, psprintf("prepared transaction \"%s\"", converted_string(gid)));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
}

/* What a process is called, as far as the caller is shown it. */
const char *
name_of_process(const BackendSnapshot &snapshot)
{
	int pid = snapshot.backend.id.pid;

	if (is_client_backend(snapshot))
		return pid == MyProcPid ? "this session" : psprintf("session %d", pid);
	return psprintf("%s %d", may_see(snapshot.role) ? kind_of(snapshot) : "process", pid);
}

bool
read_process(int pid, BackendSnapshot &snapshot)
{
	int slot = slot_of(pid);

	return slot >= 0 && read_backend_in_slot(slot, snapshot, Patience::None) == ReadResult::Read &&
	       snapshot.backend.id.pid == pid;
}

/* Why nobody counts as blocking by the wait, as far as the caller is shown it; empty if it does. */
const char *
why_not_blocking(const WaitEdge &edge)
{
	BackendSnapshot waiter;

	if (edge.kind == WhoWaits::NoSession)
		return ", for which no session waits";
	if (edge.kind == WhoWaits::Maintenance && read_process(edge.waiter, waiter) &&
	    may_see(waiter.role))
		return ", for which only maintenance waits";
	return "";
}

/* Why a session that blocks others was not selected; "others" are the filters but for blocking. */
const char *
exception_of(const Filter &filter, FilterMatcher &others, const BackendSnapshot &snapshot)
{
	std::array<char, 64> buffer;
	Text duration(buffer);

	if (others.compare(snapshot) != Match::Yes)
		return ", which is excepted";
	if (*filter.blocking_for == 0)
		return "";
	return psprintf(", for no longer than %s",
	                duration.append_duration(*filter.blocking_for).c_str());
}

const char *
words_for(const Filter &filter, FilterMatcher &others, const WaitEdge &edge,
          const BackendSnapshot &blocker)
{
	const char *name = name_of_process(blocker);

	if (edge.lock == WaitedLock::Advisory && !filter.counts_advisory)
		return psprintf("an advisory lock of %s", name);
	if (edge.lock == WaitedLock::Snapshot)
		return psprintf("a snapshot of %s", name);
	if (edge.kind != WhoWaits::Session)
		return psprintf("%s%s", name, why_not_blocking(edge));
	if (!is_client_backend(blocker) || blocker.session.id.pid == MyProcPid)
		return name;
	return psprintf("%s%s", name, exception_of(filter, others, blocker));
}

void
add_edge(Causes &causes, const Filter &filter, FilterMatcher &others, const WaitEdge &edge)
{
	BackendSnapshot blocker;

	if (edge.blocker == prepared_transaction)
		causes.has_prepared = true;
	else if (read_process(edge.blocker, blocker))
	{
		causes.has_advisory =
		    causes.has_advisory || (edge.lock == WaitedLock::Advisory && !filter.counts_advisory);
		add_cause(causes, words_for(filter, others, edge, blocker));
	}
}

/* What others wait for at the roots of all chains of waits. */
Causes
causes_in(const WaitGraph &graph, const Filter &filter)
{
	Causes causes{};
	Filter without_blocking = filter;

	without_blocking.blocking_for.reset();
	FilterMatcher others(without_blocking);
	for (const WaitEdge &edge : graph.edges())
	{
		CHECK_FOR_INTERRUPTS();
		if (edge.lock != WaitedLock::Own && graph.blockers_of(edge.blocker).empty())
			add_edge(causes, filter, others, edge);
	}
	if (!causes.has_prepared)
		return causes;
	/* What the caller may not read must not undo the call. */
	if (!run_in_subtransaction([&] { add_prepared(causes); }, ERRCODE_INSUFFICIENT_PRIVILEGE))
		add_cause(causes, "a prepared transaction");
	return causes;
}

const char *
list_of(std::span<const char *> words)
{
	StringInfoData list;

	initStringInfo(&list);
	for (std::size_t i = 0; i < std::min(words.size(), named_at_most); i++)
		appendStringInfo(&list, "%s%s", i > 0 ? "; " : "", words[i]);
	if (words.size() > named_at_most)
		appendStringInfo(&list, "; %d more", static_cast<int>(words.size() - named_at_most));
	return list.data;
}

int
hint_for(const Causes &causes)
{
	if (causes.has_advisory && causes.has_prepared)
		return errhint("include_advisory => true ends who holds advisory locks. "
		               "COMMIT PREPARED or ROLLBACK PREPARED ends a prepared transaction.");
	if (causes.has_advisory)
		return errhint("include_advisory => true ends who holds advisory locks.");
	if (causes.has_prepared)
		return errhint("COMMIT PREPARED or ROLLBACK PREPARED ends a prepared transaction.");
	return 0;
}

} // namespace

void
notice_waits(const Filter &filter)
{
	Causes causes = causes_in(read_wait_graph(Patience::Unlimited), filter);
	if (causes.words.count() == 0)
		return;
	ereport(NOTICE,
	        (errmsg("no session counts as blocking those that wait"),
	         errdetail("They wait for: %s.", list_of(causes.words.all())), hint_for(causes)));
}

} // namespace session_guard
