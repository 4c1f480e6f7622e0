/*
 * Whom a function spares that names a condition (see sparing.h).
 */
#include "functions/sparing.h"

#include "core/reason.h"

#include "server/clock.h"
#include "server/rights.h"
#include "server/shared.h"
#include "server/show.h"

#include <array>

namespace session_guard
{

namespace
{

/* What the guard keeps in mind of a session, with what was seen of it now. */
Memo
memo_with(Session &session, int slot)
{
	PresentClock present = present_clock();
	Memo memo = shared() != nullptr ? copy_shared(memo_of(slot)) : Memo{};

	place(memo, session, present.clock, present.now);
	observe(memo, session, present.now);
	return memo;
}

/* Is it by what the catalogs show to everybody, and not by what the session does? */
bool
is_public(Spared spared)
{
	return spared == Spared::Exempt || spared == Spared::Superuser;
}

const char *
words_for(Spared spared, const Sighting &sighting, const Policy &policy)
{
	std::array<char, 256> buffer;
	Text text(buffer);

	if (!is_public(spared) && !may_see(sighting.role))
		return "spared as by the limit of this condition";
	if (spared == Spared::Maintenance)
		return name_of(sighting.session.maintenance.command).data();
	append_spared(text, spared, policy,
	              {.role = name_or_mark(GetUserNameFromId(sighting.role, true)),
	               .database = name_or_mark(get_database_name(sighting.database))});
	return pstrdup(shown_string(text.c_str()));
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
Sparing::why_spared(Condition condition, Duration longer_than, const Sighting &sighting) const
{
	Session session = sighting.session;

	session.superuser = superuser_now(sighting.role);
	Policy policy = policies_->policy_of(session.superuser, sighting.role, sighting.database);
	Memo memo = memo_with(session, sighting.slot);
	/* Who waits for a standby is not spared here, nor for that time: there is an argument for that.
	 */
	bool waits_for_standby = session.wait == Wait::SyncRep;
	if (waits_for_standby)
		session.wait = Wait::Other;
	Spared spared =
	    spared_from_condition(condition, longer_than, session, memo, policy, memo.looked_at);
	if (spared == Spared::No || (spared == Spared::NotSoLong && waits_for_standby))
		return nullptr;
	return words_for(spared, sighting, policy);
}

} // namespace session_guard
