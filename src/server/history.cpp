/*
 * The history (see history.h).
 *
 * An event is written to the table first and marked as moved after the commit.
 * If the writer ends in between, it is written again, to the same row: server
 * start and number are the key.
 */
#include "server/history.h"

#include "server/clock.h"
#include "server/event_row.h"
#include "server/settings.h"
#include "server/shared.h"

#include <algorithm>
#include <array>
#include <span>

namespace session_guard
{

namespace
{

constexpr std::size_t batch_size = 200;
constexpr Duration pause_between_batches = 100 * millisecond;
/* An event that is still open after this goes to the history as it is. */
constexpr Duration patience = minute;
constexpr Duration shortest_retry = second;
constexpr Duration longest_retry = 30 * second;

constexpr char insert_query[] =
    "INSERT INTO session_guard.history (server_start, number, acted_at, actor, function_name, pid,"
    " backend_start, datname, usename, application_name, client_addr, state, limit_name, threshold,"
    " source, measured, action, outcome, reason, note, late, gone_after, query)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
    " $19, $20, $21, $22, $23)"
    " ON CONFLICT (server_start, number) DO UPDATE SET outcome = EXCLUDED.outcome,"
    " note = EXCLUDED.note, gone_after = EXCLUDED.gone_after";
constexpr Oid insert_types[event_columns] = {
    TIMESTAMPTZOID, INT8OID,     TIMESTAMPTZOID, TEXTOID,     TEXTOID, INT4OID,
    TIMESTAMPTZOID, TEXTOID,     TEXTOID,        TEXTOID,     INETOID, TEXTOID,
    TEXTOID,        INTERVALOID, TEXTOID,        INTERVALOID, TEXTOID, TEXTOID,
    TEXTOID,        TEXTOID,     INTERVALOID,    INTERVALOID, TEXTOID,
};

constexpr char delete_query[] =
    "DELETE FROM session_guard.history WHERE (server_start, number) OPERATOR(pg_catalog.=) ANY"
    " (SELECT server_start, number FROM session_guard.history"
    " WHERE acted_at OPERATOR(pg_catalog.<) $1 LIMIT 1000)";

/* Everything before this event is in the history, or lost. */
std::uint64_t first_unmoved = 1;
/* By the monotonic clock: when to go on, and when to delete again. */
Duration next_batch = 0;
Duration next_deletion = 0;
/* How long to wait after the next failure. */
Duration retry_pause = shortest_retry;
bool said_missing = false;
bool is_failing = false;
/* There is something to do as soon as next_batch has come. */
bool has_more = false;
/* There are open events, which may have to be moved as they are. */
bool has_open = false;

/* Copies of the events of a batch, as they were when they were written. */
struct Batch
{
	std::array<EventEntry, batch_size> entries;
	std::size_t count;

