/*
 * Who is spared from a limit, by each reason and in their order.
 */
#include "core/spared.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace session_guard::test
{
namespace
{

/* The same of a session that was never read. */
Spared
spared_at_first(Limit limit, const Session &session, const Policy &policy = PolicyBuilder())
{
	return spared_from(limit, session, tracking_of(session), policy);
}

/* Where one may never end, nobody else does for those whom it keeps waiting. */
TEST(MayEnd, WhoIsBoundAndNotSparedForGood)
{
	Policy blocking = PolicyBuilder().limit(Limit::IdleBlocker, minute);
	Policy horizon = PolicyBuilder().limit(Limit::HorizonAge, 1000);
	Session session = SessionBuilder().running(noon);
	Session superuser = session;
	Session untracked = session;
	Session waits_for_standby = SessionBuilder().running(noon).waiting_for(Wait::SyncRep);

	superuser.superuser = Superuser::Yes;
	untracked.state = State::Disabled;
	EXPECT_TRUE(may_end_for_blocking(session, blocking));
	EXPECT_TRUE(may_end_for_blocking(session, PolicyBuilder().limit(Limit::Blocker, minute)));
	EXPECT_TRUE(may_end_for_horizon(session, horizon));
	EXPECT_FALSE(may_end_for_blocking(session, horizon));
	EXPECT_FALSE(may_end_for_horizon(session, blocking));
	for (const Session &spared : {superuser, untracked})
	{
		EXPECT_FALSE(may_end_for_blocking(spared, blocking));
		EXPECT_FALSE(may_end_for_horizon(spared, horizon));
	}
	/* That passes. */
	EXPECT_TRUE(may_end_for_blocking(waits_for_standby, blocking));
}

TEST(SparedFrom, NobodyWithoutAReason)
{
	EXPECT_EQ(spared_at_first(Limit::IdleSession, SessionBuilder().idle(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::IdleInTransactionSession,
	                          SessionBuilder().idle_in_transaction(noon)),
	          Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Statement, SessionBuilder().running(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Transaction, SessionBuilder().running(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Maintenance, SessionBuilder().running(noon).maintaining()),
	          Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Session, SessionBuilder().idle(noon)), Spared::No);
}

/* Nobody has stopped using it: it has no client. */
TEST(SparedFrom, WorkersFromLimitsOnClients)
{
	for (Limit limit : {Limit::IdleSession, Limit::Session, Limit::IdleBlocker})
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().idle(noon).worker()), Spared::Worker);
	EXPECT_EQ(spared_at_first(Limit::IdleInTransactionSession,
	                          SessionBuilder().idle_in_transaction(noon).worker()),
	          Spared::Worker);
	EXPECT_EQ(spared_at_first(Limit::IdleInTransactionSession,
	                          SessionBuilder().idle(noon).with_transaction_id().worker()),
	          Spared::Worker);
}

TEST(SparedFrom, NotWorkersFromLimitsOnWork)
{
	for (Limit limit : {Limit::Statement, Limit::Transaction, Limit::Blocker})
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().running(noon).worker()), Spared::No);
	EXPECT_EQ(
	    spared_at_first(Limit::Maintenance, SessionBuilder().running(noon).maintaining().worker()),
	    Spared::No);
}

TEST(MayEnd, WorkersForBlockingButNotForBeingIdle)
{
	Session worker = SessionBuilder().running(noon).worker();

	EXPECT_TRUE(may_end_for_blocking(worker, PolicyBuilder().limit(Limit::Blocker, minute)));
	EXPECT_FALSE(may_end_for_blocking(worker, PolicyBuilder().limit(Limit::IdleBlocker, minute)));
	EXPECT_TRUE(may_end_for_horizon(worker, PolicyBuilder().limit(Limit::HorizonAge, minute)));
}

TEST(SparedFrom, EveryLimitWhoeverCannotBeReadOrWaitsForAStandby)
{
	Policy policy = PolicyBuilder().exempt_superusers(false).spare_lock_waiters(false);

	for (Limit limit : all_limits)
	{
		for (State state : {State::Unknown, State::Starting})
			EXPECT_EQ(spared_at_first(limit, SessionBuilder().state(state), policy),
			          Spared::Unreadable);
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().waiting_for(Wait::SyncRep), policy),
		          Spared::SyncRep);
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().superuser(Superuser::Unknown), policy),
		          Spared::RoleUnknown);
	}
}

