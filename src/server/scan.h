/*
 * The scan: one full read of backend status.
 */
#pragma once

#include "server/pg.h"

#include "core/session.h"

#include <span>

namespace session_guard
{

/* One session as a scan found it. */
struct Scanned
{
	Session session;
	/* Its place in the backend-status array. */
	int slot;
	Oid role;
	Oid database;
};

/* Prepare the memory.  Once. */
void prepare_scan();

/*
 * Read the status of all client sessions, in a transaction.
 *
 * Through SPI, or from the array itself while a lock is in the way of SPI.
 * The result is valid until the next scan.
 */
std::span<const Scanned> scan_sessions();

} // namespace session_guard
