/*
 * The utility command that runs in this session, published for the guard: neither
 * the query's text nor its progress shows what runs inside of a function, or after
 * an error that was caught.
 *
 * A command is published from its beginning to its end, however it ends; the caller
 * keeps the mark on its stack meanwhile.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include <type_traits>

namespace session_guard
{

/* A command that was published as running. */
struct CommandMark
{
	/* None if it is not maintenance. */
	MaintenanceCommand maintenance;
	/* Maintenance that is spared by default: not on the session's own temporary tables. */
	bool is_spared;
	bool is_copy;

	/* Is there anything to be ended? */
	bool
	is_set() const
	{
		return maintenance != MaintenanceCommand::None || is_copy;
	}
};

/* Publish that a command begins, if it is one of those that count. */
CommandMark begin_command(Node *statement);

/* Publish that it has ended.  Cannot fail. */
void end_command(const CommandMark &mark);

/* Run a command that has begun, and publish its end whether it succeeds or fails. */
template <typename Run>
[[gnu::noinline]] void
run_marked(const CommandMark &mark, Run run)
{
	static_assert(std::is_trivially_destructible_v<Run>);
	if (!mark.is_set())
		return run();
	PG_TRY();
	{
		run();
	}
	PG_CATCH();
	{
		end_command(mark);
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_command(mark);
}

/* Note the end of a transaction.  Cannot fail. */
void note_end_of_transaction(bool failed);

} // namespace session_guard
