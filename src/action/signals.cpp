/*
 * Signals and names (see signals.h).
 */
#include "action/signals.h"

#include "pg/compat.h"

#include "shmem/client_message.h"
#include "shmem/end_requests.h"

#include "status/sql_values.h"

#include <csignal>

namespace session_guard
{

namespace
{

/* The address as people know it: "10.1.2.3", or "[local]" for a Unix-domain socket. */
void
append_address(Text &text, const SockAddr &address)
{
	char host[NI_MAXHOST];

	if (address.addr.ss_family == AF_UNIX)
		text.append("[local]");
	else if (pg_getnameinfo_all(&address.addr, static_cast<int>(address.salen), host, sizeof(host),
	                            nullptr, 0, NI_NUMERICHOST) == 0)
		text.append(host);
	else
		text.append("?");
}

/* Keep messages below ERROR from where this setting sends them, in the present GUC nest level. */
void
silence(const char *setting)
{
	(void)set_config_option(setting, "error", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
	                        false);
}

} // namespace

bool
signal_by_server(int pid, Action action)
{
	int level = NewGUCNestLevel();
	Datum sent;

	silence("client_min_messages");
	if (own_log_level() < ERROR)
		silence("log_min_messages");
	if (action == Action::Cancel)
		sent = DirectFunctionCall1(pg_cancel_backend, Int32GetDatum(pid));
	else
		sent = DirectFunctionCall2(pg_terminate_backend, Int32GetDatum(pid), Int64GetDatum(0));
	AtEOXact_GUC(true, level);
	return DatumGetBool(sent);
}

bool
signal_backend(int pid, Action action)
{
	return BackendPidGetProc(pid) != nullptr &&
	       kill(-pid, action == Action::Cancel ? SIGINT : SIGTERM) == 0;
}

bool
ask_to_end(const BackendRef &backend)
{
	if (backend.slot < 0 || has_left(backend))
		return false;
	request_end(backend.slot, backend.id);
	return send_catchup(backend.id.pid, backend.slot);
}

bool
withdraw_request_to_end(const BackendRef &backend)
{
	if (!withdraw_end(backend.slot, backend.id))
		return false;
	retract_message(backend.slot, backend.id);
	return true;
}

void
report_survivor(int pid, const char *note)
{
	int level = NewGUCNestLevel();

	/* Whoever has given the request is told by the outcome. */
	silence("client_min_messages");
	ereport(WARNING, (errmsg_internal("session %d has survived its signal: %s", pid, note),
	                  errhidestmt(true), errhidecontext(true)));
	AtEOXact_GUC(true, level);
}

void
report_left_alone(int pid, const char *why)
{
	ereport(LOG_SERVER_ONLY, (errmsg_internal("left session %d alone, %s", pid, why),
	                          errhidestmt(true), errhidecontext(true)));
}

void
append_session(Text &text, const BackendSnapshot &snapshot, const Names &names)
{
	text.append(snapshot.backend.id.pid)
	    .append(" (user ")
	    .append_quoted(names.role)
	    .append(", database ")
	    .append_quoted(names.database)
	    .append(", application ")
	    .append_quoted(snapshot.application_name)
	    .append(", ");
	if (snapshot.kind == B_BG_WORKER)
		text.append("background worker ").append_quoted(kind_of(snapshot));
	else
		append_address(text.append("client "), snapshot.client_address);
	text.append(")");
}

} // namespace session_guard
