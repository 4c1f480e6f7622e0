/*
 * Commands that store settings of this extension for roles and databases, or that bring and take
 * away the table of rules: the guard is to read them once they are committed.  And COMMIT PREPARED,
 * by which other rules may come into force, too.
 */
#pragma once

#include "pg/pg.h"

#include "backend/unbound_limit.h"

#include <optional>

namespace session_guard
{

struct SettingCommand
{
	enum class Kind
	{
		None,
		Stores,
		/* It commits what was prepared, perhaps by another session. */
		CommitsPrepared,
	};
	Kind kind;
	/* For Stores. */
	std::optional<UnboundLimit> unbound;
};

/* Which of them a command is; to be asked before it runs, which may free its tree. */
SettingCommand setting_command_of(Node *statement);

/* Note a command that has succeeded. */
void note_setting_command(const SettingCommand &command);

} // namespace session_guard
