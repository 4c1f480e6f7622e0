/*
 * The utility command that runs in this session (see running_command.h).
 */
#include "backend/running_command.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "shmem/published.h"
#include "shmem/shared_memory.h"

#include "status/backend_status.h"

#include "backend/temporary_tables.h"

#include <optional>

namespace session_guard
{

namespace
{

/* What is published, and how many commands of each kind are nested. */
Published present{};
int maintenance_depth = 0;
int spared_depth = 0;
int copy_depth = 0;

/*
 * May the subcommand of ALTER TABLE rewrite the table, read all of it or build an
 * index?  Whether it does is known only once it has examined the table; if it does
 * not, it takes no time.
 */
bool
may_rewrite(const AlterTableCmd &command)
{
	switch (command.subtype)
	{
		case AT_AddColumn:
		case AT_AddIndex:
		case AT_AddConstraint:
		case AT_AlterConstraint:
		case AT_ValidateConstraint:
		case AT_SetNotNull:
		case AT_AlterColumnType:
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetAccessMethod:
		case AT_SetTableSpace:
		case AT_AttachPartition:
			return true;
		default:
			return sets_expression(command.subtype);
	}
}

bool
may_rewrite(const AlterTableStmt &statement)
{
	const ListCell *cell;

	foreach (cell, statement.cmds)
		if (may_rewrite(*static_cast<const AlterTableCmd *>(lfirst(cell))))
			return true;
	return false;
}

/* Does the command, which may name a table, maintain one of the session's own temporary tables? */
bool
is_on_own_temporary(const RangeVar *named)
{
	return named != nullptr ? is_own_temporary(named) : has_temporary_expressions();
}

/* The same for VACUUM or ANALYZE. */
bool
is_on_own_temporary(const VacuumStmt &statement)
{
	const ListCell *cell;

	if (statement.rels == NIL)
		return has_temporary_expressions();
	foreach (cell, statement.rels)
		if (is_own_temporary(static_cast<const VacuumRelation *>(lfirst(cell))->relation))
			return true;
	return false;
}

CommandMark
maintenance_mark(MaintenanceCommand command, bool is_on_own_temporary)
{
	return {.maintenance = command, .is_spared = !is_on_own_temporary, .is_copy = false};
}

CommandMark
mark_of(const VacuumStmt &statement)
{
	return maintenance_mark(statement.is_vacuumcmd ? MaintenanceCommand::Vacuum
	                                               : MaintenanceCommand::Analyze,
	                        is_on_own_temporary(statement));
}

CommandMark
mark_of(const ReindexStmt &statement)
{
	/*
	 * REINDEX SYSTEM does not process temporary tables, and may be there to repair the
	 * catalogs that would be read here.
	 */
	return maintenance_mark(MaintenanceCommand::Reindex,
	                        statement.kind != REINDEX_OBJECT_SYSTEM &&
	                            is_on_own_temporary(statement.relation));
}

CommandMark
mark_of(const AlterTableStmt &statement)
{
	if (!may_rewrite(statement))
		return {};
	return maintenance_mark(MaintenanceCommand::AlterTable, is_own_temporary(statement.relation));
}

/* COPY from or to a file does not wait for the client. */
CommandMark
mark_of(const CopyStmt &statement)
{
	return {.maintenance = MaintenanceCommand::None,
	        .is_spared = false,
	        .is_copy = statement.filename == nullptr};
}

CommandMark
mark_of(Node *node)
{
	using enum MaintenanceCommand;

	if (std::optional<const RangeVar *> relation = clustered_relation(node))
		return maintenance_mark(is_repack(node) ? Repack : Cluster, is_on_own_temporary(*relation));
	switch (nodeTag(node))
	{
		case T_VacuumStmt:
			return mark_of(*reinterpret_cast<VacuumStmt *>(node));
		case T_IndexStmt:
			return maintenance_mark(
			    CreateIndex, is_own_temporary(reinterpret_cast<IndexStmt *>(node)->relation));
		case T_ReindexStmt:
			return mark_of(*reinterpret_cast<ReindexStmt *>(node));
		case T_RefreshMatViewStmt:
			return maintenance_mark(RefreshMaterializedView, false);
		case T_AlterTableStmt:
			return mark_of(*reinterpret_cast<AlterTableStmt *>(node));
		case T_CopyStmt:
			return mark_of(*reinterpret_cast<CopyStmt *>(node));
		default:
			return {};
	}
}

void
begin_maintenance(const CommandMark &mark)
{
	Maintenance &maintenance = present.maintenance;
	Timestamp statement = own_statement_stamp();
	Instant now = monotonic_now();

	if (maintenance.statement != statement)
	{
		maintenance.statement = statement;
		maintenance.in_statement = 0;
		maintenance.spared_in_statement = 0;
	}
	if (maintenance_depth++ == 0)
	{
		maintenance.command = mark.maintenance;
		maintenance.since = now;
	}
	if (mark.is_spared && spared_depth++ == 0)
		maintenance.spared_since = now;
}

void
end_maintenance(const CommandMark &mark)
{
	Maintenance &maintenance = present.maintenance;
	Instant now = monotonic_now();

	if (mark.is_spared && --spared_depth == 0)
	{
		maintenance.spared_in_statement += now - maintenance.spared_since;
		maintenance.spared_in_transaction += now - maintenance.spared_since;
		maintenance.spared_since = unknown_time;
	}
	if (--maintenance_depth == 0)
	{
		maintenance.in_statement += now - maintenance.since;
		maintenance.since = unknown_time;
	}
}

} // namespace

CommandMark
begin_command(Node *statement)
{
	if (!has_shared_memory() || MyBEEntry == nullptr)
		return {};

	CommandMark mark = mark_of(statement);

	if (mark.maintenance != MaintenanceCommand::None)
		begin_maintenance(mark);
	if (mark.is_copy)
	{
		copy_depth++;
		present.copying = true;
	}
	if (mark.is_set())
		publish(present);
	return mark;
}

void
end_command(const CommandMark &mark)
{
	if (mark.maintenance != MaintenanceCommand::None)
		end_maintenance(mark);
	if (mark.is_copy)
		present.copying = --copy_depth > 0;
	publish(present);
}

void
note_end_of_transaction(bool failed)
{
	/* An ordinary commit has nothing to publish. */
	if (!failed && present.maintenance.spared_in_transaction == 0)
		return;
	present.maintenance.spared_in_transaction = 0;
	if (failed)
		present.failed_at = monotonic_now();
	publish(present);
}

} // namespace session_guard
