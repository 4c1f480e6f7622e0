/*
 * Catalogs, without ever waiting for them and without ending by them.
 *
 * Reading a catalog opens others: a relation's cache entry is rebuilt from
 * pg_class, a plan is made anew from pg_proc.  So the locks of all of them are
 * asked for, conditionally, before any is read, and only by who is about to read:
 * most passes need none.  While they are held no reading waits.  If one cannot be
 * had, nothing is read, and the caller goes on with what it has: the session that
 * holds it may be the very one to be ended.
 */
#pragma once

#include "pg/pg.h"
#include "pg/subtransaction.h"

#include <span>

namespace session_guard
{

/* Work that reads catalogs: what it does, for the log, and whether the log says already that it
 * fails. */
struct CatalogWork
{
	/* "read the catalog of roles" */
	const char *what;
	bool has_failed;
};

/*
 * Lock them, unless this transaction holds the locks already.  False if another lock
 * is in the way, which is said once, or was a moment ago, or if a reading has failed
 * within the last second.  If true they are held to the end of the transaction, and no
 * query waits for them either.  Has anything been read before?
 */
bool lock_catalogs(bool were_read);

/* Lock these as well, if no other lock is in the way of one; to the end of the (sub)transaction. */
bool lock_if_free(std::span<const Oid> relations);

/* Forget the locks: the transaction that held them is over. */
void forget_catalog_locks();

/* Note that work has failed: the log says so once, and for a second catalogs are not free. */
void note_catalog_failure(CatalogWork &work, const ErrorData &error);

/*
 * Do work that reads catalogs; false if it failed, for whatever reason, and was
 * undone.
 *
 * A cancel from outside is no exception.  Going on with what was read last is
 * better than ending by it, which would leave all sessions unguarded until the
 * postmaster has started the guard again.
 */
template <typename Work>
bool
with_catalogs(CatalogWork &work, Work read)
{
	ErrorData *error = nullptr;

	if (run_in_subtransaction(read, any_error, &error))
	{
		work.has_failed = false;
		return true;
	}
	note_catalog_failure(work, *error);
	FreeErrorData(error);
	return false;
}

} // namespace session_guard
