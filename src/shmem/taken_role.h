/*
 * The role that each session has taken on by SET ROLE, as the session itself says: backend status
 * shows only the role that has logged in.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

#include <type_traits>

namespace session_guard
{

struct TakenRole
{
	/* InvalidOid if the session is the role that it has logged in as. */
	Oid role;
	/* When it was taken on; 0 if none was. */
	Instant since;
};
static_assert(std::is_trivially_copyable_v<TakenRole>);

Size taken_roles_size();
void taken_roles_init(void *memory, bool found);

/* Say which role this session has taken on.  Cannot fail; nothing happens without shared memory. */
void publish_taken_role(const TakenRole &taken);

/* That of the session in a place that has this start; none if it cannot be read now, which binds
 * nobody. */
TakenRole taken_role_of(int slot, Timestamp backend_start);

} // namespace session_guard
