/*
 * A shared catalog as it was read as a whole: kept until the server says that it has changed and it
 * can be read again.
 */
#pragma once

#include "pg/compat.h"
#include "pg/growing_array.h"

#include "status/catalog_access.h"

#include <algorithm>
#include <cstdint>

namespace session_guard
{

/*
 * Read all rows of a relation, sorted by the order of T, in the current memory context.  By a
 * sequential scan: an index may be corrupt while its table is not.  By default as of now.
 */
template <typename T>
std::span<T>
read_whole_catalog(Oid relation_id, LOCKMODE lock, T (*read)(HeapTuple),
                   Snapshot snapshot = nullptr)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext scratch =
	    AllocSetContextCreate(context, "session guard scan", ALLOCSET_DEFAULT_SIZES);
	GrowingArray<T> rows;

	/* A change can be visible before the message about it has come. */
	InvalidateCatalogSnapshot();
	MemoryContextSwitchTo(scratch);
	Relation relation = table_open(relation_id, lock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
	while (HeapTuple tuple = systable_getnext(scan))
	{
		T row = read(tuple);

		MemoryContextSwitchTo(context);
		rows.add(row);
		MemoryContextSwitchTo(scratch);
	}
	systable_endscan(scan);
	table_close(relation, lock);
	MemoryContextSwitchTo(context);
	MemoryContextDelete(scratch);
	std::sort(rows.all().begin(), rows.all().end());
	return rows.all();
}

/* The guard's reading of one. */
template <typename T> class CatalogReading
{
  public:
	constexpr CatalogReading(Oid relation, T (*read)(HeapTuple), const char *what)
	    : relation_(relation), read_(read), work_{.what = what, .has_failed = false}
	{
	}

	/* Have it read anew when the server says that this cache may have changed. */
	void
	watch(CacheId cache)
	{
		CacheRegisterSyscacheCallback(cache, mark_stale, PointerGetDatum(this));
	}

	bool
	was_read() const
	{
		return context_ != nullptr;
	}

	bool
	is_stale() const
	{
		return is_stale_;
	}

	/* Read it anew, with the catalogs' locks held; if that fails, what was read before stays. */
	bool
	read_anew(Snapshot snapshot = nullptr)
	{
		MemoryContext context = nullptr;
		std::span<T> rows;

		/*
		 * A change that comes in while we read makes the reading stale again; one that has come
		 * since a snapshot was taken still does.
		 */
		if (snapshot == nullptr)
			is_stale_ = false;
		auto read = [&]
		{
			context = AllocSetContextCreate(CurrentMemoryContext, "session guard catalog",
			                                ALLOCSET_DEFAULT_SIZES);
			MemoryContext caller = MemoryContextSwitchTo(context);
			rows = read_whole_catalog(relation_, NoLock, read_, snapshot);
			MemoryContextSwitchTo(caller);
		};
		if (!with_catalogs(work_, read))
		{
			is_stale_ = true;
			return false;
		}
		MemoryContextSetParent(context, TopMemoryContext);
		if (context_ != nullptr)
			MemoryContextDelete(context_);
		context_ = context;
		rows_ = rows;
		readings_++;
		return true;
	}

	/* Sorted. */
	std::span<T>
	rows() const
	{
		return rows_;
	}

	/* How often it was read. */
	std::uint64_t
	readings() const
	{
		return readings_;
	}

  private:
	static void
	mark_stale(Datum reading, CacheId, uint32)
	{
		reinterpret_cast<CatalogReading *>(DatumGetPointer(reading))->is_stale_ = true;
	}

	Oid relation_;
	T (*read_)(HeapTuple);
	CatalogWork work_;
	bool is_stale_ = true;
	/* nullptr if it was never read. */
	MemoryContext context_ = nullptr;
	std::span<T> rows_{};
	std::uint64_t readings_ = 0;
};

} // namespace session_guard
