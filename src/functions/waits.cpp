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

#include "shmem/present_time.h"

#include "status/locks.h"
#include "status/prepared_transactions.h"
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
	/* A prepared transaction is in it once for each wait. */
	GrowingArray<std::uint32_t> prepared_xids;
};

void
add_cause(Causes &causes, const char *words)
{
	if (std::ranges::none_of(causes.words.all(),
	                         [&](const char *known) { return strcmp(known, words) == 0; }))
		causes.words.add(words);
}

const char *
name_of(const PreparedTransaction &prepared)
{
	return psprintf("prepared transaction \"%s\"", converted_string(prepared.gid));
}

/* Name the prepared transactions that are waited for, as far as the caller may read what they are
 * called. */
void
add_prepared(Causes &causes)
{
	PreparedTransactions known = read_prepared_transactions();
	GrowingArray<const char *> names;

	for (std::uint32_t xid : causes.prepared_xids.all())
	{
		const PreparedTransaction *prepared = known.find(xid);

		if (prepared != nullptr)
			names.add(name_of(*prepared));
		else if (!known.are_complete())
			names.add("a prepared transaction");
	}
	std::ranges::sort(names.all(),
	                  [](const char *one, const char *other) { return strcmp(one, other) < 0; });
	for (const char *name : names.all())
		add_cause(causes, name);
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

/* Why nobody counts as blocking by the wait, as far as the caller is shown it; empty if it does. */
const char *
why_not_blocking(const WaitEdge &edge)
{
	BackendSnapshot waiter;

	if (edge.kind == WhoWaits::NoSession)
		return ", for which no session waits";
	if (edge.kind == WhoWaits::Maintenance && read_process(edge.waiter, waiter, Patience::None) &&
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

	if (others.compare(snapshot) != FilterMatch::Yes)
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
		causes.prepared_xids.add(edge.prepared_xid);
	else if (read_process(edge.blocker, blocker, Patience::None))
	{
		causes.has_advisory =
		    causes.has_advisory || (edge.lock == WaitedLock::Advisory && !filter.counts_advisory);
		add_cause(causes, words_for(filter, others, edge, blocker));
	}
}

/* Add a root, once for each kind of wait that is for it. */
void
add_root(Causes &causes, const Filter &filter, FilterMatcher &others, const WaitNode &root)
{
	std::uint32_t seen = 0;

	for (const WaitEdge &edge : root.in)
	{
		std::uint32_t kind =
		    1U << (4 * static_cast<unsigned>(edge.lock) + static_cast<unsigned>(edge.kind));

		CHECK_FOR_INTERRUPTS();
		if (edge.lock != WaitedLock::Own && (seen & kind) == 0)
			add_edge(causes, filter, others, edge);
		seen |= kind;
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
	for (const WaitNode &process : graph.processes())
		if (!process.waits)
			add_root(causes, filter, others, process);
	if (causes.prepared_xids.count() > 0)
		add_prepared(causes);
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
	bool has_prepared = causes.prepared_xids.count() > 0;

	if (causes.has_advisory && has_prepared)
		return errhint("include_advisory => true ends who holds advisory locks. "
		               "COMMIT PREPARED or ROLLBACK PREPARED ends a prepared transaction.");
	if (causes.has_advisory)
		return errhint("include_advisory => true ends who holds advisory locks.");
	if (has_prepared)
		return errhint("COMMIT PREPARED or ROLLBACK PREPARED ends a prepared transaction.");
	return 0;
}

} // namespace

const char *
name_of_root(const WaitNode &root, const PreparedTransactions &prepared)
{
	BackendSnapshot snapshot;

	if (root.pid == prepared_transaction)
	{
		const PreparedTransaction *known = prepared.find(root.prepared_xid);

		return known != nullptr ? name_of(*known) : "a prepared transaction";
	}
	return read_process(root.pid, snapshot, Patience::None) ? name_of_process(snapshot)
	                                                        : psprintf("process %d", root.pid);
}

void
notice_waits(const Filter &filter)
{
	PresentClock present = present_clock();
	Causes causes =
	    causes_in(read_wait_graph(Patience::Unlimited, advisory_if(filter.counts_advisory),
	                              present.clock, present.now),
	              filter);
	if (causes.words.count() == 0)
		return;
	ereport(NOTICE,
	        (errmsg("no session counts as blocking those that wait"),
	         errdetail("They wait for: %s.", list_of(causes.words.all())), hint_for(causes)));
}

} // namespace session_guard
