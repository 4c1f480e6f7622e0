/*
 * Nobody pushes out what others did before it is in the history, however the
 * events come.
 */
#include "core/event_places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace session_guard::test
{
namespace
{

constexpr EventOwner flooder = 10;
constexpr EventOwner dba = 20;

/* Places with memory of their own, and what was lost. */
class Ring
{
  public:
	explicit Ring(std::size_t size)
	    : events_(size), by_number_(size), by_key_(size), accounts_(places_for_roles(size)),
	      places(events_, by_number_, by_key_, accounts_)
	{
	}

	/* The number of a new event. */
	std::uint64_t
	add(EventOwner owner, std::uint64_t key = 0)
	{
		EventPlaces::Taken taken = places.take(owner, ++last_, key, has_history);

		lost += taken.loses ? 1 : 0;
		return last_;
	}

	bool
	has(std::uint64_t number) const
	{
		return places.find(number) != no_place;
	}

	void
	write(std::uint64_t number, bool is_complete = true)
	{
		places.note_written(places.find(number), is_complete);
	}

	std::set<std::uint64_t>
	unwritten() const
	{
		std::set<std::uint64_t> numbers;

		places.for_each_unwritten([&](EventPlace place)
		                          { numbers.insert(places.at(place).number); });
		return numbers;
	}

  private:
	std::vector<PlacedEvent> events_;
	std::vector<EventPlace> by_number_;
	std::vector<EventPlace> by_key_;
	std::vector<EventAccount> accounts_;
	std::uint64_t last_ = 0;

  public:
	EventPlaces places;
	bool has_history = true;
	std::size_t lost = 0;
};

std::vector<std::uint64_t>
add_many(Ring &ring, EventOwner owner, int count)
{
	std::vector<std::uint64_t> numbers;

	for (int i = 0; i < count; i++)
		numbers.push_back(ring.add(owner));
	return numbers;
}

bool
has_all(const Ring &ring, const std::vector<std::uint64_t> &numbers)
{
	return std::ranges::all_of(numbers, [&](std::uint64_t number) { return ring.has(number); });
}

TEST(EventPlaces, KeepTheLatestOfOneWhoIsAlone)
{
	Ring ring(16);
	std::vector<std::uint64_t> all = add_many(ring, guard_owner, 20);

	EXPECT_TRUE(has_all(ring, {all.begin() + 4, all.end()}));
	EXPECT_FALSE(ring.has(all[3]));
	EXPECT_EQ(ring.lost, 4U);
}

TEST(EventPlaces, AreFoundByNumberOnly)
{
	Ring ring(4);
	std::vector<std::uint64_t> all = add_many(ring, guard_owner, 1000);

	for (std::uint64_t number : all)
		EXPECT_EQ(ring.has(number), number > 996) << number;
	EXPECT_FALSE(ring.has(0));
	EXPECT_FALSE(ring.has(1001));
}

TEST(EventPlaces, AFloodPushesOutNothingOfTheGuardOrOfOthers)
{
	Ring ring(64);
	std::vector<std::uint64_t> of_guard = add_many(ring, guard_owner, 32);
	std::vector<std::uint64_t> of_dba = add_many(ring, dba, 8);

	(void)add_many(ring, flooder, 10000);
	std::vector<std::uint64_t> more_of_dba = add_many(ring, dba, 4);
	(void)add_many(ring, flooder, 10000);
	EXPECT_TRUE(has_all(ring, of_guard));
	EXPECT_TRUE(has_all(ring, of_dba));
	EXPECT_TRUE(has_all(ring, more_of_dba));
	/* All that were lost are the flooder's own. */
	EXPECT_EQ(ring.lost, 20044U - ring.unwritten().size());
	/* It was at most as much room as is left. */
	EXPECT_TRUE(ring.places.has_room(dba + 1));
}

TEST(EventPlaces, AFloodBeforeLeavesNothingOutOfTheGuardOrOfOthers)
{
	Ring ring(64);

	(void)add_many(ring, flooder, 10000);
	std::vector<std::uint64_t> of_dba = add_many(ring, dba, 12);
	std::vector<std::uint64_t> of_guard = add_many(ring, guard_owner, 32);
	EXPECT_TRUE(has_all(ring, of_dba));
	EXPECT_TRUE(has_all(ring, of_guard));
}

TEST(EventPlaces, ManyFloodersEachPushOutThemselves)
{
	Ring ring(64);
	std::vector<std::uint64_t> of_dba = add_many(ring, dba, 4);

	for (int round = 0; round < 1000; round++)
		for (EventOwner role = 100; role < 107; role++)
			(void)ring.add(role);
	EXPECT_TRUE(has_all(ring, of_dba));
}

TEST(EventPlaces, TheGuardUsesWhatNobodyElseNeeds)
{
	Ring ring(64);
	std::vector<std::uint64_t> of_guard = add_many(ring, guard_owner, 64);

	EXPECT_TRUE(has_all(ring, of_guard));
	EXPECT_EQ(ring.lost, 0U);
}

TEST(EventPlaces, WhatTheGuardHasDoneIsPushedOutByNoRoleAsLongAsThereIsAHistory)
{
	Ring ring(64);
	std::vector<std::uint64_t> of_guard = add_many(ring, guard_owner, 64);

	EXPECT_FALSE(ring.places.has_room(dba));
	(void)ring.add(dba);
	EXPECT_TRUE(has_all(ring, of_guard));
	EXPECT_EQ(ring.lost, 1U);
	/* As soon as something of it is written there is room. */
	ring.write(of_guard[5]);
	EXPECT_TRUE(ring.places.has_room(dba));
	EXPECT_TRUE(ring.has(ring.add(dba)));
	EXPECT_FALSE(ring.has(of_guard[5]));
	EXPECT_EQ(ring.lost, 1U);
}

TEST(EventPlaces, WithoutAHistoryTheRolesHaveTheirHalf)
{
	Ring ring(64);

	ring.has_history = false;
	std::vector<std::uint64_t> of_guard = add_many(ring, guard_owner, 64);
	std::vector<std::uint64_t> of_dba = add_many(ring, dba, 32);
	EXPECT_TRUE(has_all(ring, of_dba));
	EXPECT_TRUE(has_all(ring, {of_guard.begin() + 32, of_guard.end()}));
	/* And the guard has its own. */
	(void)add_many(ring, dba, 100);
	EXPECT_EQ(ring.unwritten().size(), 64U);
	EXPECT_TRUE(has_all(ring, {of_guard.begin() + 32, of_guard.end()}));
}

TEST(EventPlaces, WrittenOnesGiveWayFirstAndAreNoLoss)
{
	Ring ring(4);
	std::vector<std::uint64_t> all = add_many(ring, guard_owner, 4);

	ring.write(all[2]);
	ring.write(all[0]);
	(void)ring.add(guard_owner);
	EXPECT_FALSE(ring.has(all[2]));
	(void)ring.add(guard_owner);
	EXPECT_FALSE(ring.has(all[0]));
	EXPECT_TRUE(ring.has(all[1]) && ring.has(all[3]));
	EXPECT_EQ(ring.lost, 0U);
}

TEST(EventPlaces, ACorrectionThatGivesWayIsNoLoss)
{
	Ring ring(4);
	std::vector<std::uint64_t> all = add_many(ring, guard_owner, 4);

	ring.write(all[0]);
	ring.places.note_change(ring.places.find(all[0]));
	EXPECT_EQ(ring.unwritten(), std::set(all.begin(), all.end()));
	/* It waits behind the others. */
	(void)add_many(ring, guard_owner, 3);
	EXPECT_EQ(ring.lost, 3U);
	EXPECT_TRUE(ring.has(all[0]));
	(void)ring.add(guard_owner);
	EXPECT_FALSE(ring.has(all[0]));
	EXPECT_EQ(ring.lost, 3U);
}

TEST(EventPlaces, WhoseOutcomeIsToComeKeepsItsPlaceAndIsNoLoss)
{
	Ring ring(8);
	std::vector<std::uint64_t> all = add_many(ring, dba, 2);

	ring.write(all[0], false);
	EXPECT_EQ(ring.unwritten(), std::set(all.begin(), all.end()));
	EXPECT_FALSE(ring.places.has_room(dba));
	/* A flood does not reach it, and neither does its own role's next. */
	(void)add_many(ring, flooder, 100);
	EXPECT_TRUE(has_all(ring, all));
	std::size_t lost = ring.lost;
	ring.write(all[0], true);
	(void)ring.add(dba);
	EXPECT_FALSE(ring.has(all[0]));
	EXPECT_EQ(ring.lost, lost);
}

TEST(EventPlaces, ARoleWaitsWhenItHasAsManyAsItLeavesFree)
{
	Ring ring(64);

	for (int i = 0; i < 16; i++)
	{
		EXPECT_TRUE(ring.places.has_room(flooder)) << i;
		EXPECT_FALSE(ring.places.is_pressed()) << i;
		(void)ring.add(flooder);
	}
	EXPECT_FALSE(ring.places.has_room(flooder));
	EXPECT_TRUE(ring.places.is_pressed());
	EXPECT_TRUE(ring.places.has_room(dba));
	ring.write(1);
	EXPECT_TRUE(ring.places.has_room(flooder));
	/* Nobody else has to wait for who does not. */
	(void)add_many(ring, flooder, 1000);
	EXPECT_FALSE(ring.places.has_room(flooder));
	EXPECT_TRUE(ring.places.has_room(dba));
}

TEST(EventPlaces, ARoleDoesNotWaitForOneThatHasMore)
{
	Ring ring(32);

	(void)add_many(ring, flooder, 1000);
	std::size_t of_flooder = ring.unwritten().size();
	for (std::size_t i = 0; i < 16 - of_flooder; i++)
	{
		EXPECT_TRUE(ring.places.has_room(dba)) << i;
		(void)ring.add(dba);
	}
	/* From now on each pushes out one of the flooder's, until that has no more than they. */
	std::vector<std::uint64_t> of_dba;
	while (ring.places.has_room(dba))
		of_dba.push_back(ring.add(dba));
	EXPECT_GE(of_dba.size(), 1U);
	EXPECT_TRUE(has_all(ring, of_dba));
}

/* Several roles that do not wait push out each other, and nobody who had room. */
TEST(EventPlaces, AnyNumberOfFloodersPushesOutNobodyWhoHadRoom)
{
	for (std::size_t before : {0U, 50U, 256U})
		for (EventOwner flooders = 1; flooders <= 7; flooders++)
		{
			Ring ring(1024);
			std::vector<std::uint64_t> of_dba;
			auto flood = [&]
			{
				for (EventOwner role = 100; role < 100 + flooders; role++)
					(void)add_many(ring, role, 1000);
			};
			auto wait_and_add = [&](EventOwner role, std::size_t count)
			{
				for (std::size_t i = 0; i < count; i++)
				{
					EXPECT_TRUE(ring.places.has_room(role)) << before << ", " << flooders;
					of_dba.push_back(ring.add(role));
				}
			};

			wait_and_add(dba, before);
			flood();
			EXPECT_TRUE(has_all(ring, of_dba)) << before << ", " << flooders;
			/* One who has done nothing yet need not wait for them. */
			wait_and_add(dba + 1, 2);
			flood();
			EXPECT_TRUE(has_all(ring, of_dba)) << before << ", " << flooders;
		}
}

/* Who waits leaves room for those who come later, however many wait. */
TEST(EventPlaces, ThePatientLeaveRoomForNewcomers)
{
	Ring ring(1024);

	for (EventOwner role = 100; role < 104; role++)
	{
		EXPECT_TRUE(ring.places.has_room(role)) << role;
		while (ring.places.has_room(role))
			(void)ring.add(role);
	}
	EXPECT_TRUE(ring.places.has_room(dba));
	EXPECT_EQ(ring.lost, 0U);
}

TEST(EventPlaces, TheHistoryHurriesForTheGuard)
{
	Ring ring(64);

	(void)add_many(ring, guard_owner, 31);
	EXPECT_FALSE(ring.places.is_pressed());
	(void)ring.add(guard_owner);
	EXPECT_TRUE(ring.places.is_pressed());
}

TEST(EventPlaces, TheLatestWithAKeyIsFound)
{
	Ring ring(8);
	std::uint64_t first = ring.add(dba, 7);
	std::uint64_t other = ring.add(flooder, 7);
	std::uint64_t second = ring.add(dba, 7);
	auto number_like = [&](EventOwner owner, std::uint64_t key)
	{
		EventPlace place = ring.places.find_like(owner, key);

		return place != no_place ? ring.places.at(place).number : 0;
	};

	EXPECT_EQ(number_like(dba, 7), second);
	EXPECT_EQ(number_like(flooder, 7), other);
	EXPECT_EQ(number_like(dba, 15), 0U);
	EXPECT_EQ(number_like(dba, 0), 0U);
	ring.write(second);
	EXPECT_EQ(number_like(dba, 7), second);
	(void)add_many(ring, 30, 20);
	EXPECT_FALSE(ring.has(second));
	EXPECT_EQ(number_like(dba, 7), ring.has(first) ? first : 0U);
}

/* Whatever happens in whatever order, everybody who stays within its share loses nothing. */
TEST(EventPlaces, NobodyLosesByWhatOthersDo)
{
	std::mt19937 random(12);

	for (int round = 0; round < 200; round++)
	{
		std::size_t size = 16 + random() % 100;
		Ring ring(size);
		std::map<EventOwner, std::vector<std::uint64_t>> modest;

		for (int step = 0; step < 500; step++)
		{
			EventOwner owner = std::vector{guard_owner, dba, flooder, flooder}[random() % 4];

			if (random() % 3 == 0 && !ring.unwritten().empty())
			{
				std::set<std::uint64_t> waiting = ring.unwritten();
				auto one = std::next(waiting.begin(), static_cast<long>(random() % waiting.size()));

				for (auto &[role, numbers] : modest)
					std::erase(numbers, *one);
				ring.write(*one);
				continue;
			}
			/* The modest keep to a third of what roles have, and to the guard's half. */
			std::size_t most =
			    owner == guard_owner ? size - places_for_roles(size) : places_for_roles(size) / 3;
			if (owner != flooder && modest[owner].size() >= most)
				continue;
			std::uint64_t number = ring.add(owner);
			if (owner != flooder)
				modest[owner].push_back(number);
			for (auto &[role, numbers] : modest)
				ASSERT_TRUE(has_all(ring, numbers)) << "round " << round << ", step " << step;
		}
	}
}

} // namespace
} // namespace session_guard::test
