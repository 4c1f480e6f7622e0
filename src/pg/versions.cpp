/*
 * The versions of library and extension (see versions.h).
 */
#include "pg/versions.h"

#include <cstdlib>

namespace session_guard
{

namespace
{

/* Compare versions by their numbers, as in 0.9.1 and 0.10: below, equal to or above 0. */
int
compare_versions(const char *a, const char *b)
{
	while (*a != '\0' || *b != '\0')
	{
		char *end_of_a;
		char *end_of_b;
		long number_of_a = strtol(a, &end_of_a, 10);
		long number_of_b = strtol(b, &end_of_b, 10);

		if (number_of_a != number_of_b)
			return number_of_a < number_of_b ? -1 : 1;
		/* What is no number cannot be ordered. */
		if ((*end_of_a != '.' && *end_of_a != '\0') || (*end_of_b != '.' && *end_of_b != '\0'))
			return 0;
		a = *end_of_a == '.' ? end_of_a + 1 : end_of_a;
		b = *end_of_b == '.' ? end_of_b + 1 : end_of_b;
	}
	return 0;
}

} // namespace

const char *
library_version()
{
	return EXTENSION_VERSION;
}

const char *
extension_version()
{
	const char *version = nullptr;
	ScanKeyData key;
	bool is_null;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
	            CStringGetDatum("pg_session_guard"));
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true, nullptr, 1, &key);
	if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple))
	{
		Datum value =
		    heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &is_null);
		version = is_null ? nullptr : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return version;
}

const char *
advice_on_versions()
{
	const char *version = extension_version();

	if (version == nullptr)
		return nullptr;
	int order = compare_versions(version, library_version());
	if (order < 0)
		return "Run ALTER EXTENSION pg_session_guard UPDATE in this database.";
	if (order > 0)
		return psprintf("Install version %s of the library, and restart the server.", version);
	return nullptr;
}

int
errhint_if_any(const char *advice)
{
	return advice != nullptr ? errhint("%s", advice) : 0;
}

void
check_column_count(TupleDesc row_type, int count)
{
	if (row_type->natts == count)
		return;
	const char *advice = advice_on_versions();
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
	                errmsg("result type of function does not match the library"),
	                errdetail("It has %d columns instead of %d.", row_type->natts, count),
	                errhint_if_any(advice)));
}

} // namespace session_guard
