/*
 * The table session_guard.rule (see rule_table.h).
 */
#include "policy/rule_table.h"

#include "pg/compat.h"
#include "pg/growing_array.h"
#include "pg/versions.h"

#include "settings/limit_settings.h"

#include "status/catalog_access.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace session_guard
{

namespace
{

/* Opened to find the table, and to make its entry in the relation cache. */
constexpr Oid needed[] = {
    ExtensionRelationId,     ExtensionNameIndexId, DependRelationId,
    DependDependerIndexId,   ConstraintRelationId, ConstraintRelidTypidNameIndexId,
    AttrDefaultRelationId,   AttrDefaultIndexId,   TriggerRelationId,
    TriggerRelidNameIndexId, NamespaceRelationId,  NamespaceNameIndexId,
    ClassNameNspIndexId};

/* The columns, but for those of the limits. */
enum Column
{
	Position,
	RuleName,
	Enabled,
	Databases,
	Roles,
	ExceptRoles,
	ApplicationName,
	ExceptApplicationName,
	ClientAddr,
	Query,
	Exempt,
	ModeName,
	ColumnCount,
};

struct ColumnFacts
{
	const char *name;
	Oid type;
};
constexpr ColumnFacts columns[ColumnCount] = {
    {"position", INT4OID},         {"name", NAMEOID},
    {"enabled", BOOLOID},          {"databases", NAMEARRAYOID},
    {"roles", NAMEARRAYOID},       {"except_roles", NAMEARRAYOID},
    {"application_name", TEXTOID}, {"except_application_name", TEXTOID},
    {"client_addr", CIDRARRAYOID}, {"query", TEXTOID},
    {"exempt", BOOLOID},           {"mode", TEXTOID}};

/* The numbers of the columns in the table. */
struct ColumnNumbers
{
	std::array<AttrNumber, ColumnCount> columns;
	/* Of those that a rule can speak of. */
	std::array<AttrNumber, limit_count> limits;
};

/* One row of the table. */
struct TableRow
{
	Relation table;
	const ColumnNumbers &numbers;
	HeapTuple tuple;
};

/* The number of a column that has this name and type. */
AttrNumber
column_number(Relation table, const char *name, Oid type)
{
	TupleDesc descriptor = RelationGetDescr(table);

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(descriptor, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0 &&
		    column->atttypid == type)
			return column->attnum;
	}
	const char *advice = advice_on_versions();
	ereport(ERROR,
	        (errcode(ERRCODE_UNDEFINED_COLUMN),
	         errmsg("column \"%s\" of table \"session_guard.rule\" is not as the extension has "
	                "made it",
	                name),
	         errhint_if_any(advice)));
}

ColumnNumbers
column_numbers(Relation table)
{
	ColumnNumbers numbers{};

	for (std::size_t i = 0; i < numbers.columns.size(); i++)
		numbers.columns[i] = column_number(table, columns[i].name, columns[i].type);
	for (Limit limit : all_limits)
		if (!is_of_server(limit))
			numbers.limits[index_of(limit)] = column_number(
			    table, facts(limit).name.data(), measures_time(limit) ? INTERVALOID : INT8OID);
	return numbers;
}

[[noreturn]] void
report_invalid(const char *rule, const char *column)
{
	ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
	                errmsg("column \"%s\" of rule \"%s\" has a value that its constraints forbid",
	                       column, rule)));
}

/* The value of a column; none if it is null. */
std::optional<Datum>
value_of(const TableRow &row, AttrNumber number)
{
	bool isnull;
	Datum value = heap_getattr(row.tuple, number, RelationGetDescr(row.table), &isnull);

	return isnull ? std::nullopt : std::optional(value);
}

std::optional<Datum>
value_of(const TableRow &row, Column column)
{
	return value_of(row, row.numbers.columns[column]);
}

const char *
text_of(const TableRow &row, Column column)
{
	std::optional<Datum> value = value_of(row, column);

	return value ? TextDatumGetCString(*value) : nullptr;
}

/* The elements of an array, made by a function from each. */
template <typename T, typename Make>
std::optional<std::span<const T>>
list_of(const TableRow &row, Column column, const char *rule, Oid element_type, Make make)
{
	std::optional<Datum> value = value_of(row, column);
	Datum *elements;
	bool *nulls;
	int count;
	GrowingArray<T> list;

	if (!value)
		return std::nullopt;
	ArrayType *array = DatumGetArrayTypeP(*value);
	bool is_name = element_type == NAMEOID;
	deconstruct_array(array, element_type, is_name ? NAMEDATALEN : -1, false,
	                  is_name ? TYPALIGN_CHAR : TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			report_invalid(rule, columns[column].name);
		list.add(make(elements[i]));
	}
	/* An empty list would select nobody, or except nobody: neither can have been meant. */
	if (count == 0)
		report_invalid(rule, columns[column].name);
	return std::span<const T>(list.all());
}

NameList
names_of(const TableRow &row, Column column, const char *rule)
{
	return list_of<const char *>(row, column, rule, NAMEOID,
	                             [](Datum name) -> const char *
	                             { return pstrdup(NameStr(*DatumGetName(name))); });
}

Network
network_of(Datum value)
{
	inet *cidr = DatumGetInetPP(value);
	Network network{};

	network.address.is_v6 = ip_family(cidr) != PGSQL_AF_INET;
	memcpy(network.address.bytes.data(), ip_addr(cidr),
	       static_cast<std::size_t>(ip_addrsize(cidr)));
	network.bits = static_cast<std::uint8_t>(ip_bits(cidr));
	return network;
}

