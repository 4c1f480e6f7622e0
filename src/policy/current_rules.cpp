/*
 * The rules, for the guard (see current_rules.h).
 */
#include "policy/current_rules.h"

#include "pg/compat.h"
#include "pg/growing_array.h"
#include "pg/monotonic_clock.h"
#include "pg/subtransaction.h"
#include "pg/versions.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/policy_state.h"
#include "shmem/published_rules.h"

#include "status/catalogs.h"
#include "status/sql_values.h"

#include "policy/policy_changes.h"
#include "policy/reading_attempts.h"
#include "policy/rule_changes.h"
#include "policy/rule_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace session_guard
{

namespace
{

/* The rows as they were read last, in memory that lasts, and what was made of them. */
std::span<std::byte> image;
Rules rules;
std::uint64_t generation = 0;
std::uint64_t compiled_with_catalogs;

ReadingAttempts attempts;
bool said_locked = false;
bool said_failed = false;

/* What tells that the table may have changed since it was read. */
Oid table_read = InvalidOid;
bool is_changed = true;
std::uint32_t changes_at_reading;
Duration read_at = 0;

/* A table that is not there yet can come by any change. */
void
note_changed_relation(Datum, Oid relation)
{
	if (relation == table_read || relation == InvalidOid || table_read == InvalidOid)
		is_changed = true;
}

void
note_changed_namespace(Datum, CacheId, uint32)
{
	is_changed = true;
}

/* Whoever has just committed a change still holds its lock: that is not worth a line. */
void
report_locked()
{
	count(shared_counters().lock_skips);
	if (said_locked || !attempts.has_failed())
		return;
	said_locked = true;
	ereport(LOG, (errmsg("table \"session_guard.rule\" is locked"),
	              attempts.was_read()
	                  ? errdetail("The session guard goes on with what it read of it last.")
	                  : errdetail("The session guard has not read it yet, and ends nobody.")));
}

/* What a reading has found: the table, none if there is none, and its rows. */
struct Reading
{
	Oid table;
	RuleImage image;
};

/* A table that cannot be read is no reason to leave the other catalogs alone for a while. */
void
report_failed(const ErrorData &error)
{
	count(shared_counters().lock_skips);
	if (said_failed)
		return;
	said_failed = true;
	note_error(error.message, "could not read the rules");
	ereport(LOG, (errcode(error.sqlerrcode), errmsg("could not read the rules: %s", error.message),
	              attempts.was_read()
	                  ? errdetail("The session guard goes on with what it read of them last.")
	                  : errdetail("The session guard has not read them yet, and ends nobody."),
	              errhint_if_any(error.hint)));
}

/* Find the table and lock it: what was found may have been replaced before the lock. */
bool
lock_present_table(Oid &table)
{
	do
	{
		table = find_rule_table();
		if (OidIsValid(table) && !lock_rule_table(table))
			return false;
	} while (find_rule_table() != table);
	return true;
}

/* Are there rules, and were the catalogs read since they were compiled? */
bool
have_catalogs_changed()
{
	return !rules.all().empty() && compiled_with_catalogs != catalog_readings();
}

/*
 * Read the rows, and if they or the catalogs are others now also these as of the same moment: the
 * roles that the rules speak of may have been renamed, or have other members, by the same
 * transaction.
 */
RuleImage
read_with_catalogs(Oid table)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	RuleImage fresh = read_rule_table(table, snapshot);

	if ((!is_alike(fresh, image) || have_catalogs_changed()) && !read_catalogs_as_of(snapshot))
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
		                errmsg("the roles that they speak of cannot be read")));
	UnregisterSnapshot(snapshot);
	return fresh;
}

