/*
 * Commands that need a database for themselves: DROP DATABASE, CREATE DATABASE
 * from a template, ALTER DATABASE that renames or moves it.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* If this is such a command and concerns the workers' database, have the workers give way to it. */
void clear_way_for(Node *statement);

} // namespace session_guard
