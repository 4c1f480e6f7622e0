/*
 * What a change of the rules may bind more strictly.
 */
#pragma once

#include "policy/rule_image.h"
#include "policy/rules.h"

#include <cstdint>

namespace session_guard
{

/*
 * The limits about which the enabled rules say something else now, or select others for it; a bit
 * for each.  All, if others are exempt.
 */
std::uint32_t limits_changed_by_rules(const RuleRows &now, const RuleRows &before);

/* The limits of the same rules that select others by the same names now, as of a role that was not
 * there before; a bit for each.  All, if others are exempt by that. */
std::uint32_t limits_changed_by_names(const Rules &now, const Rules &before);

} // namespace session_guard
