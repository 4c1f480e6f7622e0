/*
 * The scan: one full read of backend status.
 */
#pragma once

#include "status/bound.h"

#include <span>

namespace session_guard
{

/* One session as a scan found it. */
struct Scanned
{
	Session session;
	/* Its place in the backend-status array. */
	int slot;
	Bound bound;
};

/* How a scan learns which processes there are. */
enum class ScanKind
{
	/* From the functions of the server that list them (pg_stat_get_backend_idset). */
	Full,
	/* From the places of the array: as good, and cheaper. */
	Between,
};

/* Prepare the memory.  Once. */
void prepare_scan();

/*
 * Read the status of all sessions that are guarded, in a transaction.
 *
 * What is known of each comes from the one entry reader (entry_reader.h) by way
 * of backend_status.h; a full scan lists the processes through SPI, unless a lock
 * is in the way of that.  The result is valid until the next scan.
 */
std::span<Scanned> scan_sessions(ScanKind kind);

} // namespace session_guard
