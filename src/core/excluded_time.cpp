/*
 * What is excluded from the time of an episode (see excluded_time.h).
 */
#include "core/excluded_time.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* What does not count of an episode, by its kind, until the last reading. */
struct Account
{
	Duration waits;
	Duration maintenance;
	/* Waits during maintenance. */
	Duration waits_in_maintenance;
	/* How much maintenance is excluded, and whether more has run than may be. */
	Duration spared_maintenance;
	bool is_maintenance_used_up;
	/* From when the waits are known, and the maintenance before that. */
	Instant known_from;
	Duration maintained_before;
};

/* The waits that do not count for a limit; those for the client are excluded from statements only.
 */
Duration
excluded_waits(Limit limit, const Waits &waits, const Policy &policy)
{
	Duration time = waits[static_cast<std::size_t>(SeenWait::Standby)];

	if (policy.spare_lock_waiters)
		time += waits[static_cast<std::size_t>(SeenWait::Lock)];
	if (limit == Limit::Statement)
		time += waits[static_cast<std::size_t>(SeenWait::Client)];
	return time;
}

Account
account_of(Limit limit, const WaitAccount &waits, Duration maintenance, const Policy &policy)
{
	Account account{.waits = excluded_waits(limit, waits.all, policy),
	                .maintenance = 0,
	                .waits_in_maintenance = 0,
	                .spared_maintenance = 0,
	                .is_maintenance_used_up = false,
	                .known_from = waits.known_from,
	                .maintained_before = 0};

	if (policy.spare_maintenance)
	{
		account.maintenance = maintenance;
		account.waits_in_maintenance = excluded_waits(limit, waits.in_maintenance, policy);
		account.spared_maintenance =
		    std::max<Duration>(0, maintenance - account.waits_in_maintenance);
		account.maintained_before = waits.maintained_before;
	}
	return account;
}

/*
 * Exclude no more of a transaction's maintenance than maintenance_timeout allows,
 * in however many commands.  The maintenance of the present statement is not
 * counted against that: the limit applies to the statement by itself.
 */
Account
bounded(Account account, Duration before_statement, const Policy &policy)
{
	Duration bound = threshold_of(policy.limits, Limit::Maintenance).value;

	account.is_maintenance_used_up =
	    policy.spare_maintenance && bound != 0 && before_statement > bound;
	if (account.is_maintenance_used_up)
		account.spared_maintenance = std::min(account.spared_maintenance, bound);
	return account;
}

Account
account_of_transaction(const Session &session, const TrackingState &tracking, const Policy &policy)
{
	Duration in_transaction = session.maintenance.spared_in_transaction;
	Duration running = running_spared_maintenance(session, tracking.read_at);

	/* A failed transaction has neither waits nor maintenance. */
	if (session.transaction == 0)
		return {};
	return bounded(account_of(Limit::Transaction, tracking.transaction_waits,
	                          running + in_transaction, policy),
	               in_transaction - ended_spared_maintenance(session), policy);
}

/* Maintenance commands of the statement that have ended count before the start of this one. */
Account
account_of_maintenance(const Session &session, const TrackingState &tracking, const Policy &policy)
{
	Duration ended = is_maintenance_of_statement(session) ? session.maintenance.in_statement : 0;
	Account account{};

	account.waits = excluded_waits(Limit::Maintenance, tracking.maintenance_waits, policy) - ended;
	account.known_from = beginning;
	return account;
}

Account
account_of(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy)
{
	switch (limit)
	{
		case Limit::Statement:
			return account_of(limit, tracking.statement_waits,
			                  spared_maintenance(session, tracking.read_at), policy);
		case Limit::Transaction:
			return account_of_transaction(session, tracking, policy);
		case Limit::Maintenance:
			return account_of_maintenance(session, tracking, policy);
		default:
			return {};
	}
}

/* The share of a time that has the ratio of a part to its whole; 0 if any of them is. */
Duration
share_of(Duration time, Duration part, Duration whole)
{
	if (time <= 0 || part <= 0 || whole <= 0)
		return 0;
	return static_cast<Duration>(
	    static_cast<double>(time) *
	    std::min(1.0, static_cast<double>(part) / static_cast<double>(whole)));
}

} // namespace

ExcludedTime
excluded_time(Limit limit, Instant start, const Session &session, const TrackingState &tracking,
              const Policy &policy)
{
	Account account = account_of(limit, session, tracking, policy);

	/* All maintenance is known, and it says nothing about the time outside of it. */
	Duration unknown = account.known_from - start - account.maintained_before;
	Duration known =
	    tracking.read_at - account.known_from - (account.maintenance - account.maintained_before);

	return {.seen = account.waits + account.spared_maintenance,
	        .presumed = share_of(unknown, account.waits - account.waits_in_maintenance, known)};
}

bool
has_used_up_maintenance(Limit limit, const Session &session, const TrackingState &tracking,
                        const Policy &policy)
{
	return account_of(limit, session, tracking, policy).is_maintenance_used_up;
}

} // namespace session_guard
