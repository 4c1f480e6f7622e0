/*
 * What each session publishes of itself (see published.h).
 */
#include "shmem/published.h"

#include "shmem/session_values.h"

namespace session_guard
{

namespace
{

SessionValues<Published> values;

} // namespace

Size
published_size()
{
	return values.size();
}

void
published_init(void *memory, bool found)
{
	values.init(memory, found);
}

void
publish(const Published &value)
{
	values.publish(value);
}

bool
read_published(int slot, Timestamp backend_start, Published &published)
{
	return values.read(slot, backend_start, published);
}

} // namespace session_guard