TEST(SparedFrom, EverythingButItsAgeWhoIsNotTracked)
{
	for (Limit limit : all_limits)
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().disabled()),
		          limit == Limit::Session || limit == Limit::Memory ||
		                  limit == Limit::AvailableMemory
		              ? Spared::No
		              : Spared::NotMeasurable);
}

TEST(SparedFrom, OnlyTheLimitsThatALockHoldsUpWhoWaitsForOne)
{
	Session waiting[] = {
	    SessionBuilder().running(noon).waiting_for(Wait::Lock),
	    SessionBuilder().running(noon).worker_waiting_for_lock(),
	    /* It Describes a statement. */
	    SessionBuilder().idle_in_transaction(noon).waiting_for(Wait::Lock),
	    SessionBuilder().idle(noon).with_transaction_id().switches(7).waiting_for(Wait::Lock),
	};

	for (const Session &session : waiting)
		for (Limit limit : all_limits)
		{
			EXPECT_EQ(spared_at_first(limit, session) == Spared::LockWait,
			          limit == Limit::IdleInTransactionSession || limit == Limit::Statement ||
			              limit == Limit::Transaction || limit == Limit::Maintenance ||
			              limit == Limit::HorizonAge);
			EXPECT_NE(spared_at_first(limit, session, PolicyBuilder().spare_lock_waiters(false)),
			          Spared::LockWait);
		}
}

TEST(SparedFrom, OnlyTheLimitsOutsideTransactionsWhoIsInOne)
{
	for (Limit limit : all_limits)
	{
		Session session = SessionBuilder().idle_in_transaction(noon);
		Spared spared = spared_at_first(limit, session);

		EXPECT_EQ(spared == Spared::InTransaction, limit == Limit::Session ||
		                                               limit == Limit::IdleSession ||
		                                               limit == Limit::Headroom);
	}
}

TEST(SparedFrom, OnlyTheLimitsOnBeingIdleOutsideTransactionsWhoListens)
{
	for (Limit limit : all_limits)
	{
		Session session = SessionBuilder().idle(noon).listening();

		EXPECT_EQ(spared_at_first(limit, session),
		          limit == Limit::IdleSession || limit == Limit::Headroom ? Spared::Listener
		                                                                  : Spared::No);
		EXPECT_EQ(spared_at_first(limit, session, PolicyBuilder().spare_listeners(false)),
		          Spared::No);
	}
}

TEST(SparedFrom, OnlyTheLimitsOfOtherWorkWhoMaintains)
{
	for (Limit limit : all_limits)
	{
		Session session = SessionBuilder().idle(noon).maintaining();
		bool is_of_work = limit == Limit::Statement || limit == Limit::Transaction ||
		                  limit == Limit::Blocker || limit == Limit::HorizonAge ||
		                  limit == Limit::DeadClient;

		EXPECT_EQ(spared_at_first(limit, session), is_of_work ? Spared::Maintenance : Spared::No);
		EXPECT_EQ(spared_at_first(limit, session, PolicyBuilder().spare_maintenance(false)),
		          Spared::No);
	}
}

TEST(SparedFrom, NoLimitWhoMaintainsTablesOfItsOwn)
{
	Session session = SessionBuilder().running(noon).maintaining_own_tables(noon);

	for (Limit limit : {Limit::Statement, Limit::Transaction, Limit::Maintenance})
		EXPECT_EQ(spared_at_first(limit, session), Spared::No);
}

