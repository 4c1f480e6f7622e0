/*
 * The arguments of a function, checked: a NULL is an error and never "all", a name
 * must exist, a duration is not negative.
 *
 * They are taken in the order of the SQL function, which also states the
 * defaults.  Those that say which sessions the function is about are kept as they were given.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

#include "functions/filter_text.h"

#include <optional>
#include <span>

namespace session_guard
{

class Arguments
{
  public:
	explicit Arguments(FunctionCallInfo call) : call_(call)
	{
	}

	/* The function, by its name. */
	const char *function() const;

	/* The OIDs of one or many databases, or roles, that must exist. */
	std::span<const Oid> databases(const char *name);
	std::span<const Oid> roles(const char *name);

	int pid(const char *name);
	const char *rule(const char *name);
	Duration duration(const char *name);
	/* How long somebody must have been at something; 0 is any time, and nothing to tell of. */
	Duration longer_than(const char *name);
	bool flag(const char *name);
	/* The same of a flag that widens what the function is about when it has this value. */
	bool flag(const char *name, bool widens);
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
	/* Those of one or many values: nothing if it is absent. */
	std::span<const Oid> databases_if_given(const char *name);
	std::span<const Oid> roles_if_given(const char *name);
	std::span<const Datum> texts_if_given(const char *name);
	/* A network, a text, an interval (0 if it is absent). */
	std::optional<Datum> network_if_given(const char *name);
	std::optional<Datum> text_if_given(const char *name);
	Duration duration_if_given(const char *name);

	/* The arguments that say which sessions the function is about, as they were given. */
	const char *
	given() const
	{
		return given_.c_str();
	}

  private:
	/* Is the next argument the call of session_guard.not_given()? */
	bool next_is_not_given() const;
	/* Skip it then. */
	bool skip_if_not_given();
	/* Take the next argument, which must not be NULL. */
	Datum next(const char *name);
	/* Take what may be one or many. */
	std::span<const Datum> texts(const char *name);

	FunctionCallInfo call_;
	int index_ = 0;
	Given given_;
};

} // namespace session_guard
