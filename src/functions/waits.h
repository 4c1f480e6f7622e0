/*
 * What sessions wait for when no session is found that counts as blocking.
 */
#pragma once

#include "functions/filter.h"

namespace session_guard
{

/* Tell the caller, whose filter about blocking has found nobody, what others wait for. */
void notice_waits(const Filter &filter);

} // namespace session_guard
