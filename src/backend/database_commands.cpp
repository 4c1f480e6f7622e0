/*
 * Commands that need a database for themselves (see database_commands.h).
 *
 * No privileges are checked here: a worker that is called gives way only to a
 * command that the server lets wait for the database.
 */
#include "backend/database_commands.h"

#include "pg/compat.h"

#include "settings/settings.h"

#include "shmem/shared_memory.h"

#include "worker/give_way.h"

#include <cstring>

namespace session_guard
{

namespace
{

/* The value of an option; nullptr if it is not given, or DEFAULT. */
const char *
option(const List *options, const char *name)
{
	const ListCell *cell;

	foreach (cell, options)
	{
		auto one = static_cast<DefElem *>(lfirst(cell));

		if (strcmp(one->defname, name) == 0 && one->arg != nullptr)
			return defGetString(one);
	}
	return nullptr;
}

/* The database that the command needs for itself; nullptr if there is none. */
const char *
database_of(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
			/* The default is template1, which no worker connects to. */
			return option(reinterpret_cast<CreatedbStmt *>(statement)->options, "template");
		case T_DropdbStmt:
			return reinterpret_cast<DropdbStmt *>(statement)->dbname;
		case T_AlterDatabaseStmt:
		{
			auto command = reinterpret_cast<AlterDatabaseStmt *>(statement);

			return option(command->options, "tablespace") != nullptr ? command->dbname : nullptr;
		}
		case T_RenameStmt:
		{
			auto command = reinterpret_cast<RenameStmt *>(statement);

			return command->renameType == OBJECT_DATABASE ? command->subname : nullptr;
		}
		default:
			return nullptr;
	}
}

} // namespace

void
clear_way_for(Node *statement)
{
	const char *database = database_of(statement);

	if (!server_calls_workers_off && has_shared_memory() && database != nullptr &&
	    strcmp(database, guard_database()) == 0)
		call_workers_off();
}

} // namespace session_guard