Attempt
try_reading(Reading &reading)
{
	ErrorData *error = nullptr;
	bool is_locked = false;
	auto read = [&]
	{
		is_locked = !lock_for_rules() || !lock_present_table(reading.table);
		if (!is_locked && OidIsValid(reading.table))
			reading.image = read_with_catalogs(reading.table);
	};

	if (!catalogs_can_be_read())
		return Attempt::Failed;
	if (run_in_subtransaction(read, any_error, &error))
		return is_locked ? Attempt::Locked : Attempt::Read;
	report_failed(*error);
	FreeErrorData(error);
	return Attempt::Failed;
}

Attempt
read_now(Reading &reading)
{
	await_stored_changes();
	/* Taken before the reading: what changes meanwhile is read again. */
	std::uint32_t changes = stored_change_count();
	bool was_changed = std::exchange(is_changed, false);
	Attempt attempt = try_reading(reading);

	if (attempt != Attempt::Read)
		is_changed |= was_changed;
	if (attempt == Attempt::Locked)
		report_locked();
	if (attempt != Attempt::Read)
		return attempt;
	said_locked = said_failed = false;
	table_read = reading.table;
	changes_at_reading = changes;
	read_at = monotonic_now();
	return Attempt::Read;
}

/* Names of the catalogs that were read last, while rules are compiled. */
const CatalogNames *names = nullptr;

/* Was what is wrong with the names of a rule so before? */
bool
was_said(const Rules &now, std::size_t index, const Rules &before)
{
	std::optional<std::size_t> old = before.find(now.row(index).name);

	return old && before.all()[*old].is_enabled && before.problem(*old) != nullptr &&
	       strcmp(before.problem(*old), now.problem(index)) == 0;
}

/* Say which names of the rules do not exist, unless that was so before. */
void
report_problems(const Rules &now, const Rules &before)
{
	for (std::size_t i = 0; i < now.all().size(); i++)
		if (now.all()[i].is_enabled && now.problem(i) != nullptr && !was_said(now, i, before))
			ereport(LOG, (errmsg("rule %s does not select as it was written: %s",
			                     quoted(on_one_line(now.row(i).name)), now.problem(i)),
			              now.all()[i].has_unknown_exception
			                  ? errdetail("It binds nobody whom the exception could mean.")
			                  : errdetail("It selects nobody by that name.")));
}

Rules
compiled_from(RuleImage fresh)
{
	CatalogNames present;
	NameLookup lookup{.role = [](const char *name) { return names->role(name); },
	                  .database = [](const char *name) { return names->database(name); }};

	names = &present;
	Rules compiled(fresh, lookup);
	names = nullptr;
	return compiled;
}

void
put_into_force(Rules compiled)
{
	compiled.keep_in(TopMemoryContext);
	report_problems(compiled, rules);
	rules.free();
	rules = compiled;
	compiled_with_catalogs = catalog_readings();
	generation++;
}

/* The same rules with what the catalogs say now: their names may stand for others. */
void
compile_again()
{
	Rules compiled = compiled_from(image);

	if (std::uint32_t limits = limits_changed_by_names(compiled, rules))
		note_changed_rules(limits);
	put_into_force(compiled);
}

/* Which of the rules before each of them was, by name. */
std::span<const std::int32_t>
predecessors(const RuleRows &before)
{
	GrowingArray<std::int32_t> found;

	for (std::size_t i = 0; i < rules.all().size(); i++)
	{
		auto same = std::ranges::find_if(before.rows, [&](const RuleRow &row)
		                                 { return strcmp(row.name, rules.row(i).name) == 0; });

		found.add(same != before.rows.end() ? static_cast<std::int32_t>(same - before.rows.begin())
		                                    : -1);
	}
	return found.all();
}

/* Do other sessions see the rules as they are here?  A guard before this one may have left others.
 */
bool is_published = false;
bool said_unpublished = false;
/* By the monotonic clock. */
Duration publishing_tried_at = 0;

void
report_unpublished(const ErrorData &error)
{
	if (said_unpublished)
		return;
	said_unpublished = true;
	note_error(error.message, "could not publish the rules to other sessions");
	ereport(LOG, (errcode(error.sqlerrcode),
	              errmsg("could not publish the rules to other sessions: %s", error.message),
	              errdetail("The session guard goes by them, and tries again every second.")));
}

