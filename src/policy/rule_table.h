/*
 * The table session_guard.rule, as it is read: in the database of the workers, by the guard and by
 * sessions that are connected to it.
 *
 * A table of that name counts only if it belongs to the extension: anybody may make another one.
 */
#pragma once

#include "policy/rule_image.h"

namespace session_guard
{

/*
 * The table; InvalidOid if the extension has none here.  Reads catalogs: the caller holds their
 * locks (lock_for_rules()), or may wait for them.
 */
Oid find_rule_table();

/* Lock what is opened to find and read the table, but for itself, if no other lock is in the way.
 */
bool lock_for_rules();

/* Lock the table, and what its longest values are stored in, in the same way. */
bool lock_rule_table(Oid table);

/*
 * Read all rows of the locked table as of a snapshot, none if the table is gone; the image is in
 * the current memory context.  An error if the table is not as the extension has made it, or a row
 * has what its constraints forbid: such a rule must not be understood in another way.
 */
RuleImage read_rule_table(Oid table, Snapshot snapshot);

} // namespace session_guard
