/*
 * What each session publishes of itself (see published.h).
 */
#include "shmem/published.h"

#include "pg/compat.h"

#include "shmem/shared_value.h"

namespace session_guard
{

namespace
{

using PublishedSlot = SharedValue<Published>;

PublishedSlot *slots = nullptr;

} // namespace

Size
published_size()
{
	return mul_size(sizeof(PublishedSlot), static_cast<Size>(MaxBackends));
}

void
published_init(void *memory, bool found)
{
	slots = static_cast<PublishedSlot *>(memory);
	if (found)
		return;
	for (int slot = 0; slot < MaxBackends; slot++)
		slots[slot].init({});
}

void
publish(Published value)
{
	if (slots == nullptr || MyBEEntry == nullptr || own_status_slot() < 0 ||
	    own_status_slot() >= MaxBackends)
		return;
	value.backend_start = MyStartTimestamp;
	slots[own_status_slot()].write(value);
}

bool
read_published(int slot, Timestamp backend_start, Published &published)
{
	if (!slots[slot].read(published))
		return false;
	if (published.backend_start != backend_start)
		published = {};
	return true;
}

} // namespace session_guard
