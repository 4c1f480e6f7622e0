/*
 * What ALTER ROLE ... SET stores for a role of which it binds or spares no session, or not those
 * that one would think.
 */
#pragma once

#include "core/limits.h"

#include "pg/pg.h"

#include <optional>
#include <type_traits>

namespace session_guard
{

/* A setting that is stored without that effect, and the role. */
struct UnboundLimit
{
	/* None: it is the exemption. */
	std::optional<Limit> limit;
	/* The role cannot log in; otherwise it is a superuser, and superusers are spared. */
	bool cannot_log_in;
	NameData role;
};
static_assert(std::is_trivially_destructible_v<UnboundLimit>);

/*
 * The setting that the command will store without binding or sparing any session that logs in as
 * its role, if it does.  To be asked before the command runs, which may free its tree; reads no
 * more than the command will, and reports no error of its own.
 */
std::optional<UnboundLimit> find_unbound_limit(const AlterRoleSetStmt &command);

/* Report such a setting, once the command has succeeded. */
void report_unbound_limit(const UnboundLimit &unbound);

} // namespace session_guard
