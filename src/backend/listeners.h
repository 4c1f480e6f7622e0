/*
 * The channels that this session listens on, as the server will have them after
 * the present transaction, and the mark that shows the guard whether there are any.
 *
 * The text of a query does not show them, and the server does not expose its list.
 * Where the two could differ, this one errs on the side of sparing the session.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* What a command changes. */
struct ListenCommand
{
	enum class Kind
	{
		None,
		Listen,
		Unlisten,
		UnlistenAll,
	};
	Kind kind;
	/* For Listen and Unlisten. */
	const char *channel;
};

/* What a command will change; to be asked before it runs, which may free its tree. */
ListenCommand listen_command_of(Node *statement);

/* Note a command that has succeeded; it takes effect at commit. */
void note_listen_command(const ListenCommand &command);

/* Note the end of the transaction. */
void settle_listening(bool committed);

/* Note the end of the present subtransaction. */
void settle_listening_in_subtransaction(bool committed);

} // namespace session_guard
