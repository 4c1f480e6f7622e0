/*
 * What a change of the rules may bind more strictly.
 */
#pragma once

#include "policy/rule_image.h"

#include <cstdint>

namespace session_guard
{

/*
 * The limits about which the enabled rules say something else now, or select others for it; a bit
 * for each.  All, if others are exempt.
 */
std::uint32_t limits_changed_by_rules(const RuleRows &now, const RuleRows &before);

} // namespace session_guard