TEST(SparedFrom, TheIdleLimitsWhoCannotBeTold)
{
	Session with_transaction[] = {
	    SessionBuilder().paused(noon),
	    SessionBuilder().idle(noon).with_transaction_id(),
	};

	for (Session &session : with_transaction)
		for (Limit limit : all_limits)
		{
			bool is_idle_limit = limit == Limit::IdleSession ||
			                     limit == Limit::IdleInTransactionSession ||
			                     limit == Limit::IdleBlocker || limit == Limit::Headroom;

			session.switches = switches_unreadable;
			EXPECT_EQ(spared_at_first(limit, session) == Spared::SwitchesUnreadable, is_idle_limit);
			for (std::int64_t known : {std::int64_t{0}, std::int64_t{7}, switches_not_read})
			{
				session.switches = known;
				EXPECT_NE(spared_at_first(limit, session), Spared::SwitchesUnreadable);
			}
		}
	/* Those whose status is enough are as before. */
	EXPECT_EQ(spared_at_first(Limit::IdleSession, SessionBuilder().idle(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::IdleInTransactionSession,
	                          SessionBuilder().idle_in_transaction(noon)),
	          Spared::No);
}

TEST(SparedFrom, OnlyTheLimitOnDeadClientsWhoseClientMayLive)
{
	for (Limit limit : all_limits)
		for (auto [peer, reason] : {std::pair(Peer::There, Spared::PeerThere),
		                            std::pair(Peer::Unreadable, Spared::PeerUnreadable)})
			EXPECT_EQ(spared_at_first(limit, SessionBuilder().running(noon).peer(peer)) == reason,
			          limit == Limit::DeadClient);
	for (Peer peer : {Peer::NotRead, Peer::Gone})
		EXPECT_EQ(spared_at_first(Limit::DeadClient, SessionBuilder().running(noon).peer(peer)),
		          Spared::No);
}

TEST(SparedFrom, EveryLimitWhoIsExempt)
{
	Policy policy = PolicyBuilder()
	                    .exempt(true)
	                    .exempt_superusers(false)
	                    .spare_listeners(false)
	                    .spare_maintenance(false)
	                    .spare_lock_waiters(false);

	for (Limit limit : all_limits)
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().idle(noon), policy), Spared::Exempt);
}

/* A session for which two reasons speak, and the one that is told. */
struct OrderCase
{
	const char *name;
	Session session;
	Spared told;
	Limit limit = Limit::Statement;
	Policy policy = PolicyBuilder();

	friend std::ostream &
	operator<<(std::ostream &out, const OrderCase &test)
	{
		return out << test.name;
	}
};

class SparedOrder : public testing::TestWithParam<OrderCase>
{
};

