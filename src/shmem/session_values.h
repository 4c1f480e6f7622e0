/*
 * What each session says of itself in shared memory: one value for each place in the
 * backend-status array, written by the session in that place only.  What a session leaves behind
 * counts for nobody: it carries the session's start.
 */
#pragma once

#include "core/time.h"

#include "pg/compat.h"

#include "shmem/shared_value.h"

namespace session_guard
{

template <typename T> class SessionValues
{
  public:
	static Size
	size()
	{
		return mul_size(sizeof(Slot), static_cast<Size>(MaxBackends));
	}

	void
	init(void *memory, bool found)
	{
		slots_ = static_cast<Slot *>(memory);
		if (found)
			return;
		for (int slot = 0; slot < MaxBackends; slot++)
			slots_[slot].init({});
	}

	/* Write that of this session.  Cannot fail; nothing happens without shared memory. */
	void
	publish(const T &value)
	{
		if (slots_ != nullptr && has_own_status_slot())
			slots_[own_status_slot()].write({.backend_start = MyStartTimestamp, .value = value});
	}

	/*
	 * Read that of the session in a place that has this start, which may have published nothing.
	 * False if it kept changing under the read.
	 */
	bool
	read(int slot, Timestamp backend_start, T &value) const
	{
		Owned owned{};
		/* Without shared memory nobody has published anything. */
		bool is_read = slots_ == nullptr || slots_[slot].read(owned);

		value = is_read && owned.backend_start == backend_start ? owned.value : T{};
		return is_read;
	}

  private:
	struct Owned
	{
		Timestamp backend_start;
		T value;
	};
	using Slot = SharedValue<Owned>;

	Slot *slots_ = nullptr;
};

} // namespace session_guard
