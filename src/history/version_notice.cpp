/*
 * What the log says of versions (see version_notice.h).
 */
#include "history/version_notice.h"

#include "pg/versions.h"

#include "settings/settings.h"

namespace session_guard
{

namespace
{

/* An extension that is created anew has another table. */
Oid told_of = InvalidOid;

} // namespace

void
tell_of_versions(Oid history_table)
{
	if (told_of == history_table)
		return;
	told_of = history_table;
	if (const char *advice = advice_on_versions())
		ereport(LOG, (errmsg("the extension in database \"%s\" is of version %s, and the library "
		                     "of version %s",
		                     guard_database(), extension_version(), library_version()),
		              errhint("%s", advice)));
}

} // namespace session_guard
