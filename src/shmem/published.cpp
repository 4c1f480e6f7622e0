/*
 * What each session publishes of itself (see published.h).
 */
#include "shmem/published.h"

#include "shmem/shared_memory.h"

namespace session_guard
{

namespace
{

/* A writer is between two counts for nanoseconds only, unless it was put to sleep there. */
constexpr int read_tries = 100;

} // namespace

void
init_published(PublishedSlot *slots, int count)
{
	for (int slot = 0; slot < count; slot++)
		pg_atomic_init_u32(&slots[slot].changes, 0);
}

void
publish(Published value)
{
	if (shared() == nullptr || MyBEEntry == nullptr || own_status_slot() < 0 ||
	    own_status_slot() >= MaxBackends)
		return;

	PublishedSlot &slot = published_slot(own_status_slot());
	uint32 changes = pg_atomic_read_u32(&slot.changes);

	value.backend_start = MyBEEntry->st_proc_start_timestamp;
	/* Who had the place before may have been ended in the middle: the count is made odd, not one
	 * more. */
	pg_atomic_write_u32(&slot.changes, changes | 1);
	pg_write_barrier();
	slot.value = value;
	pg_write_barrier();
	pg_atomic_write_u32(&slot.changes, (changes | 1) + 1);
}

bool
read_published(int slot, Timestamp backend_start, Published &published)
{
	PublishedSlot &source = published_slot(slot);

	for (int i = 0; i < read_tries; i++)
	{
		uint32 before = pg_atomic_read_u32(&source.changes);

		pg_read_barrier();
		published = source.value;
		pg_read_barrier();
		if (before % 2 == 0 && before == pg_atomic_read_u32(&source.changes))
		{
			if (published.backend_start != backend_start)
				published = {};
			return true;
		}
	}
	return false;
}

} // namespace session_guard
