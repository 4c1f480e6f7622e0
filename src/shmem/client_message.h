/*
 * Why a session is ended, told to its client.
 *
 * Before the signal, the reason goes into the slot that the session has in
 * shared memory.  There the session finds it at the moment when it reports the
 * end to its client, and adds it to what the server says.
 *
 * A reason counts for the session and, if it is about a cancel, the statement
 * that it was written for.  Who signals a session that has been signaled for a
 * reason already does not change that reason.
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
	std::array<char, 1024> detail;
	/* Empty if there is nothing that the client can do. */
	std::array<char, 192> hint;
};

/* In shared memory, one for each place in the backend-status array. */
struct MessageSlot
{
	slock_t lock;
	/* Who has written it; 0 if nothing is in it. */
	int writer;
	/* The signal was sent. */
	bool is_sent;
	/*
	 * When a subtransaction of the canceled statement has failed first, by the
	 * monotonic clock; 0 if none has.
	 */
	Duration failed_at;
	ClientMessage reason;
};

void init_message(MessageSlot &slot);

/* Put a reason where its session will find it.  Without shared memory nobody is told. */
void publish_message(int slot, const ClientMessage &reason);

/* The signal was sent: the reason stays. */
void keep_message();

/*
 * The signal was not sent: take back what this process has published last and
 * not kept.  Does nothing if there is no such reason, so it can be called
 * whenever a transaction fails.
 */
void withdraw_message();

/*
 * Note, in the session that may have been canceled, that a subtransaction has
 * failed.  If the statement catches that error and goes on, no later cancel has
 * the reason of this one.
 */
void note_failed_subtransaction();

/* Add to a message that is about to be reported the reason that this session was given for it. */
void tell_message(ErrorData &message);

} // namespace session_guard
