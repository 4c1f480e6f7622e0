/*
 * One row of a set-returning function.
 */
#pragma once

#include "pg/versions.h"

#include <array>
#include <cstddef>

namespace session_guard
{

/* A row in the making: NULL where nothing is set. */
template <int columns> class ResultRow
{
  public:
	ResultRow()
	{
		nulls_.fill(true);
	}

	void
	set(std::size_t column, Datum value)
	{
		values_[column] = value;
		nulls_[column] = false;
	}

	/* NULL for nullptr. */
	void
	set_text(std::size_t column, const char *value)
	{
		if (value != nullptr)
			set(column, CStringGetTextDatum(value));
	}

	void
	set_name(std::size_t column, const char *value)
	{
		if (value != nullptr)
			set(column, DirectFunctionCall1(namein, CStringGetDatum(value)));
	}

	void
	put(ReturnSetInfo &result)
	{
		check_column_count(result.setDesc, columns);
		tuplestore_putvalues(result.setResult, result.setDesc, values_.data(), nulls_.data());
	}

	std::array<Datum, columns> &
	values()
	{
		return values_;
	}

	const std::array<bool, columns> &
	nulls() const
	{
		return nulls_;
	}

	/* The row as the result of a function that returns one. */
	Datum
	datum(FunctionCallInfo call)
	{
		TupleDesc desc;

		if (get_call_result_type(call, nullptr, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		check_column_count(desc, columns);
		return HeapTupleGetDatum(
		    heap_form_tuple(BlessTupleDesc(desc), values_.data(), nulls_.data()));
	}

  private:
	std::array<Datum, columns> values_{};
	std::array<bool, columns> nulls_;
};

} // namespace session_guard