/* Sessions of other databases see them so; the guard does not depend on that. */
void
publish()
{
	ErrorData *error = nullptr;
	auto work = [] { publish_rules(image, predecessors(rows_of(copy_published_rules().image))); };

	publishing_tried_at = monotonic_now();
	is_published = run_in_subtransaction(work, any_error, &error);
	if (is_published)
		said_unpublished = false;
	else
	{
		report_unpublished(*error);
		FreeErrorData(error);
	}
}

/* What has failed is tried again, but not at each evaluation. */
bool
is_to_be_published()
{
	return !is_published && attempts.was_read() &&
	       (!said_unpublished || monotonic_now() - publishing_tried_at >= second);
}

void
adopt(RuleImage fresh)
{
	RuleRows before = rows_of(image);
	RuleRows now = rows_of(fresh);

	if (now.rows.empty() && !before.rows.empty())
		ereport(LOG, (errmsg("there are no rules any more"),
		              errdetail("Only settings bind sessions now.")));
	note_changed_rules(limits_changed_by_rules(now, before));
	auto copy = static_cast<std::byte *>(MemoryContextAlloc(TopMemoryContext, fresh.size() + 1));
	std::ranges::copy(fresh, copy);
	/* The rules that are in force until they are compiled have their texts there. */
	std::span<std::byte> old = std::exchange(image, {copy, fresh.size()});
	put_into_force(compiled_from(image));
	if (old.data() != nullptr)
		pfree(old.data());
	is_published = false;
}

/* Is the table to be read, also though no message has come: one could have been kept from coming?
 */
bool
is_to_be_read()
{
	return rules_are_stale() || monotonic_now() - read_at >= naptime();
}

/* One that is not as it should be is not read at each evaluation. */
bool
may_be_tried()
{
	return !said_failed || attempts.pause_before_next() == 0;
}

} // namespace

void
watch_rules()
{
	CacheRegisterRelcacheCallback(note_changed_relation, Datum{0});
	CacheRegisterSyscacheCallback(NAMESPACEOID, note_changed_namespace, Datum{0});
}

const Rules &
current_rules()
{
	return rules;
}

bool
rules_were_read()
{
	return attempts.was_read();
}

bool
refresh_rules()
{
	std::uint64_t before = generation;
	Reading reading{.table = InvalidOid, .image = {}};

	if (is_to_be_read() || have_catalogs_changed())
	{
		if (may_be_tried() && attempts.attempt([&] { return read_now(reading); }))
		{
			attempts.note_fresh();
			if (!is_alike(reading.image, image))
				adopt(reading.image);
		}
		else if (rules_are_stale())
			attempts.note_doubt();
	}
	else if (!attempts.has_failed())
		attempts.note_fresh();
	if (have_catalogs_changed())
		compile_again();
	if (is_to_be_published())
		publish();
	return generation != before;
}

bool
rules_are_stale()
{
	return is_changed || !attempts.was_read() || changes_at_reading != stored_change_count();
}

bool
rules_are_up_to_date()
{
	return !attempts.has_failed();
}

Duration
pause_before_reading_rules()
{
	return attempts.pause_before_next();
}

bool
rules_are_in_doubt()
{
	return rules_are_stale() && attempts.is_in_doubt();
}

const char *
rule_name(Source source, std::int32_t rule)
{
	return rule_name(rules, source, rule);
}

VerdictCounters *
counters_of_rule(const char *name)
{
	/* What was published before may have others in their places. */
	std::optional<std::size_t> index = is_published ? rules.find(name) : std::nullopt;
	std::span<VerdictCounters> counters = rule_counters();

	return index && *index < counters.size() ? &counters[*index] : nullptr;
}

std::uint64_t
rules_generation()
{
	return generation;
}

} // namespace session_guard
