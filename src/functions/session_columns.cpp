/*
 * What a session is called (see session_columns.h).
 */
#include "functions/session_columns.h"

namespace session_guard
{

Names
names_of(const BackendSnapshot &snapshot)
{
	return {.role = name_or_mark(GetUserNameFromId(snapshot.role, true)),
	        .database = name_or_mark(get_database_name(snapshot.database))};
}

Names
names_of(const BackendSnapshot &snapshot, Converter *shown)
{
	Names names = names_of(snapshot);

	return {.role = shown(names.role.data()), .database = shown(names.database.data())};
}

} // namespace session_guard
