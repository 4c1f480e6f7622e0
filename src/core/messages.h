/*
 * The sentences in which the guard explains itself: one wording for the server's
 * log, the client and the history.  The words for actions and outcomes are in
 * core/action.h.
 */
#pragma once

#include "core/action.h"
#include "core/available_memory.h"
#include "core/census.h"
#include "core/decision.h"
#include "core/policy.h"
#include "core/spared.h"
#include "core/text.h"

namespace session_guard
{

/* What a session's role and database are called, and what else can have set a limit for it. */
struct Names
{
	std::string_view role;
	std::string_view database;
	/* Of the rule that is the source; empty if that is not known any more. */
	std::string_view rule = {};
	/* Of the role taken on by SET ROLE. */
	std::string_view taken_role = {};
	/* Of the rule that exempts it. */
	std::string_view exempting_rule = {};
};

/* Where a setting was made: "configuration file", role "app" in database "shop". */
void append_source(Text &text, Source source, const Names &names);

/* What the log says of a verdict that is about to be executed, or with mode = log is not. */
std::string_view announcement_of(const Verdict &verdict);

/*
 * Why: "idle in transaction for 5 min 2 s,
 * pg_session_guard.idle_in_transaction_session_timeout is 5 min (configuration file)".
 */
void append_reason(Text &text, const Verdict &verdict, const Policy &policy, const Names &names);

/*
 * The same as sentences for the client: "Idle in transaction for 5 min 2 s;
 * pg_session_guard.idle_in_transaction_session_timeout is 5 min (role "web")."
 */
void append_detail(Text &text, const Verdict &verdict, const Policy &policy, const Names &names);

/* How late an action is that is taken at the moment at which the verdict was measured. */
Duration lateness_of(const Verdict &verdict, const Policy &policy);

/* Where a limit is set for some sessions only. */
struct SetForSome
{
	bool roles_or_databases;
	bool rules;
	/* Rules set it, too, but only log. */
	bool trials;
};

/*
 * That a limit has come into force, perhaps for some sessions only, how many
 * sessions exceed it, and how many are spared from it, by reason.
 */
void append_in_force(Text &text, Limit limit, const Policy &policy, const SetForSome &set_for,
                     const Census &census, std::int64_t catch_up_rate);

/* What is left of memory: "the server has 180 MB left". */
void append_left(Text &text, AvailableMemory left);

/* That a limit of the server as a whole has come into force, and what is left of memory if known.
 */
void append_in_force_for_server(Text &text, Limit limit, const Policy &policy,
                                std::optional<AvailableMemory> left);

/* How many connections are free, of those that are not reserved: "1 of 97 connections is free". */
void append_room(Text &text, const Room &room);

/* That connection_headroom has come into force, and how many are free now. */
void append_headroom_in_force(Text &text, const Policy &policy, const Room &room);

/* Why a session is spared under this policy: "superuser", exempt by role "backup". */
void append_spared(Text &text, Spared spared, const Policy &policy, const Names &names);

/*
 * How a session that survived its signal has ended, and how long after it, before
 * what was noted until then: "gone after 17 s; before: still there after 5 s".
 */
void append_end_of_survivor(Text &text, Outcome outcome, Duration after, std::string_view before);

/* How often the same was done again: "repeated 41 times within 12 s". */
void append_repetitions(Text &text, std::int64_t repetitions, Duration within);

/*
 * Is an action that is repeated to be logged this time?  The first one is, and
 * those after 10, 100, 1000 ... times.
 */
bool is_to_be_logged(std::int64_t times_before);

} // namespace session_guard
