/*
 * The session's own temporary tables (see temporary_tables.h).
 */
#include "backend/temporary_tables.h"

#include <cstring>

namespace session_guard
{

namespace
{

/* Does any row of a catalog that an index finds by these keys meet a condition? */
template <typename Condition>
bool
any_row(Oid catalog, Oid index, ScanKeyData *keys, int key_count, Condition condition)
{
	Relation relation = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, index, true, nullptr, key_count, keys);
	bool found = false;

	while (HeapTuple tuple = found ? nullptr : systable_getnext(scan))
		found = condition(tuple);
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

ScanKeyData
key_for(int attribute, Oid value)
{
	ScanKeyData key;

	ScanKeyInit(&key, static_cast<AttrNumber>(attribute), BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(value));
	return key;
}

bool
has_index_expressions(Oid table)
{
	ScanKeyData key = key_for(Anum_pg_index_indrelid, table);

	return any_row(IndexRelationId, IndexIndrelidIndexId, &key, 1,
	               [](HeapTuple tuple)
	               {
		               return !heap_attisnull(tuple, Anum_pg_index_indexprs, nullptr) ||
		                      !heap_attisnull(tuple, Anum_pg_index_indpred, nullptr);
	               });
}

bool
has_statistics_expressions(Oid table)
{
	ScanKeyData key = key_for(Anum_pg_statistic_ext_stxrelid, table);

	return any_row(StatisticExtRelationId, StatisticExtRelidIndexId, &key, 1,
	               [](HeapTuple tuple)
	               { return !heap_attisnull(tuple, Anum_pg_statistic_ext_stxexprs, nullptr); });
}

} // namespace

bool
is_own_temporary(const RangeVar *relation)
{
	if (relation == nullptr)
		return false;
	if (relation->schemaname != nullptr)
	{
		Oid schema = get_namespace_oid(relation->schemaname, true);

		return strcmp(relation->schemaname, "pg_temp") == 0 ||
		       (OidIsValid(schema) && isTempNamespace(schema));
	}
	Oid found = RelnameGetRelid(relation->relname);
	return OidIsValid(found) && isTempNamespace(get_rel_namespace(found));
}

bool
has_temporary_expressions()
{
	Oid schema;
	Oid toast_schema;

	GetTempNamespaceState(&schema, &toast_schema);
	if (!OidIsValid(schema))
		return false;

	/* Its tables are found by their dependencies on it. */
	ScanKeyData keys[] = {key_for(Anum_pg_depend_refclassid, NamespaceRelationId),
	                      key_for(Anum_pg_depend_refobjid, schema)};
	return any_row(DependRelationId, DependReferenceIndexId, keys, 2,
	               [](HeapTuple tuple)
	               {
		               auto dependent = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));

		               return dependent->classid == RelationRelationId &&
		                      (has_index_expressions(dependent->objid) ||
		                       has_statistics_expressions(dependent->objid));
	               });
}

} // namespace session_guard
