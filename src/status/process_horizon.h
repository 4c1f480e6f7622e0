/*
 * What one process keeps vacuum from cleaning up after.
 */
#pragma once

#include "pg/pg.h"

#include <cstdint>

namespace session_guard
{

/* Where vacuum is held back. */
enum class HorizonScope : std::uint8_t
{
	Nowhere,
	/* In one database, and in the catalogs that all have in common. */
	OneDatabase,
	/* In all databases: the feedback of a standby. */
	AllDatabases,
};

struct ProcessHorizon
{
	/* As pg_stat_activity shows them; invalid if there is none. */
	TransactionId xid;
	TransactionId xmin;
	HorizonScope scope;
};

/* Read the fields of a process, by the server's own rule (ComputeXidHorizons() in procarray.c). */
ProcessHorizon read_process_horizon(const PGPROC *process);

} // namespace session_guard
