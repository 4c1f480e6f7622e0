/*
 * Which event is in which place (see event_places.h).
 */
#include "core/event_places.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/*
 * A role that does not wait for the history may have this many times as many events
 * as it leaves room for; then its own give way, and others find room.  This is more
 * than roles that wait have, since two sessions of a role may act at the same time.
 */
constexpr std::size_t most_for_hasty = 2;
/* One in so many of the roles' places is left for roles that have no event yet. */
constexpr std::size_t part_for_newcomers = 16;

EventPlace &
head_of(std::span<EventPlace> heads, std::uint64_t value)
{
	return heads[value % heads.size()];
}

/* Take a place out of the chain that begins at a head. */
void
unchain(std::span<PlacedEvent> places, EventPlace &head, EventPlace place,
        EventPlace PlacedEvent::*next)
{
	EventPlace *link = &head;

	while (*link != place)
		link = &(places[static_cast<std::size_t>(*link)].*next);
	*link = places[static_cast<std::size_t>(place)].*next;
}

} // namespace

EventPlaces::EventPlaces(std::span<PlacedEvent> places, std::span<EventPlace> heads_by_number,
                         std::span<EventPlace> heads_by_key, std::span<EventAccount> accounts)
    : places_(places), heads_by_number_(heads_by_number), heads_by_key_(heads_by_key),
      accounts_(accounts)
{
	std::ranges::fill(heads_by_number_, no_place);
	std::ranges::fill(heads_by_key_, no_place);
	for (std::size_t place = 0; place < places_.size(); place++)
	{
		places_[place] = PlacedEvent{};
		append(free_, static_cast<EventPlace>(place));
	}
}

void
EventPlaces::append(PlaceQueue &queue, EventPlace place)
{
	event(place).previous = queue.last;
	event(place).next = no_place;
	if (queue.last != no_place)
		event(queue.last).next = place;
	else
		queue.first = place;
	queue.last = place;
	queue.count++;
}

void
EventPlaces::remove(PlaceQueue &queue, EventPlace place)
{
	EventPlace previous = event(place).previous;
	EventPlace next = event(place).next;

	(previous != no_place ? event(previous).next : queue.first) = next;
	(next != no_place ? event(next).previous : queue.last) = previous;
	queue.count--;
}

const EventAccount *
EventPlaces::find_account(EventOwner role) const
{
	std::span<EventAccount> used = accounts_.first(account_count_);
	auto found = std::ranges::find(used, role, &EventAccount::owner);

	return found != used.end() ? &*found : nullptr;
}

/* How many events of a role wait to be written. */
std::size_t
EventPlaces::count_of(EventOwner role) const
{
	const EventAccount *own = find_account(role);

	return own != nullptr ? own->count() : 0;
}

/* The account of a role, created if it has none: there are as many as roles can have events. */
EventAccount &
EventPlaces::account_of(EventOwner role)
{
	if (const EventAccount *found = find_account(role))
		return accounts_[static_cast<std::size_t>(found - accounts_.data())];
	accounts_[account_count_] = {.owner = role, .patient = {}, .hasty = {}};
	return accounts_[account_count_++];
}

void
EventPlaces::forget_empty_account(EventOwner role)
{
	if (role == guard_owner)
		return;
	EventAccount &account = account_of(role);
	if (account.count() == 0)
		account = accounts_[--account_count_];
}

/* The queue of the event in a place. */
PlaceQueue &
EventPlaces::queue_of(EventPlace place)
{
	const PlacedEvent &placed = at(place);

	if (placed.owner == guard_owner)
		return placed.is_written ? guard_written_ : guard_unwritten_;
	if (placed.is_written)
		return roles_written_;
	EventAccount &account = account_of(placed.owner);
	return placed.is_hasty ? account.hasty : account.patient;
}

std::size_t
EventPlaces::for_roles() const
{
	return places_for_roles(places_.size());
}

/* How many places the guard has beyond those that are reserved for it. */
std::size_t
EventPlaces::beyond_reserve() const
{
	std::size_t of_guard = guard_written_.count + guard_unwritten_.count;
	std::size_t reserve = places_.size() - for_roles();

	return of_guard - std::min(of_guard, reserve);
}

/* How many events of roles could be added now without replacing one that is not written. */
std::size_t
EventPlaces::room_for_roles() const
{
	std::size_t unwritten = roles_count_ - roles_written_.count;
	std::size_t takable =
	    free_.count + roles_written_.count + std::min(beyond_reserve(), guard_written_.count);

	return std::min(for_roles() - unwritten, takable);
}

/*
 * The account with most events, one more of this role included, among those that
 * may give one up; nullptr if there is none.  On a tie the role gives up its own.
 */
template <typename MayGiveUp>
const EventAccount *
EventPlaces::greatest_account(EventOwner role, MayGiveUp may_give_up) const
{
	const EventAccount *own = find_account(role);
	const EventAccount *greatest = own != nullptr && may_give_up(*own) ? own : nullptr;
	std::size_t most = greatest != nullptr ? greatest->count() + 1 : 0;

	for (const EventAccount &account : accounts_.first(account_count_))
		if (account.count() > most && may_give_up(account))
		{
			greatest = &account;
			most = account.count();
		}
	return greatest;
}

/* The oldest hasty event of the greatest account that has one; none if there is none. */
EventPlace
EventPlaces::oldest_hasty(EventOwner role) const
{
	const EventAccount *greatest =
	    greatest_account(role, [](const EventAccount &account) { return account.hasty.count > 0; });

	return greatest != nullptr ? greatest->hasty.first : no_place;
}

