/*
 * The arguments of a verb, checked: a NULL is an error and never "all", a name
 * must exist, a duration is not negative.
 *
 * They are taken in the order of the SQL function, which also states the
 * defaults.
 */
#pragma once

#include "server/pg.h"

#include "core/time.h"

#include <optional>

namespace session_guard
{

class Arguments
{
  public:
	explicit Arguments(FunctionCallInfo call) : call_(call)
	{
	}

	/* The function, as who called it knows it. */
	const char *verb() const;

	/* The OID of what must exist. */
	Oid database(const char *name);
	Oid role(const char *name);

	int pid(const char *name);
	Duration duration(const char *name);
	bool flag(const char *name);
	/*
	 * The only argument that may be NULL: nullptr then, or if it says nothing.
	 * Cut to what an event keeps of it, with a NOTICE.
	 */
	const char *reason();

	/*
	 * A filter: absent, or a value.  Absent is what its default says, the call
	 * of session_guard.not_given(); NULL from anywhere else is an error.
	 */
	std::optional<Datum> filter(const char *name);

  private:
	/* Is the next argument the call of session_guard.not_given()? */
	bool next_is_not_given() const;
	/* Take the next argument, which must not be NULL. */
	Datum next(const char *name);

	FunctionCallInfo call_;
	int index_ = 0;
};

/* What must exist, by the name in a text datum. */
Oid database_named(Datum name);
Oid role_named(Datum name);

/* An interval in microseconds, a month taken for 30 days; an error if it is negative. */
Duration duration_of(Datum interval, const char *name);

} // namespace session_guard