	std::span<EventEntry>
	all()
	{
		return {entries.data(), count};
	}
};
Batch batch;

/* Is an event to be written to the history at this moment? */
bool
is_to_be_moved(const EventEntry &entry, Timestamp now)
{
	const Event &event = entry.event;

	return entry.writes != entry.moved_writes &&
	       (!event.is_open || event.outcome == Outcome::Survived || event.at + patience < now);
}

/* Collect what is to be moved; what is open keeps its place for the next time. */
void
collect()
{
	EventRange range = event_range();
	Timestamp now = GetCurrentTimestamp();
	bool all_moved_so_far = true;

	batch.count = 0;
	has_open = false;
	first_unmoved = std::max(first_unmoved, range.oldest);
	for (std::uint64_t number = first_unmoved; number <= range.latest && batch.count < batch_size;
	     number++)
	{
		EventEntry &entry = batch.entries[batch.count];

		if (!read_event(number, entry))
			continue;
		has_open = has_open || (entry.event.is_open && entry.writes != entry.moved_writes);
		all_moved_so_far =
		    all_moved_so_far && !entry.event.is_open && entry.writes == entry.moved_writes;
		if (all_moved_so_far)
			first_unmoved = number + 1;
		if (is_to_be_moved(entry, now))
			batch.count++;
	}
}

Oid
owner_of(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * The table, if it is there and the extension's own; an error if others than
 * superusers could have made triggers for it, which would run as one.
 */
Oid
history_table()
{
	Oid schema = get_namespace_oid("session_guard", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("history", schema) : InvalidOid;
	Oid extension = get_extension_oid("pg_session_guard", true);

	if (!OidIsValid(table) || !OidIsValid(extension) ||
	    getExtensionOfObject(RelationRelationId, table) != extension)
		return InvalidOid;
	if (!superuser_arg(owner_of(table)))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("table \"session_guard.history\" must be owned by a superuser")));
	return table;
}

void
insert(const EventEntry &entry, Timestamp ring_start)
{
	EventRow row = event_row(entry.event, ring_start);
	std::array<char, event_columns> nulls;

	for (std::size_t column = 0; column < nulls.size(); column++)
		nulls[column] = row.nulls()[column] ? 'n' : ' ';
	if (SPI_execute_with_args(insert_query, event_columns, const_cast<Oid *>(insert_types),
	                          row.values().data(), nulls.data(), false, 0) < 0)
		elog(ERROR, "could not write the history");
}

/* Delete some of the rows that are past their retention, and plan when to go on. */
void
delete_expired()
{
	Oid types[] = {TIMESTAMPTZOID};
	Datum values[] = {TimestampTzGetDatum(GetCurrentTimestamp() - history_retention())};

	if (SPI_execute_with_args(delete_query, 1, types, values, nullptr, false, 0) < 0)
		elog(ERROR, "could not delete from the history");
	if (SPI_processed > 0)
		has_more = true;
	else
		next_deletion = monotonic_now() + std::clamp(history_retention() / 60, minute, 60 * minute);
}

bool
is_deletion_due()
{
	return history_retention() > 0 && monotonic_now() >= next_deletion;
}

/* Look for the table again after a while; say once that there is none to write to. */
void
await_table()
{
	next_deletion = monotonic_now() + 60 * minute;
	has_more = batch.count > 0;
	if (!has_more)
		return;
	next_batch = monotonic_now() + longest_retry;
	if (!said_missing)
		ereport(LOG, (errmsg("there is no table \"session_guard.history\" in database \"%s\"",
		                     guard_database()),
		              errdetail("Events are kept in memory and in the log only."),
		              errhint("Run CREATE EXTENSION pg_session_guard in that database.")));
	said_missing = true;
}

/* Write the batch and delete what is past its retention; false if there is no table. */
bool
write_in_transaction()
{
	StartTransactionCommand();
	bool found = OidIsValid(history_table());
	if (found)
	{
		Timestamp ring_start = event_range().start;

		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		for (const EventEntry &entry : batch.all())
			insert(entry, ring_start);
		if (is_deletion_due())
			delete_expired();
		PopActiveSnapshot();
		SPI_finish();
	}
	CommitTransactionCommand();
	return found;
}

/* After the commit: the ring may overwrite these now. */
void
mark_batch()
{
	for (const EventEntry &entry : batch.all())
		mark_moved(entry);
	count(shared()->counters.history_rows, static_cast<int64>(batch.count));
}

/* Note a failure, say it once until there is a success, and wait before the next try. */
void
report_failure(const ErrorData &error)
{
	count(shared()->counters.history_failures);
	note_error(error.message);
	if (!is_failing)
		ereport(WARNING, (errcode(error.sqlerrcode),
		                  errmsg("could not write the history: %s", error.message),
		                  errdetail("Events are kept in memory, and tried again.")));
	is_failing = true;
	has_more = true;
	next_batch = monotonic_now() + retry_pause;
	retry_pause = std::min(2 * retry_pause, longest_retry);
}

void
report_success()
{
	said_missing = false;
	if (is_failing)
		ereport(LOG, (errmsg("the history is written again")));
	is_failing = false;
	retry_pause = shortest_retry;
	next_batch = monotonic_now() + pause_between_batches;
}

} // namespace

void
write_history()
{
	MemoryContext context = CurrentMemoryContext;

	has_more = monotonic_now() < next_batch;
	if (has_more)
		return;
	collect();
	if (batch.count == 0 && !is_deletion_due())
		return;
	PG_TRY();
	{
		has_more = batch.count == batch_size;
		if (write_in_transaction())
		{
			mark_batch();
			report_success();
		}
		else
			await_table();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		ErrorData *error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		report_failure(*error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

long
history_sleep_time()
{
	Duration now = monotonic_now();
	Duration wake = has_more ? next_batch : never;

	if (has_open)
		wake = std::min(wake, now + patience);
	if (history_retention() > 0)
		wake = std::min(wake, next_deletion);
	if (wake == never)
		return -1;
	return static_cast<long>((std::max<Duration>(wake - now, 0) + millisecond - 1) / millisecond);
}

void
adopt_retention()
{
	next_deletion = 0;
}

} // namespace session_guard
