/*
 * When an event is an earlier one done again (see event_repetition.h).
 */
#include "shmem/event_repetition.h"

#include <cstring>

namespace session_guard
{

namespace
{

/* What is done again later than this is an event of its own. */
constexpr Duration repetition_window = minute;

template <std::size_t size>
std::uint64_t
hash_text(const std::array<char, size> &text, std::uint64_t seed)
{
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(text.data()),
	                           static_cast<int>(strnlen(text.data(), size)), seed);
}

template <typename T>
std::uint64_t
hash_value(const T &value, std::uint64_t seed)
{
	static_assert(std::has_unique_object_representations_v<T>);
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(&value),
	                           static_cast<int>(sizeof(value)), seed);
}

bool
is_same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

} // namespace

std::uint64_t
key_of(const Event &event)
{
	std::uint64_t key = 0;

	if (event.actor.is_guard)
		return 0;
	key = hash_text(event.actor.role, key);
	key = hash_text(event.actor.function, key);
	key = hash_text(event.actor.filters, key);
	key = hash_text(event.reason, key);
	key = hash_value(event.subject.id.pid, key);
	key = hash_value(event.subject.id.backend_start, key);
	key = hash_value(event.subject.statement, key);
	key = hash_value(event.action, key);
	return key != 0 ? key : 1;
}

bool
is_repetition(const Event &event, const Event &earlier)
{
	bool has_same_outcome =
	    event.is_open ? earlier.is_open : !earlier.is_open && event.outcome == earlier.outcome;

	return has_same_outcome && event.at - earlier.at < repetition_window &&
	       event.action == earlier.action && event.subject.id == earlier.subject.id &&
	       event.subject.statement == earlier.subject.statement &&
	       is_same_text(event.actor.role.data(), earlier.actor.role.data()) &&
	       is_same_text(event.actor.function.data(), earlier.actor.function.data()) &&
	       is_same_text(event.actor.filters.data(), earlier.actor.filters.data()) &&
	       is_same_text(event.reason.data(), earlier.reason.data());
}

} // namespace session_guard
