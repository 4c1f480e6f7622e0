/*
 * Which channels this session listens on, as the server will have it after the
 * present transaction, and the mark that tells the guard of it.
 *
 * The text of a query does not tell, and the server keeps its list to itself.
 * Where the two could differ, this one errs on the side that spares.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* Note what a statement of this transaction has done; it takes effect at commit. */
void note_listen(const char *channel);
void note_unlisten(const char *channel);
void note_unlisten_all();

/* The end of the transaction. */
void settle_listening(bool committed);

/* The end of the present subtransaction. */
void settle_listening_in_subtransaction(bool committed);

} // namespace session_guard
