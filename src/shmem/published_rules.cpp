/*
 * The rules that the guard has read last (see published_rules.h).
 */
#include "shmem/published_rules.h"

#include "pg/compat.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

namespace
{

/* What a segment begins with; the counters follow, then the image. */
struct Segment
{
	Size counters;
	Size image_size;
	Timestamp published_at;
};

struct State
{
	LWLock lock;
	/* DSM_HANDLE_INVALID if nothing was published. */
	dsm_handle handle;
	/* Grows with each publication. */
	pg_atomic_uint32 publications;
};

State *state = nullptr;
/* In the guard: the segment that is published. */
dsm_segment *own_segment = nullptr;

constexpr Size counters_at = MAXALIGN(sizeof(Segment));

std::span<VerdictCounters>
counters_of(Segment *segment)
{
	auto first = reinterpret_cast<char *>(segment) + counters_at;

	return {reinterpret_cast<VerdictCounters *>(first), segment->counters};
}

std::span<std::byte>
image_in(Segment *segment)
{
	std::span<VerdictCounters> counters = counters_of(segment);

	return {reinterpret_cast<std::byte *>(counters.data() + counters.size()), segment->image_size};
}

Segment *
contents(dsm_segment *segment)
{
	return static_cast<Segment *>(dsm_segment_address(segment));
}

/* Attach what is published, for as long as this process lives or the guard lets go of it. */
dsm_segment *
attach_published()
{
	return state->handle != DSM_HANDLE_INVALID ? dsm_attach(state->handle) : nullptr;
}

/* A guard that was started again takes over what the one before has published. */
void
adopt_segment()
{
	if (own_segment != nullptr)
		return;
	own_segment = attach_published();
	if (own_segment != nullptr)
		dsm_pin_mapping(own_segment);
}

void
fill(Segment *segment, std::span<const std::byte> image, std::span<const std::int32_t> before)
{
	std::span<VerdictCounters> old = rule_counters();

	*segment = {.counters = before.size(),
	            .image_size = image.size(),
	            .published_at = GetCurrentTimestamp()};
	std::span<VerdictCounters> counters = counters_of(segment);
	memset(static_cast<void *>(counters.data()), 0, counters.size_bytes());
	for (std::size_t i = 0; i < before.size(); i++)
		if (before[i] >= 0 && static_cast<std::size_t>(before[i]) < old.size())
			memcpy(static_cast<void *>(&counters[i]), &old[static_cast<std::size_t>(before[i])],
			       sizeof(VerdictCounters));
	std::ranges::copy(image, image_in(segment).data());
}

} // namespace

Size
published_rules_size()
{
	return sizeof(State);
}

void
published_rules_init(void *memory, bool found)
{
	state = static_cast<State *>(memory);
	if (found)
		return;
	state->handle = DSM_HANDLE_INVALID;
	pg_atomic_init_u32(&state->publications, 0);
	LWLockInitialize(&state->lock, new_lwlock_tranche("PgSessionGuardRules"));
}

void
publish_rules(std::span<const std::byte> image, std::span<const std::int32_t> before)
{
	if (image.empty() && state->handle == DSM_HANDLE_INVALID)
		return;
	adopt_segment();
	Size size = counters_at + before.size() * sizeof(VerdictCounters) + image.size();
	dsm_segment *fresh = dsm_create(size, 0);
	fill(contents(fresh), image, before);
	/* From here on nothing fails but for want of memory in this process. */
	dsm_pin_mapping(fresh);
	dsm_pin_segment(fresh);

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	dsm_handle old = state->handle;
	state->handle = dsm_segment_handle(fresh);
	pg_atomic_fetch_add_u32(&state->publications, 1);
	LWLockRelease(&state->lock);
	if (own_segment != nullptr)
		dsm_detach(own_segment);
	own_segment = fresh;
	if (old != DSM_HANDLE_INVALID)
		dsm_unpin_segment(old);
}

std::span<VerdictCounters>
rule_counters()
{
	adopt_segment();
	return own_segment != nullptr ? counters_of(contents(own_segment))
	                              : std::span<VerdictCounters>{};
}

namespace
{

/* Use the published segment while it cannot be replaced. */
template <typename Use>
void
with_published(Use use)
{
	if (state == nullptr)
		return;
	LWLockAcquire(&state->lock, LW_SHARED);
	if (own_segment != nullptr)
		use(contents(own_segment));
	else if (dsm_segment *segment = attach_published())
	{
		use(contents(segment));
		dsm_detach(segment);
	}
	LWLockRelease(&state->lock);
}

} // namespace

PublishedRules
copy_published_rules()
{
	PublishedRules copy{};
	auto take = [&](Segment *segment)
	{
		std::span<VerdictCounters> counters = counters_of(segment);
		std::span<std::byte> image = image_in(segment);
		auto own_counters =
		    static_cast<VerdictCounters *>(palloc(counters.size_bytes() + sizeof(VerdictCounters)));
		auto own_image = static_cast<std::byte *>(palloc(image.size() + 1));

		memcpy(static_cast<void *>(own_counters), counters.data(), counters.size_bytes());
		std::ranges::copy(image, own_image);
		copy = {.image = {own_image, image.size()},
		        .counters = {own_counters, counters.size()},
		        .published_at = segment->published_at};
	};

	with_published(take);
	return copy;
}

std::uint32_t
publication_count()
{
	return state != nullptr ? pg_atomic_read_u32(&state->publications) : 0;
}

void
reset_rule_counters()
{
	auto reset = [](Segment *segment)
	{
		std::span<VerdictCounters> counters = counters_of(segment);
		auto values = reinterpret_cast<pg_atomic_uint64 *>(counters.data());

		for (std::size_t i = 0; i < counters.size_bytes() / sizeof(pg_atomic_uint64); i++)
			pg_atomic_write_u64(&values[i], 0);
	};

	with_published(reset);
}

} // namespace session_guard
