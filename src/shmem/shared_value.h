/*
 * A value in shared memory that one process writes and others read: the server's
 * side of change_counted.h.
 */
#pragma once

#include "pg/monotonic_clock.h"
#include "pg/pg.h"

#include "shmem/change_counted.h"

namespace session_guard
{

class ChangeCounter
{
  public:
	void
	init()
	{
		pg_atomic_init_u32(&count_, 0);
	}

	std::uint32_t
	read() const
	{
		return pg_atomic_read_u32(&count_);
	}

	void
	write(std::uint32_t count)
	{
		pg_atomic_write_u32(&count_, count);
	}

	static void
	read_barrier()
	{
		pg_read_barrier();
	}

	static void
	write_barrier()
	{
		pg_write_barrier();
	}

  private:
	/* The server reads it by a pointer to what is not const. */
	mutable pg_atomic_uint32 count_;
};

template <typename T> using SharedValue = ChangeCounted<T, ChangeCounter>;

/*
 * Copy a value, and sleep while its writer was put to sleep in the middle.  An ERROR
 * if that lasts: nobody is judged by half a value.
 */
template <typename T>
T
read_shared(const SharedValue<T> &value)
{
	constexpr std::int64_t patience = 1000000;
	std::int64_t give_up_at = 0;
	T copy;

	while (!value.read(copy))
	{
		std::int64_t now = monotonic_now();

		if (give_up_at == 0)
			give_up_at = now + patience;
		if (now > give_up_at)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
			                errmsg("could not read shared memory of the session guard"),
			                errdetail("A process has been writing to it for more than 1 s.")));
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
	return copy;
}

} // namespace session_guard
