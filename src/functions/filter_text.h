/*
 * The filters of a call as they were given, for people: dbname => 'shop',
 * state => ARRAY['idle', 'active'].
 *
 * The text is bounded.  Values are quoted as SQL has it and cut inside of their
 * quotes, so that none can pass for something else.  Control characters are in
 * it as they came.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

#include "shmem/event.h"

#include <span>

namespace session_guard
{

class Given
{
  public:
	/* In the current memory context. */
	Given();

	void add(const char *name, const char *value);
	/* Text datums: one as a value, several as an array. */
	void add(const char *name, std::span<const Datum> values);
	void add(const char *name, Duration duration);
	void add(const char *name, bool flag);

	const char *
	c_str() const
	{
		return text_.data;
	}

  private:
	void add_expression(const char *name, const char *expression);

	StringInfoData text_;
	bool is_full_ = false;
};

} // namespace session_guard
