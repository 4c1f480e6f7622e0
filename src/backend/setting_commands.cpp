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

/* Does a prepared transaction hold a lock of those that write to a table? */
bool
is_written_by_prepared(Oid database, Oid table)
{
	LOCKTAG tag;
	int count;
	bool have_more;

	SET_LOCKTAG_RELATION(tag, database, table);
	const VirtualTransactionId *holders = GetLockConflicts(&tag, ShareLock, &count);
	return std::any_of(
	    holders, holders + count,
	    [&](VirtualTransactionId holder)
	    { return TransactionIdIsValid(TwoPhaseGetXidByVirtualXID(holder, &have_more)); });
}

/* The table of rules in this database, if there is one. */
Oid
table_of_rules()
{
	return get_relname_relid("rule", get_namespace_oid("session_guard", true));
}

/*
 * Could a prepared transaction have stored a setting or a rule?  Such a transaction
 * holds a lock on the catalog or the table until its end.  Which prepared transaction
 * holds it is not known.
 */
bool
may_have_been_prepared()
{
	return is_written_by_prepared(InvalidOid, DbRoleSettingRelationId) ||
	       is_written_by_prepared(MyDatabaseId, table_of_rules());
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
		/* Rules come and go with the extension. */
		case T_CreateExtensionStmt:
		case T_AlterExtensionContentsStmt:
			return of_kind(Stores);
		case T_DropStmt:
			return of_kind(reinterpret_cast<DropStmt *>(statement)->removeType == OBJECT_EXTENSION
			                   ? Stores
			                   : None);
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
			note_uncommitted_change();
			if (command.unbound)
				report_unbound_limit(*command.unbound);
			return;
		case SettingCommand::Kind::CommitsPrepared:
			return note_stored_change();
	}
}

} // namespace session_guard
