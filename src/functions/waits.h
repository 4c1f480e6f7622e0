/*
 * What sessions wait for, in words: when no session is found that counts as blocking, and
 * who is at the root of a wait.
 */
#pragma once

#include "status/prepared_transactions.h"

#include "functions/filter.h"

namespace session_guard
{

/* Tell the caller, whose filter about blocking has found nobody, what others wait for. */
void notice_waits(const Filter &filter);

/* What a process, or a prepared transaction, is called, as far as the caller is shown it. */
const char *name_of_root(const WaitNode &root, const PreparedTransactions &prepared);

} // namespace session_guard
