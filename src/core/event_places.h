/*
 * Which event is in which place of the memory for events, and which event is
 * replaced when all places are taken.
 *
 * No role can replace events of others before they are in the history.  Half of
 * the places are reserved for the guard; the rest is for the roles that call
 * functions.  There each role has at most a share of the places for events that the
 * history does not have yet, which leaves room for others; beyond it its own oldest
 * event is replaced, so a flood replaces itself.  If there is no room all the same,
 * the oldest event of the role that has most is replaced.
 *
 * An event is hasty if its role had no room for it and did not wait; otherwise it
 * is patient.  All of this may be in shared memory; the caller holds a lock.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace session_guard
{

/* The role that has acted, or the guard. */
using EventOwner = std::uint32_t;
inline constexpr EventOwner guard_owner = 0;

/* A place in an array of places, or none. */
using EventPlace = std::int32_t;
inline constexpr EventPlace no_place = -1;

/* What is known of the event in a place. */
struct PlacedEvent
{
	/* 0 if the place is free. */
	std::uint64_t number;
	/* What repetitions of it have in common; 0 if it can have none. */
	std::uint64_t key;
	EventOwner owner;
	/* The history has it as it is, and nothing more is to come. */
	bool is_written;
	/* The history has had it once, perhaps as it was then. */
	bool was_written;
	bool is_hasty;
	/* Its neighbors in the queue that it is in. */
	EventPlace previous;
	EventPlace next;
	/* The next in the same bucket, by number and by key. */
	EventPlace next_by_number;
	EventPlace next_by_key;
};
static_assert(std::is_trivially_copyable_v<PlacedEvent>);

/* Places in the order in which their events came, or were written. */
struct PlaceQueue
{
	EventPlace first = no_place;
	EventPlace last = no_place;
	std::size_t count = 0;
};

/* The events of one role that the history does not have as they are. */
struct EventAccount
{
	EventOwner owner;
	PlaceQueue patient;
	PlaceQueue hasty;

	std::size_t
	count() const
	{
		return patient.count + hasty.count;
	}
};
static_assert(std::is_trivially_copyable_v<EventAccount>);

/* The least that there can be. */
inline constexpr std::size_t fewest_event_places = 2;

/* How many of so many places are for roles. */
constexpr std::size_t
places_for_roles(std::size_t places)
{
	return places / 2;
}

class EventPlaces
{
  public:
	EventPlaces() = default;

	/* Begin with empty places: with as many heads of each kind as places, and as many accounts as
	 * places for roles. */
	EventPlaces(std::span<PlacedEvent> places, std::span<EventPlace> heads_by_number,
	            std::span<EventPlace> heads_by_key, std::span<EventAccount> accounts);

	struct Taken
	{
		/* No place: the event cannot be kept. */
		EventPlace place;
		/* An event is lost to the history: the one that was in the place, or this one. */
		bool loses;
	};

	/*
	 * Take a place for a new event, which is not written yet.  Without a history no
	 * role waits for it, and all events are patient.
	 */
	Taken take(EventOwner owner, std::uint64_t number, std::uint64_t key, bool has_history);

	/* Where an event is. */
	EventPlace find(std::uint64_t number) const;

	/* Where the latest event of an owner with this key is. */
	EventPlace find_like(EventOwner owner, std::uint64_t key) const;

	/* Note that the history does not have an event any more as it is now. */
	void note_change(EventPlace place);

	/*
	 * Note that the history has an event.  Until the event is complete it keeps its
	 * position among those that wait to be written.
	 */
	void note_written(EventPlace place, bool is_complete);

	/*
	 * May a role add an event without waiting?  It may have at most as many events that
	 * wait to be written as it leaves free for others; or as another role has, while
	 * there is room for newcomers, or if that role has hasty ones.
	 */
	bool has_room(EventOwner role) const;

	/* Does a role, or the guard, have so many unwritten events that the history should hurry? */
	bool is_pressed() const;

	const PlacedEvent &
	at(EventPlace place) const
	{
		return places_[static_cast<std::size_t>(place)];
	}
	std::size_t
	size() const
	{
		return places_.size();
	}

	/* Call a function with the place of each event that waits to be written, or to be completed. */
	template <typename Use>
	void
	for_each_unwritten(Use use) const
	{
		for_each_in(guard_unwritten_, use);
		for (const EventAccount &account : accounts_.first(account_count_))
		{
			for_each_in(account.patient, use);
			for_each_in(account.hasty, use);
		}
	}

  private:
	template <typename Use>
	void
	for_each_in(const PlaceQueue &queue, Use use) const
	{
		for (EventPlace place = queue.first; place != no_place; place = at(place).next)
			use(place);
	}

	PlacedEvent &
	event(EventPlace place)
	{
		return places_[static_cast<std::size_t>(place)];
	}

	void append(PlaceQueue &queue, EventPlace place);
	void remove(PlaceQueue &queue, EventPlace place);
	PlaceQueue &queue_of(EventPlace place);
	EventAccount &account_of(EventOwner role);
	const EventAccount *find_account(EventOwner role) const;
	std::size_t count_of(EventOwner role) const;
	bool has_room_of_its_own(EventOwner role) const;
	void forget_empty_account(EventOwner role);

	std::size_t for_roles() const;
	std::size_t beyond_reserve() const;
	std::size_t room_for_roles() const;
	EventPlace place_for_guard() const;
	EventPlace place_for_role(EventOwner role, bool has_history, bool is_hasty) const;
	template <typename MayGiveUp>
	const EventAccount *greatest_account(EventOwner role, MayGiveUp may_give_up) const;
	EventPlace oldest_hasty(EventOwner role) const;
	EventPlace oldest_of_greatest(EventOwner role) const;
	void vacate(EventPlace place);
	void settle_in(EventPlace place);

	std::span<PlacedEvent> places_;
	std::span<EventPlace> heads_by_number_;
	std::span<EventPlace> heads_by_key_;
	std::span<EventAccount> accounts_;
	std::size_t account_count_ = 0;
	PlaceQueue free_;
	PlaceQueue guard_written_;
	PlaceQueue guard_unwritten_;
	PlaceQueue roles_written_;
	/* How many places the roles have, written or not. */
	std::size_t roles_count_ = 0;
};
static_assert(std::is_trivially_copyable_v<EventPlaces>);
static_assert(std::is_trivially_destructible_v<EventPlaces>);

} // namespace session_guard
