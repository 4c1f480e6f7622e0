/*
 * Whether a client is there, by what the kernel says of its connection, and when that is asked.
 */
#include "core/peer.h"

#include "unit/situation.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr std::uint32_t inode = 4711;
constexpr std::uint8_t established = 1;
constexpr std::uint8_t close_wait = 8;
constexpr std::uint8_t listening = 10;

constexpr SocketKind tcp_kinds[] = {SocketKind::Ipv4, SocketKind::Ipv6};
constexpr SocketKind all_kinds[] = {SocketKind::Unix, SocketKind::Ipv4, SocketKind::Ipv6};

ClientSocket
socket_of(SocketKind kind)
{
	ClientSocket socket{};

	socket.kind = kind;
	socket.inode = inode;
	return socket;
}

SocketAnswer
found(std::uint8_t state, std::uint32_t its_inode = inode,
      std::optional<std::uint32_t> peer = std::nullopt)
{
	return {.state = state, .inode = its_inode, .peer_inode = peer};
}

TEST(PeerOfTcp, IsGoneWhenItHasClosedItsEnd)
{
	for (SocketKind kind : tcp_kinds)
		for (bool was_found : {false, true})
		{
			EXPECT_EQ(peer_by(socket_of(kind), found(established), was_found), Peer::There);
			EXPECT_EQ(peer_by(socket_of(kind), found(close_wait), was_found), Peer::Gone);
		}
}

TEST(PeerOfTcp, IsNotKnownInAnyOtherState)
{
	for (SocketKind kind : tcp_kinds)
		for (std::uint8_t state = 0; state < 20; state++)
		{
			bool is_known = state == established || state == close_wait;

			EXPECT_EQ(peer_by(socket_of(kind), found(state), true) != Peer::Unreadable, is_known);
		}
}

/* What listens at the port, another connection, and what is left of one. */
TEST(PeerOfTcp, IsGoneWhenAConnectionIsNotFoundAnyMore)
{
	for (SocketKind kind : tcp_kinds)
		for (const SocketAnswer &answer :
		     {found(listening, inode - 1), found(established, inode - 1), found(6, 0)})
		{
			EXPECT_EQ(peer_by(socket_of(kind), answer, true), Peer::Gone);
			EXPECT_EQ(peer_by(socket_of(kind), answer, false), Peer::Unreadable);
		}
}

TEST(PeerOfUnixSocket, IsGoneWhenItsEndIsClosed)
{
	ClientSocket socket = socket_of(SocketKind::Unix);

	EXPECT_EQ(peer_by(socket, found(established, inode, 815), true), Peer::There);
	EXPECT_EQ(peer_by(socket, found(established, inode, 0), false), Peer::Gone);
	EXPECT_EQ(peer_by(socket, found(established, inode), true), Peer::Unreadable);
}

/* A client in another network namespace, perhaps. */
TEST(PeerOfUnixSocket, IsNotKnownIfTheSocketIsNotFound)
{
	EXPECT_EQ(peer_by(socket_of(SocketKind::Unix), found(established, inode - 1, 0), true),
	          Peer::Unreadable);
}

TEST(Peer, IsNotKnownWithoutAnAnswer)
{
	for (SocketKind kind : all_kinds)
		EXPECT_EQ(peer_by(socket_of(kind), std::nullopt, true), Peer::Unreadable);
	for (const SocketAnswer &answer : {found(established, 0), found(close_wait, 0, 0)})
		EXPECT_EQ(peer_by(ClientSocket{}, answer, true), Peer::Unreadable);
}

TEST(NextPeerReading, IsAtOnceAtFirst)
{
	EXPECT_EQ(next_peer_reading(TrackedPeer{}, minute, noon), noon);
}

