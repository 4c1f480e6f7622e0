/*
 * The arguments of a verb (see arguments.h).
 */
#include "server/arguments.h"

#include "server/events.h"

#include <cstring>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_not_given);
}

namespace session_guard
{

namespace
{

/* As much as an event keeps of it. */
constexpr std::size_t kept_of_reason = sizeof(Event::reason) - 1;
/* No name is so long. */
constexpr std::size_t kept_of_name = std::size_t{2} * NAMEDATALEN;

/* So many bytes of a text at most, up to the end of a character; the rest is not even read. */
const char *
start_of_text(Datum value, std::size_t kept)
{
	/* The last character may be cut, but it is beyond what is kept. */
	text *start = DatumGetTextPSlice(value, 0, static_cast<int32>(kept + MAX_MULTIBYTE_CHAR_LEN));
	const char *bytes = VARDATA_ANY(start);
	auto length = static_cast<int>(VARSIZE_ANY_EXHDR(start));

	return pnstrdup(bytes, static_cast<Size>(pg_mbcliplen(bytes, length, static_cast<int>(kept))));
}

/* The expression behind a cast; casts from text go by way of the type's input function. */
Node *
without_casts(Node *expression)
{
	while (expression != nullptr && IsA(expression, CoerceViaIO))
		expression = reinterpret_cast<Node *>(reinterpret_cast<CoerceViaIO *>(expression)->arg);
	return expression;
}

bool
is_not_given(Node *expression)
{
	FmgrInfo function;

	expression = without_casts(expression);
	if (expression == nullptr || !IsA(expression, FuncExpr))
		return false;
	fmgr_info(reinterpret_cast<FuncExpr *>(expression)->funcid, &function);
	return function.fn_addr == session_guard_not_given;
}

} // namespace

bool
Arguments::next_is_not_given() const
{
	Node *call = call_->flinfo->fn_expr;

	if (call == nullptr || !IsA(call, FuncExpr))
		return false;
	List *arguments = reinterpret_cast<FuncExpr *>(call)->args;
	return index_ < list_length(arguments) &&
	       is_not_given(static_cast<Node *>(list_nth(arguments, index_)));
}

Datum
Arguments::next(const char *name)
{
	NullableDatum argument = call_->args[index_++];

	if (argument.isnull)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
		                errmsg("argument \"%s\" must not be null", name)));
	return argument.value;
}

const char *
Arguments::verb() const
{
	const char *name = get_func_name(call_->flinfo->fn_oid);

	return name != nullptr ? name : "?";
}

Oid
Arguments::database(const char *name)
{
	return database_named(next(name));
}

Oid
Arguments::role(const char *name)
{
	return role_named(next(name));
}

int
Arguments::pid(const char *name)
{
	return DatumGetInt32(next(name));
}

Duration
Arguments::duration(const char *name)
{
	return duration_of(next(name), name);
}

bool
Arguments::flag(const char *name)
{
	return DatumGetBool(next(name));
}

const char *
Arguments::reason()
{
	NullableDatum argument = call_->args[index_++];

	if (argument.isnull)
		return nullptr;
	if (toast_raw_datum_size(argument.value) - VARHDRSZ > kept_of_reason)
		ereport(NOTICE, (errcode(ERRCODE_WARNING_STRING_DATA_RIGHT_TRUNCATION),
		                 errmsg("argument \"%s\" is cut to %d bytes", "reason",
		                        static_cast<int>(kept_of_reason))));
	const char *reason = start_of_text(argument.value, kept_of_reason);
	return reason[strspn(reason, " \t\r\n")] != '\0' ? reason : nullptr;
}

std::optional<Datum>
Arguments::filter(const char *name)
{
	if (call_->args[index_].isnull && next_is_not_given())
	{
		index_++;
		return std::nullopt;
	}
	bool is_varlena = get_typlen(get_fn_expr_argtype(call_->flinfo, index_)) == -1;
	Datum value = next(name);

	/* Unpacked here, and not once more for each session that is compared with it. */
	return is_varlena ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
}

Oid
database_named(Datum name)
{
	return get_database_oid(start_of_text(name, kept_of_name), false);
}

Oid
role_named(Datum name)
{
	return get_role_oid(start_of_text(name, kept_of_name), false);
}

Duration
duration_of(Datum interval, const char *name)
{
	const Interval *parts = DatumGetIntervalP(interval);
	int64 days = int64{parts->month} * DAYS_PER_MONTH + parts->day;
	int64 microseconds;

	/* What does not fit is longer than anything lasts, or shorter than nothing. */
	if (__builtin_mul_overflow(days, USECS_PER_DAY, &microseconds) ||
	    __builtin_add_overflow(microseconds, parts->time, &microseconds))
		microseconds = days > 0 ? never : -1;
	if (microseconds < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" must not be negative", name)));
	return microseconds;
}

} // namespace session_guard

/* The default of a filter: it is not given.  What matters is the call itself, not its result. */
Datum
session_guard_not_given(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}
