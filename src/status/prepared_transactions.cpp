/*
 * What prepared transactions are called (see prepared_transactions.h).
 */
#include "status/prepared_transactions.h"

#include "pg/compat.h"

#include "status/catalogs.h"

#include <algorithm>

namespace session_guard
{

namespace
{

CatalogWork querying{.what = "list prepared transactions", .has_failed = false};

Datum
value_of(HeapTuple row, int column)
{
	bool is_null;

	return SPI_getbinval(row, SPI_tuptable->tupdesc, column, &is_null);
}

PreparedTransaction
transaction_in(HeapTuple row)
{
	PreparedTransaction found{.xid = DatumGetTransactionId(value_of(row, 1)),
	                          .prepared_at = DatumGetTimestampTz(value_of(row, 3)),
	                          .owner = DatumGetObjectId(value_of(row, 4)),
	                          .database = DatumGetObjectId(value_of(row, 5)),
	                          .gid = {}};

	strlcpy(found.gid, SPI_getvalue(row, SPI_tuptable->tupdesc, 2), sizeof(found.gid));
	return found;
}

} // namespace

const PreparedTransaction *
PreparedTransactions::find(TransactionId xid) const
{
	std::span<PreparedTransaction> all = all_.all();
	auto found = std::ranges::find(all, xid, &PreparedTransaction::xid);

	return found != all.end() ? &*found : nullptr;
}

PreparedTransactions
read_prepared_transactions()
{
	constexpr char query[] = "SELECT transaction, gid, prepared, ownerid, dbid"
	                         " FROM pg_catalog.pg_prepared_xact()";
	MemoryContext caller = CurrentMemoryContext;
	GrowingArray<PreparedTransaction> all;

	/* Asked beforehand: a query that fails would need a subtransaction, which a parallel query
	 * cannot have. */
	if (!may_execute(F_PG_PREPARED_XACT, GetUserId()))
		return {};
	SPI_connect();
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the prepared transactions");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		PreparedTransaction found = transaction_in(SPI_tuptable->vals[i]);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		all.add(found);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return PreparedTransactions(all);
}

PreparedTransactions
read_prepared_transactions_now()
{
	PreparedTransactions prepared;
	auto read = [&]
	{
		/* The guard has none while it does not query. */
		PushActiveSnapshot(GetTransactionSnapshot());
		prepared = read_prepared_transactions();
		PopActiveSnapshot();
	};

	return catalogs_can_be_read() && with_catalogs(querying, read) ? prepared
	                                                               : PreparedTransactions{};
}

} // namespace session_guard
