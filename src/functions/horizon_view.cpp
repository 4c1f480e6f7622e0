/*
 * The function behind the view session_guard.horizon: what vacuum waits for, of
 * whatever kind, the oldest first.
 *
 * What a process holds and what it is at are taken from one read of it, so that
 * the two agree.
 */
#include "core/xid_age.h"

#include "pg/compat.h"
#include "pg/growing_array.h"
#include "pg/result_row.h"

#include "status/horizon.h"
#include "status/prepared_transactions.h"
#include "status/sql_values.h"

#include "functions/session_columns.h"

#include <algorithm>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_horizon);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.get_horizon(). */
enum Column
{
	Kind,
	Pid,
	IsSelf,
	BackendStart,
	Name,
	DatabaseName,
	UserName,
	StateName,
	Age,
	HoldsBack,
	Inherited,
	OwnXid,
	Xmin,
	CatalogXmin,
	TransactionAge,
	Query,
	ColumnCount,
};

using HorizonRow = ResultRow<ColumnCount>;

constexpr SessionColumns session_columns{.pid = Pid,
                                         .backend_start = BackendStart,
                                         .database = DatabaseName,
                                         .role = UserName,
                                         .application_name = Name,
                                         .client_address = std::nullopt,
                                         .state = StateName};

/* A row, and what it is sorted by. */
struct SortedRow
{
	/* -1 if it is not shown, lest the order tells it. */
	std::int32_t age;
	/* A transaction of its own is that old; snapshots are as old as the oldest transaction then. */
	bool by_own_xid;
	int pid;
	HorizonRow row;
};

struct Rows
{
	GrowingArray<SortedRow> rows;
	/* The oldest transaction that runs. */
	TransactionId running;
};

bool
comes_before(const SortedRow &one, const SortedRow &other)
{
	if (one.age != other.age)
		return one.age > other.age;
	if (one.by_own_xid != other.by_own_xid)
		return one.by_own_xid;
	return one.pid < other.pid;
}

void
set_xid(HorizonRow &row, Column column, TransactionId xid)
{
	if (TransactionIdIsNormal(xid))
		row.set(column, TransactionIdGetDatum(xid));
}

/* What it holds back as far as its age tells. */
const char *
held_back_by(const HorizonHolder &holder, TransactionId next)
{
	if (xid_age(holder.catalog_xmin, next) > older_xid_age(holder.xid, holder.xmin, next))
		return "catalogs";
	if (holds_back_all(holder))
		return "all databases";
	return OidIsValid(holder.database) ? "its database" : "shared catalogs";
}

/* Is it as old as it is by a snapshot that a transaction of somebody else has made so old? */
bool
is_inherited(const HorizonHolder &holder, TransactionId running, TransactionId next)
{
	return xid_age(holder.xmin, next) == age_of(holder, next) &&
	       xid_age(holder.xid, next) < xid_age(holder.xmin, next) &&
	       xid_age(running, next) >= xid_age(holder.xmin, next);
}

/* Add the row of a holder, and show what it holds. */
void
add_shown(Rows &rows, const HorizonHolder &holder, HorizonRow &row)
{
	TransactionId next = next_xid();
	std::int32_t age = age_of(holder, next);

	row.set_text(HoldsBack, held_back_by(holder, next));
	row.set(Inherited, BoolGetDatum(is_inherited(holder, rows.running, next)));

	set_xid(row, OwnXid, holder.xid);
	set_xid(row, Xmin, holder.xmin);
	set_xid(row, CatalogXmin, holder.catalog_xmin);
	row.set(Age, Int32GetDatum(age));
	rows.rows.add({.age = age,
	               .by_own_xid = xid_age(holder.xid, next) == age,
	               .pid = holder.pid,
	               .row = row});
}

/* Add the row of a process of which the caller may not see more. */
void
add_hidden(Rows &rows, const HorizonHolder &holder, HorizonRow &row)
{
	row.set_text(Query, "<insufficient privilege>");
	rows.rows.add({.age = -1, .by_own_xid = false, .pid = holder.pid, .row = row});
}

/* What a process is called, as far as the caller is shown it. */
const char *
kind_name(const BackendSnapshot &snapshot, bool is_visible)
{
	if (snapshot.horizon_scope == HorizonScope::AllDatabases)
		return "standby";
	if (is_client_backend(snapshot))
		return "session";
	return is_visible ? kind_of(snapshot) : "process";
}