/* As intervals are compared: a month has 30 days, a day 24 hours.  What is longer than any limit
 * may be is cut, so that nothing overflows. */
std::int64_t
duration_of(const Interval &interval)
{
	constexpr std::int64_t most_days = 100000;
	std::int64_t days =
	    interval.month * std::int64_t{30} + interval.day + interval.time / USECS_PER_DAY;

	return std::clamp(days, -most_days, most_days) * USECS_PER_DAY + interval.time % USECS_PER_DAY;
}

/* What a rule says of a limit; none if nothing. */
std::optional<std::int64_t>
limit_of(const TableRow &row, Limit limit, const char *rule)
{
	constexpr std::int64_t longest = 10000 * USECS_PER_DAY;
	const char *name = facts(limit).name.data();
	const LimitSetting &setting = limit_settings[index_of(limit)];
	std::optional<Datum> datum = value_of(row, row.numbers.limits[index_of(limit)]);

	if (!datum)
		return std::nullopt;
	std::int64_t value =
	    measures_time(limit) ? duration_of(*DatumGetIntervalP(*datum)) : DatumGetInt64(*datum);
	if (value != 0 &&
	    (value < setting.smallest * setting.unit || (measures_time(limit) && value > longest)))
		report_invalid(rule, name);
	return value;
}

RuleRow
row_of(const TableRow &from)
{
	std::optional<Datum> position = value_of(from, Position);
	std::optional<Datum> name = value_of(from, RuleName);
	std::optional<Datum> enabled = value_of(from, Enabled);
	const char *mode = text_of(from, ModeName);
	RuleRow row{};

	if (!position || !name || !enabled || mode == nullptr ||
	    (strcmp(mode, "enforce") != 0 && strcmp(mode, "log") != 0))
		report_invalid(name ? NameStr(*DatumGetName(*name)) : "", columns[ModeName].name);
	row.position = DatumGetInt32(*position);
	row.name = pstrdup(NameStr(*DatumGetName(*name)));
	row.is_enabled = DatumGetBool(*enabled);
	row.only_logs = strcmp(mode, "log") == 0;
	row.databases = names_of(from, Databases, row.name);
	row.roles = names_of(from, Roles, row.name);
	row.except_roles = names_of(from, ExceptRoles, row.name);
	row.application_name = text_of(from, ApplicationName);
	row.except_application_name = text_of(from, ExceptApplicationName);
	row.client_addr = list_of<Network>(from, ClientAddr, row.name, CIDROID, network_of);
	row.query = text_of(from, Query);
	for (Limit limit : all_limits)
		if (!is_of_server(limit))
			row.limits[index_of(limit)] = limit_of(from, limit, row.name);
	if (std::optional<Datum> exempt = value_of(from, Exempt))
		row.exempt = DatumGetBool(*exempt);
	return row;
}

/* The table's owner could have its constraints changed, and is to be nobody who may not end others.
 */
void
check_owner(Relation table)
{
	if (!superuser_arg(table->rd_rel->relowner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("table \"session_guard.rule\" must be owned by a superuser")));
}

std::span<RuleRow>
read_rows(Relation table, Snapshot snapshot)
{
	GrowingArray<RuleRow> rows;
	ColumnNumbers numbers = column_numbers(table);
	TableScanDesc scan = begin_table_scan(table, snapshot);

	while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection))
		rows.add(row_of({.table = table, .numbers = numbers, .tuple = tuple}));
	table_endscan(scan);
	std::ranges::sort(rows.all(), {}, &RuleRow::position);
	return rows.all();
}

} // namespace

Oid
find_rule_table()
{
	Oid schema = get_namespace_oid("session_guard", true);
	Oid extension = get_extension_oid("pg_session_guard", true);

	if (!OidIsValid(schema) || !OidIsValid(extension))
		return InvalidOid;
	Oid table = get_relname_relid("rule", schema);
	return OidIsValid(table) && getExtensionOfObject(RelationRelationId, table) == extension
	           ? table
	           : InvalidOid;
}

bool
lock_for_rules()
{
	return lock_if_free(needed);
}

bool
lock_rule_table(Oid table)
{
	if (!ConditionalLockRelationOid(table, AccessShareLock))
		return false;
	Relation relation = try_relation_open(table, NoLock);
	if (relation == nullptr)
		return true;
	Oid toast = relation->rd_rel->reltoastrelid;
	bool is_locked = !OidIsValid(toast) || ConditionalLockRelationOid(toast, AccessShareLock);
	relation_close(relation, NoLock);
	return is_locked;
}

RuleImage
read_rule_table(Oid table, Snapshot snapshot)
{
	Relation relation = try_table_open(table, AccessShareLock);

	/* It has just been dropped, and the message about it has not come yet. */
	if (relation == nullptr)
		return {};
	if (relation->rd_rel->relam != HEAP_TABLE_AM_OID)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		                errmsg("table \"session_guard.rule\" must be a heap table")));
	check_owner(relation);
	RuleImage image =
	    image_of({.encoding = GetDatabaseEncoding(), .rows = read_rows(relation, snapshot)});
	table_close(relation, NoLock);
	return image;
}

} // namespace session_guard
