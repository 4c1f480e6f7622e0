/*
 * Signals and names (see signals.h).
 */
#include "server/signals.h"

#include "server/show.h"

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

/* Keep the server's WARNINGs from log and client; the nest level that ends it. */
int
silence_warnings()
{
	int level = NewGUCNestLevel();

	(void)set_config_option("client_min_messages", "error", PGC_USERSET, PGC_S_SESSION,
	                        GUC_ACTION_SAVE, true, 0, false);
	if (own_log_level() < ERROR)
		(void)set_config_option("log_min_messages", "error", PGC_SUSET, PGC_S_SESSION,
		                        GUC_ACTION_SAVE, true, 0, false);
	return level;
}

} // namespace

bool
signal_by_server(int pid, Action action)
{
	int level = silence_warnings();
	Datum sent;

	if (action == Action::Cancel)
		sent = DirectFunctionCall1(pg_cancel_backend, Int32GetDatum(pid));
	else
		sent = DirectFunctionCall2(pg_terminate_backend, Int32GetDatum(pid), Int64GetDatum(0));
	AtEOXact_GUC(true, level);
	return DatumGetBool(sent);
}

bool
signal_process(int pid, Action action)
{
	return kill(-pid, action == Action::Cancel ? SIGINT : SIGTERM) == 0;
}

void
append_session(Text &text, const Sighting &sighting, const char *role, const char *database)
{
	text.append(sighting.session.id.pid)
	    .append(" (user \"")
	    .append(on_one_line(role))
	    .append("\", database \"")
	    .append(on_one_line(database))
	    .append("\", application \"")
	    .append(sighting.application_name)
	    .append("\", client ");
	append_address(text, sighting.client_address);
	text.append(")");
}

} // namespace session_guard
