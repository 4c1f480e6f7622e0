/*
 * Why a session is ended, to be told to its client.
 *
 * Before the signal the reason is put into the session's place in shared memory.
 * There the session finds it when it reports its end to its client
 * (backend/client_message.h).
 *
 * A message counts for the session and, if it is about a cancel, the statement
 * that it was written for.  Once a session was signaled for one reason, another
 * signal does not change it.
 */
#pragma once

#include "core/limits.h"
#include "core/session.h"

#include "pg/pg.h"

#include <array>

namespace session_guard
{

/* Texts are plain ASCII: what the client's encoding cannot show would replace the whole message. */
struct ClientMessage
{
	SessionId session;
	Action action;
	/* For a cancel (statement_stamp). */
	Timestamp statement;
	/* No signal was sent, but the session is asked to end: what is sent meanwhile counts first. */
	bool is_of_request;
	std::array<char, 1024> detail;
	/* Empty if there is nothing that the client can do. */
	std::array<char, 192> hint;
};

Size client_messages_size();
void client_messages_init(void *memory, bool found);

/* Put a message where its session will find it.  Does nothing without shared memory. */
void publish_message(int slot, const ClientMessage &message);

/* The signal was sent: the message stays. */
void keep_message();

/*
 * The signal was not sent: take back what this process has published last and
 * not kept.  Does nothing if there is no such message, so it can be called
 * whenever a transaction fails.
 */
void withdraw_message();

/* The signal was taken back: so is what this process has told the session, kept or not. */
void retract_message(int slot, const SessionId &session);

/* A session as it finds its messages: itself, its place, and the statement that it runs. */
struct Addressee
{
	SessionId session;
	int slot;
	Timestamp statement;
};

/* Can there be a message for whoever is in a place?  Without a lock, for a first check. */
bool may_have_message(int slot);

/* Take the message about an action that is for this session; false if there is none. */
bool take_message(const Addressee &self, Action action, ClientMessage &message);

/*
 * Note that a subtransaction has failed while a cancel is announced to this
 * statement.  If the statement catches that error and goes on, no later cancel has
 * the message of this one.
 */
void note_failure(const Addressee &self);

} // namespace session_guard
