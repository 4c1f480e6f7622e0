/*
 * The settings for roles and databases (see role_database_settings.h).
 */
#include "policy/role_database_settings.h"

#include "pg/growing_array.h"
#include "pg/subtransaction.h"

#include "settings/stored_setting.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace session_guard
{

namespace
{

/* The settings in an array of "name=value" that are ours. */
template <typename Use>
void
for_each_of_ours(Datum settings, Use use)
{
	Datum *elements;
	bool *nulls;
	int count;

	deconstruct_array(DatumGetArrayTypeP(settings), TEXTOID, -1, false, TYPALIGN_INT, &elements,
	                  &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			continue;
		char *setting = TextDatumGetCString(elements[i]);
		if (is_our_setting(setting))
			use(setting);
	}
}

/* A setting as it stands in the text of a reading. */
const char *
line_of(const RoleDatabaseSettingsRow &row, const char *setting)
{
	return psprintf("%u %u %s\n", row.role, row.database, setting);
}

/*
 * Did the reading before have this line?  What is wrong with it was reported then, and
 * is not reported again when others change.  The whole text is searched, so only for
 * what is wrong.
 */
bool
was_there(const char *text_before, const RoleDatabaseSettingsRow &row, const char *setting)
{
	return text_before != nullptr && strstr(text_before, line_of(row, setting)) != nullptr;
}

/* Take over one "name=value", or report that its value cannot be valid. */
void
take_setting(const char *setting, RoleDatabaseSettingsRow &row, const char *text_before, int elevel)
{
	const char *equals = strchr(setting, '=');

	if (equals == nullptr)
		return;
	char *name = pnstrdup(setting, static_cast<Size>(equals - setting));
	for (char *c = name; *c != '\0'; c++)
		*c = static_cast<char>(pg_ascii_tolower(static_cast<unsigned char>(*c)));
	if (store(name + setting_prefix.size(), equals + 1, row.settings))
		return;
	ereport(was_there(text_before, row, setting) ? DEBUG1 : elevel,
	        (errmsg("ignored the value \"%s\" stored for parameter \"%s\"", equals + 1, name),
	         errdetail("It was set by ALTER ROLE or ALTER DATABASE (role %u, database %u) "
	                   "and cannot be valid.",
	                   row.role, row.database)));
}

auto
key_of(const RoleDatabaseSettingsRow &row)
{
	return std::tuple(row.role, row.database);
}

/* A row with settings of ours that are yet to be parsed, or one that could not be read. */
struct RawRow
{
	RoleDatabaseSettingsRow row;
	Datum settings;
	const ErrorData *error;
};

constexpr char unreadable[] = "unreadable";

/* A reading in the making, in the current memory context; sorted by role and database. */
struct Draft
{
	StringInfoData text;
	GrowingArray<RawRow> rows;
};

bool
has_any_of_ours(Datum settings)
{
	bool has_any = false;

	for_each_of_ours(settings, [&](char *) { has_any = true; });
	return has_any;
}

/* Write the rows as text, sorted: their order in the catalog changes with each update. */
void
write_text(Draft &draft)
{
	initStringInfo(&draft.text);
	std::ranges::sort(draft.rows.all(), {}, [](const RawRow &raw) { return key_of(raw.row); });
	for (const RawRow &raw : draft.rows.all())
		if (raw.error != nullptr)
			appendStringInfoString(&draft.text, line_of(raw.row, unreadable));
		else
			for_each_of_ours(raw.settings, [&](char *setting)
			                 { appendStringInfoString(&draft.text, line_of(raw.row, setting)); });
}

/* Add a row with settings of ours.  A damaged one is read in a subtransaction, for the others'
 * sake. */
void
add_row(Draft &draft, RawRow raw, Datum settings, Damaged damaged)
{
	ErrorData *error = nullptr;
	auto copy = [&]
	{
		if (has_any_of_ours(settings))
			raw.settings = PointerGetDatum(DatumGetArrayTypePCopy(settings));
	};

	if (damaged == Damaged::IsError)
		copy();
	else if (!run_in_subtransaction(copy, any_error, &error))
	{
		/* Neither says anything about the row. */
		if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		    error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		raw.error = error;
	}
	if (raw.settings != Datum{0} || raw.error != nullptr)
		draft.rows.add(raw);
}

Draft
read_rows(Damaged damaged)
{
	Draft draft{};
	Relation relation = table_open(DbRoleSettingRelationId, NoLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);

	while (HeapTuple tuple = systable_getnext(scan))
	{
		auto form = reinterpret_cast<Form_pg_db_role_setting>(GETSTRUCT(tuple));
		bool isnull;
		Datum settings = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
		                              RelationGetDescr(relation), &isnull);

		if (!isnull)
			add_row(draft,
			        {.row = {.role = form->setrole, .database = form->setdatabase, .settings = {}},
			         .settings = Datum{0},
			         .error = nullptr},
			        settings, damaged);
	}
	systable_endscan(scan);
	table_close(relation, NoLock);
	write_text(draft);
	return draft;
}

/* In doubt, spare: the row could be an exemption. */
void
spare_unreadable(const RawRow &raw, RoleDatabaseSettingsRow &row, const char *text_before,
                 int elevel)
{
	row.settings.exempt = true;
	ereport(was_there(text_before, row, unreadable) ? DEBUG1 : elevel,
	        (errcode(raw.error->sqlerrcode),
	         errmsg("could not read what is stored for role %u, database %u: %s", row.role,
	                row.database, raw.error->message),
	         errdetail("The session guard spares their sessions.")));
}

/* Parse the settings of all rows. */
std::span<RoleDatabaseSettingsRow>
parse(const Draft &draft, const char *text_before, int elevel)
{
	GrowingArray<RoleDatabaseSettingsRow> rows;

	for (const RawRow &raw : draft.rows.all())
	{
		RoleDatabaseSettingsRow row = raw.row;

		if (raw.error != nullptr)
			spare_unreadable(raw, row, text_before, elevel);
		else
			for_each_of_ours(raw.settings, [&](char *setting)
			                 { take_setting(setting, row, text_before, elevel); });
		rows.add(row);
	}
	return rows.all();
}

/* What general settings say where more special ones say nothing. */
RoleDatabaseSettings
without(const RoleDatabaseSettings &general, const RoleDatabaseSettings &special)
{
	RoleDatabaseSettings rest = general;

	if (special.cancel_grace)
		rest.cancel_grace.reset();
	for (std::size_t i = 0; i < limit_count; i++)
		if (special.limits[i])
			rest.limits[i].reset();
	return rest;
}

} // namespace

