/*
 * What every session does for the guard (see hooks.h).
 *
 * Nothing in here is on the path of a query: only utility commands, messages and
 * the ends of transactions pass by, and an ordinary one has nothing to do.
 */
#include "backend/hooks.h"

#include "pg/pg.h"

#include "settings/stored_setting.h"

#include "shmem/client_message.h"
#include "shmem/policy_state.h"

#include "backend/client_message.h"
#include "backend/commands.h"
#include "backend/database_commands.h"
#include "backend/listeners.h"
#include "backend/unbound.h"

#include <algorithm>
#include <optional>

namespace session_guard
{

namespace
{

ProcessUtility_hook_type previous_process_utility = nullptr;
emit_log_hook_type previous_emit_log = nullptr;

/* This transaction has changed what is stored for a role or database. */
bool changes_policy = false;

/*
 * May this role store or remove a setting of ours?  The server reports no error
 * if there is nothing to be removed.
 */
bool
may_store(const char *setting)
{
	return superuser() || pg_parameter_aclcheck(setting, GetUserId(), ACL_SET) == ACLCHECK_OK;
}

/* Can the command change what is stored of our settings? */
bool
is_about_us(const VariableSetStmt &command)
{
	/* Of all settings only those go that the role may set (GUCArrayReset() in guc.c). */
	if (command.kind == VAR_RESET_ALL)
		return any_storable_setting(may_store);
	return command.name != nullptr && is_our_setting(command.name) && may_store(command.name);
}

/*
 * Has a prepared transaction perhaps stored a setting?  Whoever does keeps a
 * lock on the catalog to his end.  Which transaction it is, cannot be told.
 */
bool
some_prepared_transaction_stores_settings()
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

/* What a utility command is to us. */
enum class Kind
{
	Other,
	Listen,
	Unlisten,
	UnlistenAll,
	StoresSettings,
	/* What was prepared, perhaps by another session, is committed by it. */
	CommitsStoredSettings,
};

struct Command
{
	Kind kind;
	/* For Listen and Unlisten. */
	const char *channel;
	/* For StoresSettings. */
	std::optional<Unbound> unbound;
};

/* Make sense of a command; running it may free its tree. */
Command
command_of(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_ListenStmt:
			return {Kind::Listen, pstrdup(reinterpret_cast<ListenStmt *>(statement)->conditionname),
			        std::nullopt};
		case T_UnlistenStmt:
			if (auto channel = reinterpret_cast<UnlistenStmt *>(statement)->conditionname)
				return {Kind::Unlisten, pstrdup(channel), std::nullopt};
			return {Kind::UnlistenAll, nullptr, std::nullopt};
		case T_DiscardStmt:
			if (reinterpret_cast<DiscardStmt *>(statement)->target == DISCARD_ALL)
				return {Kind::UnlistenAll, nullptr, std::nullopt};
			break;
		case T_AlterRoleSetStmt:
		{
			auto command = reinterpret_cast<AlterRoleSetStmt *>(statement);

			if (is_about_us(*command->setstmt))
				return {Kind::StoresSettings, nullptr, find_unbound(*command)};
			break;
		}
		case T_AlterDatabaseSetStmt:
			if (is_about_us(*reinterpret_cast<AlterDatabaseSetStmt *>(statement)->setstmt))
				return {Kind::StoresSettings, nullptr, std::nullopt};
			break;
		case T_TransactionStmt:
			if (reinterpret_cast<TransactionStmt *>(statement)->kind ==
			        TRANS_STMT_COMMIT_PREPARED &&
			    some_prepared_transaction_stores_settings())
				return {Kind::CommitsStoredSettings, nullptr, std::nullopt};
			break;
		default:
			break;
	}
	return {Kind::Other, nullptr, std::nullopt};
}

/* Note what a command has done. */
void
note(const Command &command)
{
	switch (command.kind)
	{
		case Kind::Other:
			return;
		case Kind::Listen:
			return note_listen(command.channel);
		case Kind::Unlisten:
			return note_unlisten(command.channel);
		case Kind::UnlistenAll:
			return note_unlisten_all();
		case Kind::StoresSettings:
			changes_policy = true;
			if (command.unbound)
				report_unbound(*command.unbound);
			return;
		case Kind::CommitsStoredSettings:
			return note_stored_change();
	}
}

void
process_utility(PlannedStmt *statement, const char *query, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
                DestReceiver *dest, QueryCompletion *completion)
{
	Command command = command_of(statement->utilityStmt);
	CommandMark mark = begin_command(statement->utilityStmt);
	clear_way_for(statement->utilityStmt);
	auto run = [&]
	{
		if (previous_process_utility)
			previous_process_utility(statement, query, read_only_tree, context, params, environment,
			                         dest, completion);
		else
			standard_ProcessUtility(statement, query, read_only_tree, context, params, environment,
			                        dest, completion);
	};

	run_marked(mark, run);
	note(command);
}

void
end_transaction(XactEvent event, void *)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			settle_listening(true);
			note_end_of_transaction(false);
			if (changes_policy)
				note_stored_change();
			changes_policy = false;
			return;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			settle_listening(false);
			note_end_of_transaction(event == XACT_EVENT_ABORT);
			withdraw_message();
			changes_policy = false;
			return;
		default:
			return;
	}
}

void
end_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		settle_listening_in_subtransaction(true);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		settle_listening_in_subtransaction(false);
		withdraw_message();
		note_failed_subtransaction();
	}
}

void
emit_log(ErrorData *message)
{
	tell_message(*message);
	if (previous_emit_log)
		previous_emit_log(message);
}

} // namespace

void
install_hooks()
{
	previous_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	RegisterXactCallback(end_transaction, nullptr);
	RegisterSubXactCallback(end_subtransaction, nullptr);
}

} // namespace session_guard
