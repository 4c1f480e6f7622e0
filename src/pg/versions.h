/*
 * The versions of the library and of the extension's SQL objects, which may differ: the one is
 * loaded when the server starts, the others are changed by ALTER EXTENSION, in each database.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* The version that this library was built as. */
const char *library_version();

/*
 * The version of the extension in this database, nullptr if it is not there.  Reads a catalog, in a
 * transaction.
 */
const char *extension_version();

/*
 * What makes library and extension agree again, as a hint; nullptr if they do, or if there is no
 * extension.  To be called before ereport, since it reads a catalog.
 */
const char *advice_on_versions();

/* See that a function's result has as many columns as the library fills. */
void check_column_count(TupleDesc row_type, int count);

/* The advice as part of an ereport. */
int errhint_if_any(const char *advice);

} // namespace session_guard
