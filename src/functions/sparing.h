/*
 * Whom a function spares that names a condition: as the limit of that condition
 * does, by the same settings and the same code.
 */
#pragma once

#include "core/spared.h"

#include "status/backend_status.h"

#include "policy/present_policies.h"

#include <optional>

namespace session_guard
{

class Sparing
{
  public:
	/* Bring the policies up to date; to be called before the session is read, since it may have to
	 * wait. */
	void refresh();

	/*
	 * Why a session that was just read, and has met the condition for longer
	 * than this, is spared now: nullptr if it is not.  Who may not see what the
	 * session does is told no more than that.
	 */
	const char *why_spared(Condition condition, Duration longer_than,
	                       const BackendSnapshot &snapshot) const;

  private:
	std::optional<PresentPolicies> policies_;
};

} // namespace session_guard
