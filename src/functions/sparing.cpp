/*
 * What a function spares that names a condition (see sparing.h).
 */
#include "functions/sparing.h"

#include "core/messages.h"

#include "pg/privileges.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "functions/session_columns.h"

#include <array>

namespace session_guard
{

namespace
{

/* What the guard keeps in mind of a session, with what was seen of it now. */
TrackingState
tracking_with(Session &session, int slot)
{
	PresentClock present = present_clock();
	TrackingState tracking = read_tracking(slot);

	place(tracking, session, present.clock, present.now);
	observe(tracking, session, present.now);
	return tracking;
}

/* Is it by what the catalogs show to everybody, and not by what the session does? */
bool
is_public(Spared spared, const Policy &policy)
{
	return (spared == Spared::Exempt && policy.exempt.source != Source::Rule) ||
	       spared == Spared::Superuser;
}

const char *
words_for(Spared spared, const BackendSnapshot &snapshot, const Policy &policy, const Rules &rules)
{
	std::array<char, 256> buffer;
	Text text(buffer);

	if (!is_public(spared, policy) && !may_see(snapshot.role))
		return "spared as by the limit of this condition";
	if (spared == Spared::Maintenance)
		return name_of(snapshot.session.maintenance.command).data();
	Names names = names_of(snapshot);
	names.exempting_rule = rule_name(rules, policy.exempt.source, policy.exempt.rule);
	append_spared(text, spared, policy, names);
	return pstrdup(converted_string(text.c_str()));
}

} // namespace

void
Sparing::refresh()
{
	if (policies_)
		policies_->refresh();
	else
		policies_.emplace();
}

const char *
Sparing::why_spared(Condition condition, Duration longer_than,
                    const BackendSnapshot &snapshot) const
{
	Session session = snapshot.session;

	session.superuser = superuser_now(snapshot.role);
	Policy policy = policies_->policy_of(session.superuser, bound_of(snapshot));
	TrackingState tracking = tracking_with(session, snapshot.backend.slot);
	/* A wait for a standby does not spare here, nor does its time: there is an argument for that.
	 */
	bool waits_for_standby = session.wait == Wait::SyncRep;
	if (waits_for_standby)
		session.wait = Wait::Other;
	Spared spared =
	    spared_from_condition(condition, longer_than, session, tracking, policy, tracking.read_at);
	if (spared == Spared::No || (spared == Spared::NotSoLong && waits_for_standby))
		return nullptr;
	return words_for(spared, snapshot, policy, policies_->rules());
}

} // namespace session_guard
