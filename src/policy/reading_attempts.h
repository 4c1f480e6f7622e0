/*
 * When something was read that policies are made from, or could not be, and what follows from that.
 * Times are by the monotonic clock.
 */
#pragma once

#include "core/time.h"

#include "pg/monotonic_clock.h"

#include "status/catalogs.h"

#include <algorithm>

namespace session_guard
{

/* What an attempt to read has come to. */
enum class Attempt
{
	Read,
	/* A lock is in the way. */
	Locked,
	Failed,
};

class ReadingAttempts
{
  public:
	/* Try to read it; false if it cannot be read now. */
	template <typename Try>
	bool
	attempt(Try try_to_read)
	{
		tried_at_ = monotonic_now();
		bool is_read = try_to_read() == Attempt::Read;
		took_ = monotonic_now() - tried_at_;
		failures_ = is_read ? 0 : failures_ + 1;
		was_read_ |= is_read;
		return is_read;
	}

	/* Note that there is nothing to be read anew, and nothing is in doubt. */
	void
	note_fresh()
	{
		failures_ = 0;
		in_doubt_since_ = 0;
	}

	/* Note that a change is known that could not be read. */
	void
	note_doubt()
	{
		if (in_doubt_since_ == 0)
			in_doubt_since_ = tried_at_;
	}

	bool
	was_read() const
	{
		return was_read_;
	}

	bool
	has_failed() const
	{
		return failures_ > 0;
	}

	/* Has such a change been known, and not for long? */
	bool
	is_in_doubt() const
	{
		return in_doubt_since_ != 0 && monotonic_now() - in_doubt_since_ < patience_in_doubt;
	}

	/*
	 * How long to wait before the next attempt that nothing but a change asks for.  Neither commits
	 * in a loop nor a lock that is held for long may keep the guard busy; but whoever has committed
	 * a change still holds its lock for a moment.
	 */
	Duration
	pause_before_next() const
	{
		Duration pause = failures_ > 0
		                     ? std::min(second, (10 * millisecond) << std::min(failures_ - 1, 7))
		                     : std::clamp(10 * took_, 10 * millisecond, second);

		return std::max<Duration>(0, tried_at_ + pause - monotonic_now());
	}

  private:
	bool was_read_ = false;
	/* In a row, up to the last attempt. */
	int failures_ = 0;
	Duration tried_at_ = 0;
	Duration took_ = 0;
	/* 0: no such change. */
	Duration in_doubt_since_ = 0;
};

} // namespace session_guard
