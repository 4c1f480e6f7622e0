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

/* A limit that would be stored in vain, and for whom. */
struct Unbound
{
	Limit limit;
	/* It cannot log in; otherwise it is a superuser, and those are spared. */
	bool cannot_log_in;
	NameData role;
};
static_assert(std::is_trivially_destructible_v<Unbound>);

/*
 * Will the command store a limit that binds no session of its role?  To be asked
 * before it runs, which may free its tree; reads no more than the command will,
 * and reports no error of its own.
 */
std::optional<Unbound> find_unbound(const AlterRoleSetStmt &command);

/* Say so, once the command has succeeded. */
void report_unbound(const Unbound &unbound);

} // namespace session_guard
