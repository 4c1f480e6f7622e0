/*
 * What prepared transactions are called (see prepared_transactions.h).
 */
#include "functions/prepared_transactions.h"

#include "pg/compat.h"

#include "status/sql_values.h"

#include <algorithm>

namespace session_guard
{

namespace
{

Datum
value_of(HeapTuple row, int column)
{
	bool is_null;

	return SPI_getbinval(row, SPI_tuptable->tupdesc, column, &is_null);
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
	constexpr char query[] = "SELECT transaction, gid, prepared FROM pg_catalog.pg_prepared_xact()";
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
		HeapTuple row = SPI_tuptable->vals[i];
		const char *gid = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		all.add({.xid = DatumGetTransactionId(value_of(row, 1)),
		         .gid = sql_text(gid),
		         .prepared_at = DatumGetTimestampTz(value_of(row, 3))});
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return PreparedTransactions(all);
}

} // namespace session_guard
