/*
 * What is closed to new connections (see closings.h).
 */
#include "shmem/closings.h"

#include "pg/compat.h"

namespace session_guard
{

namespace
{

/* The number is 0 where it is free. */
using Place = NumberedClosing;

struct Closings
{
	LWLock lock;
	/* How many places are not free, those included whose time is over. */
	pg_atomic_uint32 used;
	std::uint64_t last_number;
	Place places[max_closings];
};

Closings *closings = nullptr;

bool
is_used(const Place &place)
{
	return place.number != 0;
}

bool
lasts(const Place &place, Instant now)
{
	return is_used(place) && place.closing.until > now;
}

/* Under the lock, held exclusively. */
void
free_place(Place &place)
{
	place.number = 0;
	pg_atomic_fetch_sub_u32(&closings->used, 1);
}

/* Is a closing in the way of a new one: by its time, or as what that replaces? */
bool
gives_way(const Place &place, const Closing &closing, Instant now)
{
	return is_used(place) &&
	       (!lasts(place, now) || (place.closing.object == closing.object &&
	                               place.closing.drained_by == 0 && closing.drained_by == 0));
}

Place *
find_place(std::uint64_t number)
{
	for (Place &place : closings->places)
		if (place.number == number)
			return &place;
	return nullptr;
}

/* Change the place of a closing, if it is there. */
template <typename Change>
bool
change_closing(std::uint64_t number, Change change)
{
	if (number == 0)
		return false;
	LWLockAcquire(&closings->lock, LW_EXCLUSIVE);
	Place *place = find_place(number);
	if (place != nullptr)
		change(*place);
	LWLockRelease(&closings->lock);
	return place != nullptr;
}

/* Under the lock: is there still room for a closing of somebody who is no superuser? */
bool
has_room_for_others()
{
	int others = 0;

	for (const Place &place : closings->places)
		others += is_used(place) && !place.closing.is_superusers ? 1 : 0;
	return others < max_closings_of_others;
}

/* Under the lock: what else than a drain closes the same object; nullptr if nothing does. */
Place *
find_twin(const Place &place)
{
	for (Place &other : closings->places)
		if (is_used(other) && &other != &place && other.closing.drained_by == 0 &&
		    other.closing.object == place.closing.object)
			return &other;
	return nullptr;
}

bool
concerns(const Closing &closing, Oid database, Oid role)
{
	return closing.object == ClosedObject{.database = database, .role = InvalidOid} ||
	       closing.object == ClosedObject{.database = InvalidOid, .role = role};
}

/* Under the lock: the closing that keeps a connection out, and lasts longest; nullptr if none does.
 */
Place *
find_obstacle(Oid database, Oid role, Instant now)
{
	Place *found = nullptr;

	for (Place &place : closings->places)
		if (lasts(place, now) && concerns(place.closing, database, role) &&
		    (found == nullptr || place.closing.until > found->closing.until))
			found = &place;
	return found;
}

/* Have a function see the obstacle, if there is one. */
template <typename Look>
bool
look_for_obstacle(Oid database, Oid role, Instant now, LWLockMode mode, Look look)
{
	LWLockAcquire(&closings->lock, mode);
	Place *place = find_obstacle(database, role, now);
	if (place != nullptr)
		look(place->closing);
	LWLockRelease(&closings->lock);
	return place != nullptr;
}

} // namespace

Size
closings_size()
{
	return sizeof(Closings);
}

void
closings_init(void *memory, bool found)
{
	closings = static_cast<Closings *>(memory);
	if (found)
		return;
	LWLockInitialize(&closings->lock, new_lwlock_tranche("PgSessionGuardClosings"));
	pg_atomic_init_u32(&closings->used, 0);
	closings->last_number = 0;
	for (Place &place : closings->places)
		place.number = 0;
}

std::uint64_t
add_closing(const Closing &closing, Instant now)
{
	std::uint64_t number = 0;

	LWLockAcquire(&closings->lock, LW_EXCLUSIVE);
	for (Place &place : closings->places)
		if (gives_way(place, closing, now))
			free_place(place);
	Place *place = closing.is_superusers || has_room_for_others() ? find_place(0) : nullptr;
	if (place != nullptr)
	{
		number = ++closings->last_number;
		*place = {.number = number, .closing = closing};
		pg_atomic_fetch_add_u32(&closings->used, 1);
	}
	LWLockRelease(&closings->lock);
	return number;
}

void
set_sessions_left(std::uint64_t number, int left)
{
	(void)change_closing(number, [=](Place &place) { place.closing.left = left; });
}

bool
end_drain(std::uint64_t number, Instant until)
{
	return change_closing(number,
	                      [=](Place &place)
	                      {
		                      place.closing.drained_by = 0;
		                      place.closing.until = until;
		                      if (Place *twin = find_twin(place))
			                      free_place(twin->closing.until > until ? place : *twin);
	                      });
}

bool
remove_closing(std::uint64_t number)
{
	return change_closing(number, free_place);
}

bool
remove_closings_of(const ClosedObject &object, Instant now)
{
	bool was_closed = false;

	LWLockAcquire(&closings->lock, LW_EXCLUSIVE);
	for (Place &place : closings->places)
		if (is_used(place) && place.closing.object == object)
		{
			was_closed |= lasts(place, now);
			free_place(place);
		}
	LWLockRelease(&closings->lock);
	return was_closed;
}

bool
is_nothing_closed()
{
	/* What this session has written to its status comes first: who closes reads that afterwards. */
	pg_memory_barrier();
	return pg_atomic_read_u32(&closings->used) == 0;
}

bool
refuse_by_closing(Oid database, Oid role, Instant now, Closing &found)
{
	return look_for_obstacle(database, role, now, LW_EXCLUSIVE,
	                         [&](Closing &closing)
	                         {
		                         closing.refused++;
		                         found = closing;
	                         });
}

bool
is_closed(Oid database, Oid role, Instant now)
{
	return look_for_obstacle(database, role, now, LW_SHARED, [](Closing &) {});
}

int
copy_closings(NumberedClosing *copies, Instant now)
{
	int count = 0;

	LWLockAcquire(&closings->lock, LW_SHARED);
	for (const Place &place : closings->places)
		if (lasts(place, now))
			copies[count++] = place;
	LWLockRelease(&closings->lock);
	return count;
}

} // namespace session_guard