TEST_P(SparedOrder, TellsTheFirst)
{
	EXPECT_EQ(spared_at_first(GetParam().limit, GetParam().session, GetParam().policy),
	          GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Policy, SparedOrder,
    testing::Values(
        OrderCase{"UnreadableBeforeSyncRep",
                  SessionBuilder().state(State::Starting).waiting_for(Wait::SyncRep),
                  Spared::Unreadable},
        OrderCase{
            "SyncRepBeforeRoleUnknown",
            SessionBuilder().running(noon).waiting_for(Wait::SyncRep).superuser(Superuser::Unknown),
            Spared::SyncRep},
        OrderCase{
            "SyncRepBeforeSuperuser",
            SessionBuilder().running(noon).waiting_for(Wait::SyncRep).superuser(Superuser::Yes),
            Spared::SyncRep},
        OrderCase{
            "SyncRepBeforeLockWaitOfAWorker",
            SessionBuilder().running(noon).waiting_for(Wait::SyncRep).worker_waiting_for_lock(),
            Spared::SyncRep},
        OrderCase{"RoleUnknownBeforeNotMeasurable",
                  SessionBuilder().disabled().superuser(Superuser::Unknown), Spared::RoleUnknown},
        OrderCase{"SuperuserBeforeWorker",
                  SessionBuilder().idle(noon).superuser(Superuser::Yes).worker(), Spared::Superuser,
                  Limit::IdleSession},
        OrderCase{"WorkerBeforeNotMeasurable", SessionBuilder().disabled().worker(), Spared::Worker,
                  Limit::IdleSession},
        OrderCase{"SuperuserBeforeNotMeasurable",
                  SessionBuilder().disabled().superuser(Superuser::Yes), Spared::Superuser},
        OrderCase{"SuperuserBeforeLockWait",
                  SessionBuilder().running(noon).waiting_for(Wait::Lock).superuser(Superuser::Yes),
                  Spared::Superuser},
        OrderCase{"NotMeasurableBeforeLockWait",
                  SessionBuilder().disabled().waiting_for(Wait::Lock), Spared::NotMeasurable},
        OrderCase{"UnreadableBeforeExempt", SessionBuilder().state(State::Unknown),
                  Spared::Unreadable, Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"SyncRepBeforeExempt", SessionBuilder().running(noon).waiting_for(Wait::SyncRep),
                  Spared::SyncRep, Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"RoleUnknownBeforeExempt",
                  SessionBuilder().running(noon).superuser(Superuser::Unknown), Spared::RoleUnknown,
                  Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"ExemptBeforeSuperuser", SessionBuilder().running(noon).superuser(Superuser::Yes),
                  Spared::Exempt, Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"ExemptBeforeNotMeasurable", SessionBuilder().disabled(), Spared::Exempt,
                  Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"ExemptBeforeListener", SessionBuilder().idle(noon).listening(), Spared::Exempt,
                  Limit::IdleSession, PolicyBuilder().exempt(true)},
        OrderCase{"SuperuserBeforeListener",
                  SessionBuilder().idle(noon).listening().superuser(Superuser::Yes),
                  Spared::Superuser, Limit::IdleSession},
        OrderCase{"SuperuserBeforeMaintenance",
                  SessionBuilder().running(noon).maintaining().superuser(Superuser::Yes),
                  Spared::Superuser},
        OrderCase{"NotMeasurableBeforeListener", SessionBuilder().disabled().listening(),
                  Spared::NotMeasurable, Limit::IdleSession},
        OrderCase{"NotMeasurableBeforeMaintenance", SessionBuilder().disabled().maintaining(),
                  Spared::NotMeasurable, Limit::Transaction},
        OrderCase{"ListenerBeforeInTransaction",
                  SessionBuilder().idle(noon).with_transaction_id().switches(7).listening(),
                  Spared::Listener, Limit::IdleSession},
        OrderCase{"NotToldBeforeListener",
                  SessionBuilder().idle(noon).with_transaction_id().listening(),
                  Spared::SwitchesUnreadable, Limit::IdleSession},
        OrderCase{"SuperuserBeforeNotTold", SessionBuilder().paused(noon).superuser(Superuser::Yes),
                  Spared::Superuser, Limit::IdleInTransactionSession},
        OrderCase{"SuperuserBeforePeerUnreadable",
                  SessionBuilder().running(noon).peer(Peer::Unreadable).superuser(Superuser::Yes),
                  Spared::Superuser, Limit::DeadClient},
        OrderCase{"MaintenanceBeforePeerThere",
                  SessionBuilder().running(noon).maintaining().peer(Peer::There),
                  Spared::Maintenance, Limit::DeadClient},
        OrderCase{"MaintenanceBeforeLockWait",
                  SessionBuilder().running(noon).waiting_for(Wait::Lock).maintaining(),
                  Spared::Maintenance}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(MayPassSoon, WhatEndsByItself)
{
	EXPECT_TRUE(may_pass_soon(Spared::Unreadable));
	EXPECT_TRUE(may_pass_soon(Spared::SyncRep));
	EXPECT_TRUE(may_pass_soon(Spared::Maintenance));
	EXPECT_TRUE(may_pass_soon(Spared::LockWait));
	EXPECT_TRUE(may_pass_soon(Spared::PeerThere));
	EXPECT_TRUE(may_pass_soon(Spared::InTransaction));
}

TEST(MayPassSoon, NotWhatLasts)
{
	EXPECT_FALSE(may_pass_soon(Spared::No));
	EXPECT_FALSE(may_pass_soon(Spared::RoleUnknown));
	EXPECT_FALSE(may_pass_soon(Spared::Exempt));
	EXPECT_FALSE(may_pass_soon(Spared::Superuser));
	EXPECT_FALSE(may_pass_soon(Spared::Worker));
	EXPECT_FALSE(may_pass_soon(Spared::NotMeasurable));
	EXPECT_FALSE(may_pass_soon(Spared::SwitchesUnreadable));
	EXPECT_FALSE(may_pass_soon(Spared::PeerUnreadable));
	/* Who stops listening has begun another idle phase by it. */
	EXPECT_FALSE(may_pass_soon(Spared::Listener));
}

} // namespace
} // namespace session_guard::test
