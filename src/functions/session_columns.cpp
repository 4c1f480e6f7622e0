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
	        .database = name_or_mark(get_database_name(snapshot.database)),
	        .taken_role = name_or_mark(GetUserNameFromId(snapshot.taken_role.role, true))};
}

Names
names_of(const BackendSnapshot &snapshot, Converter *shown)
{
	Names names = names_of(snapshot);

	return {.role = shown(names.role.data()),
	        .database = shown(names.database.data()),
	        .taken_role = shown(names.taken_role.data())};
}

} // namespace session_guard
