/*
 * What sessions wait for when nobody is found who is to blame.
 */
#pragma once

#include "functions/filter.h"

namespace session_guard
{

/* Tell the caller, whose filter about blocking has found nobody, what others wait for. */
void notice_waits(const Filter &filter);

} // namespace session_guard
