/*
 * The signals that end a statement or a session, and how a session is called
 * in the log line about them.
 */
#pragma once

#include "core/limits.h"
#include "core/messages.h"

#include "status/backend_status.h"

namespace session_guard
{

/*
 * Call the server's own function, which asks for the caller's right and sends
 * the signal.  False if it found nobody; its WARNING about that is not shown.
 */
bool signal_by_server(int pid, Action action);

/* Send what the server's function would send, without asking for the right to it; false if there is
 * no such backend. */
bool signal_backend(int pid, Action action);

/*
 * Ask a session to end as soon as it is outside of a transaction (shmem/end_requests.h), and wake
 * it if it is now; false if there is no such session.  May be called again, to wake it.  Nobody
 * is asked for the right to it.
 */
bool ask_to_end(const BackendRef &backend);

/* Ask it no longer, and take its message back; false if it is ending already, or is not asked. */
bool withdraw_request_to_end(const BackendRef &backend);

/* Write, to the log only, that a signal has had no effect, and what its receiver is at. */
void report_survivor(int pid, const char *note);

/* Write that a session whose end was announced has not been signaled, and why. */
void report_left_alone(int pid, const char *why);

/* 4808 (user "web", database "shop", application "billing", client 10.1.2.3) */
void append_session(Text &text, const BackendSnapshot &snapshot, const Names &names);

} // namespace session_guard
