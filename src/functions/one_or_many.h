/*
 * The SQL type session_guard.one_or_many: what stands for a text or for an
 * array of texts in an argument.
 *
 * Inside it is an array.  A literal is always one text, whatever is in it: '{a,b}'
 * is a name that somebody may have made to be taken for two others.
 */
#pragma once

#include "pg/pg.h"

#include <span>

namespace session_guard
{

/*
 * Its texts, each a text datum.  An error if there are none, or NULL among them;
 * the name is that of the argument.
 */
std::span<const Datum> texts_of(Datum one_or_many, const char *name);

/* Does a function make this type of a text or a name? */
bool makes_one_or_many(PGFunction function);

} // namespace session_guard
