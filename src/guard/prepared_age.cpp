/*
 * The age of prepared transactions (see prepared_age.h).
 */
#include "guard/prepared_age.h"

#include "core/text.h"

#include "pg/growing_array.h"
#include "pg/pg.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/present_time.h"

#include "status/catalogs.h"
#include "status/prepared_transactions.h"
#include "status/sql_values.h"

#include "policy/policy_cache.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

/* How many are named at once; of the others the log has the number. */
constexpr std::size_t most_named_at_once = 10;
/* After some were named, or could not be read, the next reading has so much time. */
constexpr Duration rest = second;

/* One that was there at the last reading. */
struct Known
{
	/* Of 64 bits each, so that nothing is between them. */
	struct Key
	{
		Timestamp prepared_at;
		std::int64_t xid;
	} key;
	/* Its stamp is placed when it is first seen, and stays there. */
	Instant since;
	bool is_named;
	bool is_there;
};
HTAB *known = nullptr;

/* One that is to be named. */
struct Old
{
	const PreparedTransaction *transaction;
	Duration age;
};

/* 0 if it is not limited. */
Duration limit = 0;
/* Has the log been told that it is in force, and how many are over it? */
bool is_announced = true;
Instant next_reading = never;

void
create_known()
{
	HASHCTL control{};

	control.keysize = sizeof(Known::Key);
	control.entrysize = sizeof(Known);
	control.hcxt = TopMemoryContext;
	known = hash_create("session guard prepared transactions", 16, &control,
	                    HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Call a function with each that is known. */
template <typename Use>
void
for_each_known(Use use)
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, known);
	while (void *entry = hash_seq_search(&scan))
		use(*static_cast<Known *>(entry));
}

void
forget(const Known &one)
{
	(void)hash_search(known, &one.key, HASH_REMOVE, nullptr);
}

Known &
know(const PreparedTransaction &transaction, Instant now)
{
	Known::Key key{.prepared_at = transaction.prepared_at, .xid = transaction.xid};
	bool found;
	auto entry = static_cast<Known *>(hash_search(known, &key, HASH_ENTER, &found));

	if (!found)
	{
		entry->since = time_of(wall_clock(), transaction.prepared_at, now);
		entry->is_named = false;
	}
	entry->is_there = true;
	return *entry;
}

void
name_one(const Old &old)
{
	std::array<char, 1024> buffer;
	Text text(buffer);
	const PreparedTransaction &transaction = *old.transaction;
	const char *database = on_one_line(database_name(transaction.database));

	text.append("prepared transaction ")
	    .append_quoted(on_one_line(transaction.gid))
	    .append(" (user ")
	    .append_quoted(on_one_line(role_name(transaction.owner)))
	    .append(", database ")
	    .append_quoted(database)
	    .append(") is ")
	    .append_duration(old.age)
	    .append(" old, pg_session_guard.max_prepared_age is ")
	    .append_duration(limit);
	ereport(LOG,
	        (errmsg_internal("%s", text.c_str()),
	         errdetail("Until it is finished it keeps its locks, and vacuum from cleaning up."),
	         errhint("Use COMMIT PREPARED or ROLLBACK PREPARED in its database, as its user or "
	                 "as a superuser.")));
}

/* Name the oldest, and tell how many more there are. */
void
name_all(std::span<Old> old)
{
	std::ranges::sort(old, std::ranges::greater(), &Old::age);
	for (const Old &one : old.first(std::min(old.size(), most_named_at_once)))
		name_one(one);
	count(shared_counters().prepared_named, static_cast<int64>(old.size()));
	if (old.size() <= most_named_at_once)
		return;

	std::array<char, 256> buffer;
	Text text(buffer);
	std::size_t others = old.size() - most_named_at_once;

	text.append(static_cast<std::int64_t>(others))
	    .append(others == 1 ? " more prepared transaction is" : " more prepared transactions are")
	    .append(" older than pg_session_guard.max_prepared_age, which is ")
	    .append_duration(limit);
	ereport(LOG, (errmsg_internal("%s", text.c_str()), errhint("pg_prepared_xacts has them all.")));
}

void
announce(std::int64_t over)
{
	std::array<char, 256> buffer;
	Text text(buffer);

	text.append("pg_session_guard.max_prepared_age is in force at ")
	    .append_duration(limit)
	    .append(", ")
	    .append(over)
	    .append(over == 1 ? " prepared transaction is" : " prepared transactions are")
	    .append(" over it now");
	ereport(LOG, (errmsg_internal("%s", text.c_str())));
	is_announced = true;
}

/* What a reading has found: those to be named, how many are over the limit, when the next will be.
 */
struct Found
{
	GrowingArray<Old> old;
	std::int64_t over = 0;
	Instant next_due = never;
};

Found
look_at(const PreparedTransactions &all, Instant now)
{
	Found found;

	for_each_known([](Known &one) { one.is_there = false; });
	for (const PreparedTransaction &transaction : all.all())
	{
		Known &one = know(transaction, now);
		Duration age = now - one.since;

		if (age <= limit)
			found.next_due = std::min(found.next_due, later(one.since, limit + 1));
		else if (!one.is_named)
			found.old.add({.transaction = &transaction, .age = age});
		found.over += age > limit ? 1 : 0;
		/* If the limit was raised it will be named again. */
		one.is_named = age > limit;
	}
	for_each_known(
	    [](const Known &one)
	    {
		    if (!one.is_there)
			    forget(one);
	    });
	return found;
}

} // namespace

void
adopt_prepared_age()
{
	Duration before = limit;

	limit = base_policy().mode == Mode::Off || max_prepared_xacts == 0 ? 0 : max_prepared_age();
	if (limit != 0 && limit != before)
		is_announced = false;
	next_reading = limit != 0 ? beginning : never;
	if (limit != 0)
		return;
	if (known != nullptr)
		for_each_known(forget);
	pg_atomic_write_u64(&shared_gauges().prepared_over_age, 0);
}

Instant
next_prepared_reading()
{
	return next_reading;
}

void
name_old_prepared()
{
	if (known == nullptr)
		create_known();

	PreparedTransactions all = read_prepared_transactions_now();
	Instant now = take_time().now;
	if (!all.are_complete())
	{
		next_reading = now + rest;
		return;
	}
	Found found = look_at(all, now);
	if (!is_announced)
		announce(found.over);
	name_all(found.old.all());
	pg_atomic_write_u64(&shared_gauges().prepared_over_age, static_cast<uint64>(found.over));
	/* What is prepared from now on is not due before. */
	Instant next = std::min(found.next_due, later(now, std::min(naptime(), limit)));
	next_reading = found.old.count() > 0 ? std::max(next, now + rest) : next;
}

} // namespace session_guard
