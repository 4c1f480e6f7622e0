/*
 * What prepared transactions are called, whose they are, and since when they wait: the server keeps
 * that to itself, but for the function behind pg_prepared_xacts.
 */
#pragma once

#include "core/time.h"

#include "pg/growing_array.h"
#include "pg/pg.h"

namespace session_guard
{

struct PreparedTransaction
{
	TransactionId xid;
	Timestamp prepared_at;
	Oid owner;
	Oid database;
	/* As it was given, of any encoding. */
	char gid[GIDSIZE];
};

class PreparedTransactions
{
  public:
	/* None: they may not be read, or cannot be now. */
	PreparedTransactions() = default;
	explicit PreparedTransactions(const GrowingArray<PreparedTransaction> &all)
	    : all_(all), are_complete_(true)
	{
	}

	/* nullptr if it is not among them. */
	const PreparedTransaction *find(TransactionId xid) const;

	std::span<const PreparedTransaction>
	all() const
	{
		return all_.all();
	}

	bool
	are_complete() const
	{
		return are_complete_;
	}

  private:
	GrowingArray<PreparedTransaction> all_;
	bool are_complete_ = false;
};

/* Read all of the server, in the current memory context, by a query of the caller's session. */
PreparedTransactions read_prepared_transactions();

/* The same for the guard: none if a lock of a catalog is in the way. */
PreparedTransactions read_prepared_transactions_now();

} // namespace session_guard
