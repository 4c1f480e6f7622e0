#include "shmem/change_counted.h"

#include <array>
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <thread>
#include <utility>

namespace session_guard
{

namespace
{

/* What happens between a reader's two readings of the count, and how often the count was read. */
std::function<void()> meanwhile;
std::atomic<int> readings = 0;

class Counter
{
  public:
	void
	init()
	{
		count_ = 0;
	}

	std::uint32_t
	read() const
	{
		readings++;
		return count_;
	}

	void
	write(std::uint32_t count)
	{
		count_ = count;
	}

	static void
	read_barrier()
	{
		std::atomic_thread_fence(std::memory_order_acquire);
		if (meanwhile)
			meanwhile();
	}

	static void
	write_barrier()
	{
		std::atomic_thread_fence(std::memory_order_release);
	}

  private:
	std::atomic<std::uint32_t> count_;
};

struct Pair
{
	int first;
	int second;
};

class ChangeCountedTest : public testing::Test
{
  protected:
	void
	SetUp() override
	{
		meanwhile = nullptr;
		readings = 0;
		value.init({.first = 1, .second = 1});
	}

	/* Leave the value as a writer does that is ended after it has written one half. */
	void
	break_off(int half)
	{
		auto memory = reinterpret_cast<std::uint32_t *>(&value);

		memory[0] |= 1;
		memory[1] = static_cast<std::uint32_t>(half);
	}

	ChangeCounted<Pair, Counter> value;
	Pair copy{};
};

TEST_F(ChangeCountedTest, ReadsWhatWasWritten)
{
	ASSERT_TRUE(value.read(copy));
	EXPECT_EQ(copy.first, 1);
	value.write({.first = 2, .second = 3});
	ASSERT_TRUE(value.read(copy));
	EXPECT_EQ(copy.first, 2);
	EXPECT_EQ(copy.second, 3);
	EXPECT_EQ(value.latest().second, 3);
}

TEST_F(ChangeCountedTest, ChangesACopy)
{
	value.change(
	    [&](Pair &pair)
	    {
		    pair.first = 5;
		    /* As it was, until the change is complete. */
		    EXPECT_EQ(value.latest().first, 1);
		    EXPECT_TRUE(value.read(copy));
		    EXPECT_EQ(copy.first, 1);
	    });
	EXPECT_EQ(value.latest().first, 5);
	EXPECT_EQ(value.latest().second, 1);
}

TEST_F(ChangeCountedTest, ReadsAgainWhatWasWrittenMeanwhile)
{
	/* The first copy is of neither value, and the second of the new one. */
	bool was_written = false;

	meanwhile = [&]
	{
		if (!std::exchange(was_written, true))
			value.write({.first = 2, .second = 2});
	};
	ASSERT_TRUE(value.read(copy));
	EXPECT_EQ(copy.first, 2);
	EXPECT_EQ(readings, 1 + 1 + 1 + 2);
}

TEST_F(ChangeCountedTest, GivesUpOnWhatKeepsChanging)
{
	meanwhile = [&] { value.write({.first = copy.first + 1, .second = 0}); };
	EXPECT_FALSE(value.read(copy));
	EXPECT_LT(readings, 1000);
}

TEST_F(ChangeCountedTest, GivesUpOnAWriterThatWasEndedInTheMiddle)
{
	break_off(7);
	EXPECT_FALSE(value.read(copy));
	EXPECT_LT(readings, 1000);
}

TEST_F(ChangeCountedTest, NextWriteRepairsTheCount)
{
	break_off(7);
	value.write({.first = 8, .second = 9});
	ASSERT_TRUE(value.read(copy));
	EXPECT_EQ(copy.first, 8);
	EXPECT_EQ(copy.second, 9);
	value.write({.first = 10, .second = 10});
	EXPECT_TRUE(value.read(copy));
}

/* Real threads: no copy is a mixture. */
TEST_F(ChangeCountedTest, NoCopyIsAMixture)
{
	using Wide = std::array<std::uint64_t, 64>;
	ChangeCounted<Wide, Counter> wide;
	std::atomic<bool> stop = false;
	int copies = 0;

	wide.init({});
	std::thread writer(
	    [&]
	    {
		    Wide next{};

		    while (!stop)
		    {
			    next.fill(next[0] + 1);
			    wide.write(next);
			    std::this_thread::yield();
		    }
	    });
	for (int i = 0; i < 200000; i++)
	{
		Wide read;

		if (!wide.read(read))
			continue;
		copies++;
		for (std::uint64_t word : read)
			if (word != read[0])
			{
				ADD_FAILURE() << "a mixture of " << read[0] << " and " << word;
				i = 200000;
				break;
			}
	}
	stop = true;
	writer.join();
	EXPECT_GT(copies, 1000);
}

} // namespace

} // namespace session_guard