/* Add a process that has a snapshot already but no status, if it is still there. */
void
add_connecting(Rows &rows, const HorizonHolder &holder)
{
	const PGPROC *process = proc_in_slot(holder.slot);
	HorizonRow row;

	if (process == nullptr || process->pid != holder.pid)
		return;
	row.set_text(Kind, "connecting process");
	row.set(Pid, Int32GetDatum(holder.pid));
	row.set(IsSelf, BoolGetDatum(false));
	if (may_see(holder.role))
		add_shown(rows, holder, row);
	else
		add_hidden(rows, holder, row);
}

/* Add a process as it is now, if it still holds anything. */
void
add_process(Rows &rows, HorizonHolder holder, char *query)
{
	BackendSnapshot snapshot;
	HorizonRow row;

	if (read_backend_in_slot(holder.slot, snapshot, Patience::Unlimited, query) !=
	        ReadResult::Read ||
	    snapshot.backend.id.pid != holder.pid || snapshot.session.state == State::Starting)
		return add_connecting(rows, holder);
	if (snapshot.horizon_scope == HorizonScope::Nowhere)
		return;
	holder.xid = snapshot.backend_xid;
	holder.xmin = snapshot.backend_xmin;

	bool is_visible = set_session(row, session_columns, snapshot);
	row.set_text(Kind, kind_name(snapshot, is_visible));
	row.set(IsSelf, BoolGetDatum(holder.pid == MyProcPid));
	if (!is_visible)
		return add_hidden(rows, holder, row);
	/* Of a walsender the server does not keep it, and does not show it. */
	if (snapshot.kind != B_WAL_SENDER)
		set_age(row, TransactionAge, snapshot.session.xact_start);
	row.set(Query, PointerGetDatum(sql_query(query)));
	add_shown(rows, holder, row);
}

void
add_prepared_transaction(Rows &rows, const HorizonHolder &holder, const PreparedTransactions &known)
{
	const PreparedTransaction *prepared = known.find(holder.xid);
	HorizonRow row;

	/* It has ended since. */
	if (prepared == nullptr && known.are_complete())
		return;
	row.set_text(Kind, "prepared transaction");
	row.set(IsSelf, BoolGetDatum(false));
	row.set_name(DatabaseName, get_database_name(holder.database));
	row.set_name(UserName, GetUserNameFromId(holder.role, true));
	if (prepared != nullptr)
	{
		row.set(Name, PointerGetDatum(sql_text(prepared->gid)));
		set_age(row, TransactionAge, prepared->prepared_at);
	}
	add_shown(rows, holder, row);
}

void
add_replication_slot(Rows &rows, const HorizonHolder &holder)
{
	HorizonRow row;

	row.set_text(Kind, "replication slot");
	row.set(IsSelf, BoolGetDatum(false));
	row.set_text(Name, NameStr(holder.slot_name));
	row.set_text(StateName, holder.pid != 0 ? "active" : "inactive");
	if (holder.pid != 0)
		row.set(Pid, Int32GetDatum(holder.pid));
	if (OidIsValid(holder.database))
		row.set_name(DatabaseName, get_database_name(holder.database));
	add_shown(rows, holder, row);
}

Rows
rows_of(std::span<const HorizonHolder> holders)
{
	auto query = static_cast<char *>(palloc(query_size()));
	bool any_prepared = std::ranges::any_of(
	    holders, [](auto &holder) { return holder.kind == HolderKind::PreparedTransaction; });
	PreparedTransactions prepared =
	    any_prepared ? read_prepared_transactions() : PreparedTransactions{};
	Rows rows{.rows = {}, .running = oldest_running(holders, next_xid())};

	for (const HorizonHolder &holder : holders)
	{
		CHECK_FOR_INTERRUPTS();
		if (holder.kind == HolderKind::PreparedTransaction)
			add_prepared_transaction(rows, holder, prepared);
		else if (holder.kind == HolderKind::ReplicationSlot)
			add_replication_slot(rows, holder);
		else
			add_process(rows, holder, query);
	}
	return rows;
}

} // namespace

} // namespace session_guard

/* One row per holder, the oldest first. */
Datum
session_guard_horizon(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	check_status_array();
	InitMaterializedSRF(fcinfo, 0);
	auto result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	Rows rows = rows_of(read_horizon_holders());
	std::ranges::sort(rows.rows.all(), comes_before);
	for (SortedRow &sorted : rows.rows.all())
		sorted.row.put(*result);
	return Datum{0};
}