TEST(NextPeerReading, IsAfterASecondToTenAndForAllAtTheSameMoment)
{
	for (auto [value, pause] : {std::pair(100 * millisecond, second), std::pair(second, second),
	                            std::pair(7 * second, 7 * second), std::pair(hour, 10 * second)})
		for (Duration after : {Duration{0}, Duration{1}, 300 * millisecond, 9 * second})
		{
			TrackedPeer known{.read_at = noon + after, .was_found = true};
			Instant next = next_peer_reading(known, value, known.read_at);

			EXPECT_GT(next, known.read_at);
			EXPECT_LE(next, known.read_at + pause);
			EXPECT_EQ(next % pause, 0);
		}
}

TEST(DeadClient, GoesWhenItsStatementHasRunForLongEnough)
{
	Situation test(Limit::DeadClient, running());

	expect_wait_until(test.decide_at(at_limit), over_limit);
	expect_due(test.decide_at(over_limit), Action::Terminate);
	test.session = SessionBuilder().fastpath(noon);
	expect_due(test.decide_at(over_limit), Action::Terminate);
	test.session = SessionBuilder().idle_in_transaction(noon);
	expect_nothing(test.decide_at(over_limit));
}

/* Nobody but other sessions gains by its wait. */
TEST(DeadClient, GoesWhileItWaitsForALock)
{
	Situation test(Limit::DeadClient, waiting(1));

	observe(test.tracking, test.session, at_limit);
	expect_due(test.decide_at(over_limit), Action::Terminate);
}

TEST(DeadClient, IsSparedInMaintenanceUnlessThatIsSwitchedOff)
{
	Situation test(Limit::DeadClient, running().maintaining());

	expect_spared(test.decide_at(over_limit), Spared::Maintenance);
	test.policy.spare_maintenance = false;
	expect_due(test.decide_at(over_limit), Action::Terminate);
}

TEST(DeadClient, IsAskedForAgainWhileItLives)
{
	Situation test(Limit::DeadClient, running().peer(Peer::There));

	test.tracking.peer = {.read_at = over_limit, .was_found = true};
	Decision decision = test.decide_at(over_limit);
	expect_spared(decision, Spared::PeerThere);
	EXPECT_EQ(decision.at, next_peer_reading(test.tracking.peer, threshold, over_limit));
}

TEST(DeadClient, IsToBeReadWhenItMattersOnly)
{
	Situation test(Limit::DeadClient, running().peer(Peer::NotRead));
	auto wants = [&](Instant now)
	{ return wants_peer(test.session, test.tracking, test.policy, now); };

	expect_wait_until(test.decide_at(at_limit), over_limit);
	EXPECT_FALSE(wants(at_limit));
	expect_wait_until(test.decide_at(over_limit), over_limit);
	EXPECT_TRUE(wants(over_limit));

	/* It was read a moment ago. */
	test.tracking.peer = {.read_at = over_limit, .was_found = true};
	Decision decision = test.decide_at(over_limit + 1);
	expect_wait_until(decision, next_peer_reading(test.tracking.peer, threshold, over_limit + 1));
	EXPECT_FALSE(is_over(decision));

	test.session = SessionBuilder().idle(noon).peer(Peer::NotRead);
	EXPECT_FALSE(wants(over_limit));
	for (Session session :
	     {Session(running().maintaining()), Session(running().superuser(Superuser::Yes)),
	      Session(running().waiting_for(Wait::SyncRep))})
	{
		session.peer = Peer::NotRead;
		EXPECT_FALSE(wants_peer(session, test.tracking, test.policy, over_limit));
	}
	test.session = running().peer(Peer::NotRead);
	test.policy.mode = Mode::Off;
	EXPECT_FALSE(wants(over_limit));
	test.policy = PolicyBuilder();
	EXPECT_FALSE(wants(over_limit));
}

TEST(DeadClient, IsLoggedOnceForAStatement)
{
	Situation test(Limit::DeadClient, running());

	test.policy.mode = Mode::Log;
	expect_due(test.decide_at(over_limit), Action::Log);
	test.tracking.logged[index_of(Limit::DeadClient)] = statement_stamp(test.session);
	expect_nothing(test.decide_at(over_limit + hour));
}

} // namespace
} // namespace session_guard::test