std::optional<RoleDatabaseReading>
read_role_database_settings(const RoleDatabaseReading &before, int elevel, Damaged damaged)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "session guard settings",
	                                              ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);

	/* A change can be visible before the message about it has come. */
	InvalidateCatalogSnapshot();
	Draft draft = read_rows(damaged);
	bool is_alike = before.text != nullptr && strcmp(draft.text.data, before.text) == 0;
	RoleDatabaseReading reading{.context = context,
	                            .text = draft.text.data,
	                            .rows = is_alike ? std::span<RoleDatabaseSettingsRow>{}
	                                             : parse(draft, before.text, elevel)};
	MemoryContextSwitchTo(caller);
	if (!is_alike)
		return reading;
	MemoryContextDelete(context);
	return std::nullopt;
}

const RoleDatabaseSettings *
role_database_settings_for(const RoleDatabaseReading &reading, Oid role, Oid database)
{
	std::tuple key(role, database);
	auto found = std::ranges::lower_bound(reading.rows, key, {}, key_of);

	return found != reading.rows.end() && key_of(*found) == key ? &found->settings : nullptr;
}

bool
sets(const RoleDatabaseReading &reading, Limit limit)
{
	return std::ranges::any_of(reading.rows, [&](const RoleDatabaseSettingsRow &row)
	                           { return row.settings.limits[index_of(limit)].value_or(0) != 0; });
}

void
apply_role_database_settings(const RoleDatabaseReading &reading, Oid role, Oid database,
                             Policy &policy)
{
	struct Level
	{
		Oid role;
		Oid database;
		Source source;
	};
	const Level levels[] = {{InvalidOid, InvalidOid, Source::AllRoles},
	                        {InvalidOid, database, Source::Database},
	                        {role, InvalidOid, Source::Role},
	                        {role, database, Source::RoleInDatabase}};

	/* InvalidOid stands for all roles. */
	for (const Level &level : std::span(levels).first(role != InvalidOid ? 4 : 2))
		if (const RoleDatabaseSettings *settings =
		        role_database_settings_for(reading, level.role, level.database))
			apply(*settings, level.source, policy);
}

void
tighten_by_taken_role(const RoleDatabaseReading &reading, Oid taken_role, Oid database,
                      Policy &policy)
{
	/* InvalidOid would stand for all roles. */
	if (taken_role == InvalidOid)
		return;
	const RoleDatabaseSettings *everywhere =
	    role_database_settings_for(reading, taken_role, InvalidOid);
	const RoleDatabaseSettings *here = role_database_settings_for(reading, taken_role, database);

	if (everywhere != nullptr)
		tighten(here != nullptr ? without(*everywhere, *here) : *everywhere, Source::TakenRole,
		        policy);
	if (here != nullptr)
		tighten(*here, Source::TakenRoleInDatabase, policy);
}

} // namespace session_guard
