/*
 * Limits that ALTER ROLE ... SET stores for a role of which they bind no session.
 */
#pragma once

#include "core/limits.h"

#include "pg/pg.h"

#include <optional>
#include <type_traits>

namespace session_guard
{

/* A limit that is stored without effect, and the role. */
struct UnboundLimit
{
	Limit limit;
	/* The role cannot log in; otherwise it is a superuser, and superusers are spared. */
	bool cannot_log_in;
	NameData role;
};
static_assert(std::is_trivially_destructible_v<UnboundLimit>);

/*
 * The limit that the command will store without binding any session of its role, if
 * it does.  To be asked before the command runs, which may free its tree; reads no
 * more than the command will, and reports no error of its own.
 */
std::optional<UnboundLimit> find_unbound_limit(const AlterRoleSetStmt &command);

/* Report such a limit, once the command has succeeded. */
void report_unbound_limit(const UnboundLimit &unbound);

} // namespace session_guard
