/*
 * A value in shared memory that one process writes and others read, by a change
 * count, as backend status is (PGSTAT_BEGIN_WRITE_ACTIVITY in backend_status.h):
 * the count is odd while the value is written to, and a copy counts if the count
 * was even before and is the same after.
 *
 * The counter is an argument, so that the protocol is tested without the server.
 */
#pragma once

#include <cstdint>
#include <type_traits>

namespace session_guard
{

/*
 * The counter has read() and write() of 32 bits, and the barriers read_barrier()
 * and write_barrier().  Zeroed memory is a value of zeros that was never written.
 */
template <typename T, typename Counter> class ChangeCounted
{
	static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
	/* In memory that no other process sees yet. */
	void
	init(const T &value)
	{
		changes_.init();
		value_ = value;
	}

	/* The value for its writer, who needs no count. */
	const T &
	latest() const
	{
		return value_;
	}

	/*
	 * Only the copy of a finished value stands between the two counts, and that
	 * cannot fail.  Should a process have been ended there all the same, the count was
	 * left odd; the next write makes it even.
	 */
	void
	write(const T &value)
	{
		std::uint32_t writing = changes_.read() | 1;

		changes_.write(writing);
		Counter::write_barrier();
		value_ = value;
		Counter::write_barrier();
		changes_.write(writing + 1);
	}

	/* Have a function change a copy of the value, and write that.  The function may fail. */
	template <typename Change>
	void
	change(Change change_copy)
	{
		T copy = value_;

		change_copy(copy);
		write(copy);
	}

	/*
	 * Copy the value; false if it kept changing under the read.  Who writes needs
	 * nanoseconds, unless it loses the processor: then its time is not worth spinning for.
	 */
	bool
	read(T &copy) const
	{
		for (int tries = 0; tries < 100; tries++)
		{
			std::uint32_t before = changes_.read();

			Counter::read_barrier();
			copy = value_;
			Counter::read_barrier();
			if (before % 2 == 0 && before == changes_.read())
				return true;
		}
		return false;
	}

  private:
	Counter changes_;
	T value_;
};

} // namespace session_guard
