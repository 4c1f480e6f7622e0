/*
 * An array that grows, in the memory context in which it was begun.
 *
 * Memory is the context's: there is nothing to destroy, and an error may come
 * at any time.
 */
#pragma once

#include "pg/pg.h"

#include <algorithm>
#include <span>
#include <type_traits>

namespace session_guard
{

template <typename T> class GrowingArray
{
	static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  public:
	void
	add(const T &element)
	{
		if (count_ == capacity_)
			grow();
		elements_[count_++] = element;
	}

	std::size_t
	count() const
	{
		return count_;
	}

	/* Valid until the next one is added. */
	std::span<T>
	all() const
	{
		return {elements_, count_};
	}

  private:
	/* The lock table of a large server can need more than a palloc() gives. */
	void
	grow()
	{
		capacity_ = std::max<std::size_t>(2 * capacity_, 16);
		std::size_t size = capacity_ * sizeof(T);

		elements_ = static_cast<T *>(elements_ == nullptr
		                                 ? MemoryContextAllocHuge(CurrentMemoryContext, size)
		                                 : repalloc_huge(elements_, size));
	}

	T *elements_ = nullptr;
	std::size_t count_ = 0;
	std::size_t capacity_ = 0;
};

} // namespace session_guard