/* The oldest event of the greatest account; none if no role has an event. */
EventPlace
EventPlaces::oldest_of_greatest(EventOwner role) const
{
	const EventAccount *greatest =
	    greatest_account(role, [](const EventAccount &account) { return account.count() > 0; });

	if (greatest == nullptr)
		return no_place;
	return greatest->patient.count > 0 ? greatest->patient.first : greatest->hasty.first;
}

EventPlace
EventPlaces::place_for_guard() const
{
	for (const PlaceQueue *queue : {&free_, &guard_written_, &roles_written_})
		if (queue->count > 0)
			return queue->first;
	return guard_unwritten_.first;
}

EventPlace
EventPlaces::place_for_role(EventOwner role, bool has_history, bool is_hasty) const
{
	bool may_grow = roles_count_ < for_roles();
	const EventAccount *own = find_account(role);
	EventPlace last_resort = has_history ? oldest_hasty(role) : oldest_of_greatest(role);

	/* Without room, its own patient events give way before those of others. */
	if (last_resort == no_place && is_hasty && own != nullptr)
		last_resort = own->patient.first;
	if (is_hasty && last_resort != no_place && own != nullptr &&
	    own->count() >= most_for_hasty * room_for_roles())
		return last_resort;
	if (may_grow && free_.count > 0)
		return free_.first;
	if (roles_written_.count > 0)
		return roles_written_.first;
	if (may_grow && beyond_reserve() > 0)
	{
		if (guard_written_.count > 0)
			return guard_written_.first;
		if (!has_history)
			return guard_unwritten_.first;
	}
	return last_resort;
}

/* Remove the event in a place. */
void
EventPlaces::vacate(EventPlace place)
{
	PlacedEvent &placed = event(place);

	remove(placed.number != 0 ? queue_of(place) : free_, place);
	if (placed.number == 0)
		return;
	if (!placed.is_written)
		forget_empty_account(placed.owner);
	if (placed.owner != guard_owner)
		roles_count_--;
	unchain(places_, head_of(heads_by_number_, placed.number), place, &PlacedEvent::next_by_number);
	if (placed.key != 0)
		unchain(places_, head_of(heads_by_key_, placed.key), place, &PlacedEvent::next_by_key);
}

/* Enter the event in a place into its lists. */
void
EventPlaces::settle_in(EventPlace place)
{
	PlacedEvent &placed = event(place);
	EventPlace &by_number = head_of(heads_by_number_, placed.number);

	placed.next_by_number = by_number;
	by_number = place;
	if (placed.key != 0)
	{
		EventPlace &by_key = head_of(heads_by_key_, placed.key);

		placed.next_by_key = by_key;
		by_key = place;
	}
	if (placed.owner != guard_owner)
		roles_count_++;
	append(queue_of(place), place);
}

EventPlaces::Taken
EventPlaces::take(EventOwner owner, std::uint64_t number, std::uint64_t key, bool has_history)
{
	bool is_hasty = owner != guard_owner && has_history && !has_room_of_its_own(owner);
	EventPlace place =
	    owner == guard_owner ? place_for_guard() : place_for_role(owner, has_history, is_hasty);

	if (place == no_place)
		return {.place = no_place, .loses = true};
	bool loses = at(place).number != 0 && !at(place).was_written;
	vacate(place);
	event(place) = {.number = number,
	                .key = key,
	                .owner = owner,
	                .is_written = false,
	                .was_written = false,
	                .is_hasty = is_hasty,
	                .previous = no_place,
	                .next = no_place,
	                .next_by_number = no_place,
	                .next_by_key = no_place};
	settle_in(place);
	return {.place = place, .loses = loses};
}

EventPlace
EventPlaces::find(std::uint64_t number) const
{
	EventPlace place = number != 0 ? heads_by_number_[number % heads_by_number_.size()] : no_place;

	while (place != no_place && at(place).number != number)
		place = at(place).next_by_number;
	return place;
}

EventPlace
EventPlaces::find_like(EventOwner owner, std::uint64_t key) const
{
	EventPlace place = key != 0 ? heads_by_key_[key % heads_by_key_.size()] : no_place;

	while (place != no_place && (at(place).key != key || at(place).owner != owner))
		place = at(place).next_by_key;
	return place;
}

void
EventPlaces::note_change(EventPlace place)
{
	if (!at(place).is_written)
		return;
	remove(queue_of(place), place);
	event(place).is_written = false;
	append(queue_of(place), place);
}

void
EventPlaces::note_written(EventPlace place, bool is_complete)
{
	event(place).was_written = true;
	if (at(place).is_written || !is_complete)
		return;
	remove(queue_of(place), place);
	forget_empty_account(at(place).owner);
	event(place).is_written = true;
	append(queue_of(place), place);
}

/* Is there room for one more event of a role that replaces no other event? */
bool
EventPlaces::has_room_of_its_own(EventOwner role) const
{
	std::size_t count = count_of(role);
	std::size_t room = room_for_roles();
	auto has_more = [&](const EventAccount &account) { return account.count() > count + 1; };

	return count < room || (room > for_roles() / part_for_newcomers &&
	                        std::ranges::any_of(accounts_.first(account_count_), has_more));
}

bool
EventPlaces::has_room(EventOwner role) const
{
	std::size_t count = count_of(role);
	auto gives_way = [&](const EventAccount &account)
	{ return account.hasty.count > 0 && account.count() > count + 1; };

	return has_room_of_its_own(role) ||
	       std::ranges::any_of(accounts_.first(account_count_), gives_way);
}

bool
EventPlaces::is_pressed() const
{
	std::size_t room = room_for_roles();
	auto waits = [&](const EventAccount &account) { return account.count() >= room; };

	return guard_unwritten_.count >= free_.count + guard_written_.count + roles_written_.count ||
	       std::ranges::any_of(accounts_.first(account_count_), waits);
}

} // namespace session_guard
