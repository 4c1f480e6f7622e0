/*
 * How far sessions hold vacuum back (see horizon.h).
 */
#include "guard/horizon.h"

#include "core/horizon_age.h"
#include "core/spared.h"
#include "core/xid_age.h"

#include "shmem/tracking.h"

#include "status/catalogs.h"
#include "status/horizon.h"

#include "policy/policy_cache.h"

#include "guard/names.h"

#include <array>

namespace session_guard
{

namespace
{

/* What was read of all holders last, and the memory that it is in; none if it does not matter. */
std::optional<HorizonReading> reading;
MemoryContext reading_context = nullptr;
Instant read_at = beginning;
/* When that was last for a scan. */
Instant scanned_at = beginning;

/* A reading is good for so long: what has ended since was still in the way then. */
constexpr Duration rest_after_reading = second;

/*
 * A snapshot that is kept: from which transaction on, and since when.  It can be handed on
 * from session to session, and counts from when it was first found.
 */
struct KeptSnapshot
{
	TransactionId xmin;
	TransactionId from;
	Instant since;
	/* The reading of all holders for which it was last asked for. */
	Instant seen_at;
};
HTAB *kept_snapshots = nullptr;

/* Holders that were named. */
NamedOnce named{"session guard named holders of the horizon"};

bool
may_end(const HorizonHolder &holder)
{
	Session session{};

	session.state = holder.is_tracked ? State::Active : State::Disabled;
	session.superuser = superuser_of_session(holder.role);
	return may_end_for_horizon(session,
	                           policy_of(session.superuser, bound_of(holder, Patience::None)));
}

void
forget_snapshots_not_seen_since(Instant last_scan)
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, kept_snapshots);
	while (void *entry = hash_seq_search(&scan))
	{
		auto kept = static_cast<KeptSnapshot *>(entry);

		if (kept->seen_at < last_scan)
			(void)hash_search(kept_snapshots, &kept->xmin, HASH_REMOVE, nullptr);
	}
}

/*
 * The kept snapshot that goes back to a transaction.  A guard that has been started again
 * takes over what is tracked of its keeper.
 */
const KeptSnapshot &
kept_snapshot(const Session &session, const TrackingState &tracking)
{
	const TrackedHorizon &known = tracking.horizon;
	TransactionId xmin = session.horizon.xmin;
	bool found;
	auto kept = static_cast<KeptSnapshot *>(hash_search(kept_snapshots, &xmin, HASH_ENTER, &found));

	if (!found)
	{
		kept->from = reading->next;
		kept->since = read_at;
	}
	if (is_kept_snapshot_known(session, tracking) &&
	    xid_age(known.kept_from, reading->next) > xid_age(kept->from, reading->next))
	{
		kept->from = known.kept_from;
		kept->since = known.snapshot.since;
	}
	kept->seen_at = read_at;
	return *kept;
}

/* What tells a holder from others; the process that uses a slot changes. */
void
append_key(Text &key, const HorizonHolder &holder)
{
	key.append(static_cast<std::int64_t>(holder.kind)).append(" ");
	switch (holder.kind)
	{
		case HolderKind::ReplicationSlot:
			key.append(NameStr(holder.slot_name));
			return;
		case HolderKind::PreparedTransaction:
			key.append(static_cast<std::int64_t>(holder.xid));
			return;
		default:
			key.append(holder.pid);
			return;
	}
}

void
append_holder(Text &text, const HorizonHolder &holder)
{
	BackendSnapshot snapshot;

	switch (holder.kind)
	{
		case HolderKind::ReplicationSlot:
			text.append("replication slot ").append_quoted(NameStr(holder.slot_name));
			return;
		case HolderKind::PreparedTransaction:
			append_prepared(text, holder.xid);
			return;
		case HolderKind::Standby:
			text.append("a standby, by the feedback of process ").append(holder.pid);
			return;
		default:
			break;
	}
	if (read_backend_in_slot(holder.slot, snapshot, Patience::None) == ReadResult::Read &&
	    snapshot.backend.id.pid == holder.pid)
		append_process(text, snapshot);
	else
		text.append("process ").append(holder.pid);
}

int
hint_for(HolderKind kind)
{
	switch (kind)
	{
		case HolderKind::ReplicationSlot:
			return errhint("pg_drop_replication_slot() drops a slot that nobody needs any more.");
		case HolderKind::PreparedTransaction:
			return errhint("COMMIT PREPARED or ROLLBACK PREPARED ends it.");
		default:
			return 0;
	}
}

void
name(const LastingHolder &lasting)
{
	std::array<char, 1024> buffer;
	Text text(buffer);

	append_holder(text, lasting.holder);
	text.append(" holds back vacuum by ").append(lasting.age).append(" transactions");
	ereport(LOG, (errmsg_internal("%s", text.c_str()),
	              errdetail("The end of sessions that hold it back by less would free nothing, and "
	                        "pg_session_guard.max_horizon_age spares them."),
	              hint_for(lasting.holder.kind)));
}

} // namespace

void
prepare_horizon()
{
	HASHCTL control{};

	reading_context =
	    AllocSetContextCreate(TopMemoryContext, "session guard horizon", ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(TransactionId);
	control.entrysize = sizeof(KeptSnapshot);
	control.hcxt = TopMemoryContext;
	kept_snapshots = hash_create("session guard kept snapshots", 64, &control,
	                             HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
reread_horizon(Instant now)
{
	reading.reset();
	MemoryContextReset(reading_context);
	MemoryContext caller = MemoryContextSwitchTo(reading_context);
	reading = read_horizon(may_end);
	MemoryContextSwitchTo(caller);
	read_at = now;
}

void
look_at_horizon(Instant now)
{
	if (!is_in_force(Limit::HorizonAge))
	{
		reading.reset();
		return;
	}
	if (reading && now - read_at < rest_after_reading)
		return;
	reread_horizon(now);
	/* All sessions were asked about since then. */
	forget_snapshots_not_seen_since(scanned_at);
	scanned_at = now;
	named.forget_absent(now);
}

void
note_horizon(Session &session, int slot, Oid database, const Policy &policy)
{
	Horizon &horizon = session.horizon;

	if (!is_set(policy, Limit::HorizonAge) || !reading)
		return;
	complete_horizon(horizon, database, threshold_of(policy.limits, Limit::HorizonAge).value,
	                 *reading);
	if (horizon.xmin == 0 || !is_snapshot_kept(*reading, horizon.xmin))
		return;
	const KeptSnapshot &kept = kept_snapshot(session, tracking_of(slot));
	horizon.kept_from = kept.from;
	horizon.kept_since = kept.since;
}

void
name_horizon_holder(const Decision &decision, const Session &session, Oid database,
                    const TrackingState &tracking, Instant now)
{
	if (decision.outlook != Outlook::Spared || decision.spared != Spared::HorizonHeldElsewhere ||
	    !reading)
		return;
	const Horizon &horizon = session.horizon;
	const LastingHolder *lasting = holds_by_own_transaction(horizon, tracking.horizon)
	                                   ? who_exceeds_own(horizon, database, *reading)
	                                   : who_matches_snapshot(horizon, database, *reading);
	std::array<char, NamedOnce::key_size> buffer;
	Text key(buffer);

	if (lasting == nullptr)
		return;
	append_key(key, lasting->holder);
	if (named.note(key.c_str(), now))
		name(*lasting);
}

} // namespace session_guard
