/*
 * What every session does for the guard (see hooks.h).
 *
 * No query passes through here: only utility commands, messages, new connections and the
 * ends of transactions do, and most of these have nothing to do.
 */
#include "backend/hooks.h"

#include "pg/pg.h"

#include "shmem/client_message.h"
#include "shmem/policy_state.h"

#include "backend/client_message.h"
#include "backend/client_socket.h"
#include "backend/connect.h"
#include "backend/database_commands.h"
#include "backend/end_when_idle.h"
#include "backend/keepalive.h"
#include "backend/listeners.h"
#include "backend/running_command.h"
#include "backend/setting_commands.h"
#include "backend/taken_role.h"

namespace session_guard
{

namespace
{

ProcessUtility_hook_type previous_process_utility = nullptr;
emit_log_hook_type previous_emit_log = nullptr;
ClientAuthentication_hook_type previous_client_authentication = nullptr;

void
process_utility(PlannedStmt *statement, const char *query, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
                DestReceiver *dest, QueryCompletion *completion)
{
	/* Running the command may free its tree. */
	ListenCommand listen_command = listen_command_of(statement->utilityStmt);
	SettingCommand setting_command = setting_command_of(statement->utilityStmt);
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
	note_listen_command(listen_command);
	note_setting_command(setting_command);
	reset_changed_keepalive();
}

/* What a reload has changed reaches a session at the end of its next transaction. */
void
adopt_connection_settings()
{
	confirm_own_socket();
	reset_keepalive_after_transaction();
}

void
end_transaction(XactEvent event, void *)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			note_start_of_session();
			return;
		case XACT_EVENT_COMMIT:
			settle_listening(true);
			note_end_of_transaction(false);
			settle_uncommitted_change(true);
			adopt_connection_settings();
			end_if_requested();
			return;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			settle_listening(false);
			note_end_of_transaction(event == XACT_EVENT_ABORT);
			withdraw_message();
			settle_uncommitted_change(false);
			adopt_connection_settings();
			end_if_requested();
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

void
authenticate_client(Port *port, int status)
{
	if (previous_client_authentication)
		previous_client_authentication(port, status);
	if (status == STATUS_OK)
		note_authenticated(*port);
}

} // namespace

void
install_hooks()
{
	previous_client_authentication = ClientAuthentication_hook;
	ClientAuthentication_hook = authenticate_client;
	previous_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
	previous_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	watch_taken_role();
	RegisterXactCallback(end_transaction, nullptr);
	RegisterSubXactCallback(end_subtransaction, nullptr);
}

} // namespace session_guard
