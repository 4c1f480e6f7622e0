/*
 * The roles that sessions have taken on (see taken_role.h).
 */
#include "shmem/taken_role.h"

#include "shmem/session_values.h"

namespace session_guard
{

namespace
{

SessionValues<TakenRole> values;

} // namespace

Size
taken_roles_size()
{
	return values.size();
}

void
taken_roles_init(void *memory, bool found)
{
	values.init(memory, found);
}

void
publish_taken_role(const TakenRole &taken)
{
	values.publish(taken);
}

TakenRole
taken_role_of(int slot, Timestamp backend_start)
{
	TakenRole taken;

	return values.read(slot, backend_start, taken) ? taken : TakenRole{};
}

} // namespace session_guard
