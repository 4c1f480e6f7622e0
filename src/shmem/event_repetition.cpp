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

/*
 * Call a function with each field that all repetitions of an event have in common:
 * with that of one event, or of two at a time.
 */
template <typename Use, typename... Events>
void
for_each_common_field(Use use, const Events &...events)
{
	use(events.actor.role...);
	use(events.actor.function...);
	use(events.actor.filters...);
	use(events.reason...);
	use(events.subject.backend.id.pid...);
	use(events.subject.backend.id.backend_start...);
	use(events.subject.statement...);
	use(events.action...);
}

template <std::size_t size>
std::uint64_t
hash(const std::array<char, size> &text, std::uint64_t seed)
{
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(text.data()),
	                           static_cast<int>(strnlen(text.data(), size)), seed);
}

template <typename T>
std::uint64_t
hash(const T &value, std::uint64_t seed)
{
	static_assert(std::has_unique_object_representations_v<T>);
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(&value),
	                           static_cast<int>(sizeof(value)), seed);
}

template <std::size_t size>
bool
is_same(const std::array<char, size> &a, const std::array<char, size> &b)
{
	return strncmp(a.data(), b.data(), size) == 0;
}

template <typename T>
bool
is_same(const T &a, const T &b)
{
	return a == b;
}

} // namespace

std::uint64_t
key_of(const Event &event)
{
	std::uint64_t key = 0;

	if (event.actor.is_guard)
		return 0;
	for_each_common_field([&](const auto &field) { key = hash(field, key); }, event);
	return key != 0 ? key : 1;
}

bool
is_repetition(const Event &event, const Event &earlier)
{
	bool has_same_outcome =
	    event.is_open ? earlier.is_open : !earlier.is_open && event.outcome == earlier.outcome;
	bool is_alike = has_same_outcome && event.at - earlier.at < repetition_window;

	for_each_common_field([&](const auto &a, const auto &b)
	                      { is_alike = is_alike && is_same(a, b); },
	                      event, earlier);
	return is_alike;
}

} // namespace session_guard
