/*
 * The triggers of session_guard.rule: whoever has read the rules is told that they have
 * changed, and whoever writes them of names that nobody has, and where nobody reads them.
 */
#include "pg/pg.h"

#include "settings/settings.h"

#include "shmem/policy_state.h"

#include <cstring>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_note_rule_change);
	PG_FUNCTION_INFO_V1(session_guard_warn_of_unknown_names);
}

namespace session_guard
{

namespace
{

/* What the trigger was fired for; an error if it is none, or none that is meant. */
const TriggerData &
trigger_data(FunctionCallInfo call, const char *function, bool is_meant(TriggerEvent event),
             const char *meant)
{
	if (!CALLED_AS_TRIGGER(call))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		                errmsg("function \"%s\" was not called by trigger manager", function)));

	auto data = reinterpret_cast<const TriggerData *>(call->context);
	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !is_meant(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		                errmsg("function \"%s\" must be fired %s", function, meant)));
	return *data;
}

/* Is something new in a row that the event is about? */
bool
brings_row(TriggerEvent event)
{
	return TRIGGER_FIRED_FOR_ROW(event) && !TRIGGER_FIRED_BY_DELETE(event);
}

bool
changes_rules(TriggerEvent event)
{
	return TRIGGER_FIRED_FOR_ROW(event) || TRIGGER_FIRED_BY_TRUNCATE(event);
}

/* The row that a trigger was fired for, as it is now. */
struct Row
{
	HeapTuple tuple;
	TupleDesc description;
};

Row
row_of(const TriggerData &data)
{
	bool is_updated = TRIGGER_FIRED_BY_UPDATE(data.tg_event);

	return {.tuple = is_updated ? data.tg_newtuple : data.tg_trigtuple,
	        .description = RelationGetDescr(data.tg_relation)};
}

/* A column's value; an error if there is no such column, of that type. */
NullableDatum
value_in(const Row &row, const char *column, Oid type)
{
	int number = SPI_fnumber(row.description, column);
	NullableDatum value;

	if (number <= 0 || SPI_gettypeid(row.description, number) != type)
		ereport(ERROR,
		        (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
		         errmsg("column \"%s\" of type %s is missing", column, format_type_be(type))));
	value.value = SPI_getbinval(row.tuple, row.description, number, &value.isnull);
	return value;
}

/* What the rules call by name, and what comes of a name that nobody has. */
struct Named
{
	const char *column;
	const char *kind;
	Oid (*find)(const char *name, bool missing_ok);
	int sqlstate;
	/* Of the rule's name. */
	const char *detail;
};

constexpr char selects_nobody[] = "Rule \"%s\" selects nobody by it.";
constexpr Named all_named[] = {
    {"databases", "database", get_database_oid, ERRCODE_UNDEFINED_DATABASE, selects_nobody},
    {"roles", "role", get_role_oid, ERRCODE_UNDEFINED_OBJECT, selects_nobody},
    {"except_roles", "role", get_role_oid, ERRCODE_UNDEFINED_OBJECT,
     "Rule \"%s\" spares everybody until that role exists: whom the exception was meant for is "
     "not known."},
};

void
warn_of_unknown(const Named &named, const char *rule, ArrayType *names)
{
	Datum *values;
	bool *nulls;
	int count;

	deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		const char *name = nulls[i] ? nullptr : NameStr(*DatumGetName(values[i]));

		if (name != nullptr && !OidIsValid(named.find(name, true)))
			ereport(WARNING,
			        (errcode(named.sqlstate), errmsg("%s \"%s\" does not exist", named.kind, name),
			         errdetail(named.detail, rule)));
	}
}

void
warn_of_unknown_names(const Row &row)
{
	NullableDatum rule = value_in(row, "name", NAMEOID);

	for (const Named &named : all_named)
	{
		NullableDatum names = value_in(row, named.column, NAMEARRAYOID);

		if (!names.isnull && !rule.isnull)
			warn_of_unknown(named, NameStr(*DatumGetName(rule.value)),
			                DatumGetArrayTypeP(names.value));
	}
}

/* Tell who writes rules where the guard reads none, once for each statement. */
void
warn_of_other_database()
{
	static TimestampTz told_at = 0;
	const char *here = get_database_name(MyDatabaseId);

	if (here == nullptr || strcmp(here, guard_database()) == 0 ||
	    told_at == GetCurrentStatementStartTimestamp())
		return;
	told_at = GetCurrentStatementStartTimestamp();
	ereport(WARNING,
	        (errcode(ERRCODE_WARNING), errmsg("rules in database \"%s\" bind nobody", here),
	         errdetail("The session guard reads those in database \"%s\".", guard_database())));
}

} // namespace

} // namespace session_guard

/*
 * At the commit, also of what is prepared or comes to a standby, whoever keeps something of
 * the table gets to know, and the guard is woken.
 */
Datum
session_guard_note_rule_change(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	const TriggerData &data = trigger_data(fcinfo, "session_guard.note_rule_change", changes_rules,
	                                       "AFTER ROW or AFTER TRUNCATE");

	CacheInvalidateRelcache(data.tg_relation);
	note_uncommitted_change();
	/* No row, but not the null that a trigger must not return. */
	return Datum{0};
}

Datum
session_guard_warn_of_unknown_names(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	const TriggerData &data = trigger_data(fcinfo, "session_guard.warn_of_unknown_names",
	                                       brings_row, "AFTER ROW for INSERT or UPDATE");

	warn_of_other_database();
	warn_of_unknown_names(row_of(data));
	return Datum{0};
}
