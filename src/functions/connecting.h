/*
 * Processes that had come into a database when a request came, and so keep it in
 * use, but were still about to connect.
 */
#pragma once

#include "pg/pg.h"

#include <span>

namespace session_guard
{

struct Connecting
{
	/* The databases, and the processes: none if the request is not about them. */
	std::span<const Oid> databases;
	std::span<const int> pids;
};

/* Find them, in the current memory context. */
Connecting find_connecting(std::span<const Oid> databases);

/* Is one of them still about to connect? */
bool is_connecting(const Connecting &connecting);

/* The process in a place if it is one of them; 0 if not: others may yet be turned away. */
int connecting_in(const Connecting &connecting, int slot, Oid database);

} // namespace session_guard
