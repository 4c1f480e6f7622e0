/*
 * Commands that store settings (see setting_commands.h).
 */
#include "backend/setting_commands.h"

#include "settings/stored_setting.h"

#include "shmem/policy_state.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* This transaction has changed what is stored for a role or database. */
bool stores_settings = false;

/*
 * May this role store or remove a setting of this extension?  The server reports no
 * error if there is nothing to be removed.
 */
bool
may_store(const char *setting)
{
	return superuser() || pg_parameter_aclcheck(setting, GetUserId(), ACL_SET) == ACLCHECK_OK;
}

/* Can the command change a stored setting of this extension? */
bool
can_change_setting(const VariableSetStmt &command)
{
	/* RESET ALL removes only the settings that the role may set (GUCArrayReset() in guc.c). */
	if (command.kind == VAR_RESET_ALL)
		return any_storable_setting(may_store);
	return command.name != nullptr && is_our_setting(command.name) && may_store(command.name);
}

/*
 * Could a prepared transaction have stored a setting?  Such a transaction holds a
 * lock on the catalog until its end.  Which prepared transaction holds it is not
 * known.
 */
bool
may_have_been_prepared()
{
	LOCKTAG catalog;
	int count;
	bool have_more;

	SET_LOCKTAG_RELATION(catalog, InvalidOid, DbRoleSettingRelationId);
	const VirtualTransactionId *holders = GetLockConflicts(&catalog, ShareLock, &count);
	return std::any_of(
	    holders, holders + count,
	    [&](VirtualTransactionId holder)
	    { return TransactionIdIsValid(TwoPhaseGetXidByVirtualXID(holder, &have_more)); });
}

SettingCommand
of_kind(SettingCommand::Kind kind)
{
	return {.kind = kind, .unbound = std::nullopt};
}

} // namespace

SettingCommand
setting_command_of(Node *statement)
{
	using enum SettingCommand::Kind;

	switch (nodeTag(statement))
	{
		case T_AlterRoleSetStmt:
		{
			auto command = reinterpret_cast<AlterRoleSetStmt *>(statement);

			if (!can_change_setting(*command->setstmt))
				return of_kind(None);
			return {.kind = Stores, .unbound = find_unbound_limit(*command)};
		}
		case T_AlterDatabaseSetStmt:
		{
			auto command = reinterpret_cast<AlterDatabaseSetStmt *>(statement);

			return of_kind(can_change_setting(*command->setstmt) ? Stores : None);
		}
		case T_TransactionStmt:
		{
			auto command = reinterpret_cast<TransactionStmt *>(statement);
			bool commits = command->kind == TRANS_STMT_COMMIT_PREPARED && may_have_been_prepared();

			return of_kind(commits ? CommitsPrepared : None);
		}
		default:
			return of_kind(None);
	}
}

void
note_setting_command(const SettingCommand &command)
{
	switch (command.kind)
	{
		case SettingCommand::Kind::None:
			return;
		case SettingCommand::Kind::Stores:
			stores_settings = true;
			if (command.unbound)
				report_unbound_limit(*command.unbound);
			return;
		case SettingCommand::Kind::CommitsPrepared:
			return note_stored_change();
	}
}

void
note_end_of_setting_commands(bool committed)
{
	if (committed && stores_settings)
		note_stored_change();
	stores_settings = false;
}

} // namespace session_guard
