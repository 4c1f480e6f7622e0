/*
 * The arguments of a function (see arguments.h).
 */
#include "functions/arguments.h"

#include "action/events.h"

#include "functions/one_or_many.h"

#include <algorithm>
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

PGFunction
function_of(const FuncExpr *call)
{
	FmgrInfo function;

	fmgr_info(call->funcid, &function);
	return function.fn_addr;
}

/*
 * Is it the call of session_guard.not_given()?  There may be casts around it: from
 * text they go by way of the type's input function, or by our own.
 */
bool
is_not_given(Node *expression)
{
	while (expression != nullptr && IsA(expression, CoerceViaIO))
		expression = reinterpret_cast<Node *>(reinterpret_cast<CoerceViaIO *>(expression)->arg);
	if (expression == nullptr || !IsA(expression, FuncExpr))
		return false;

	auto call = reinterpret_cast<FuncExpr *>(expression);
	PGFunction function = function_of(call);
	if (makes_one_or_many(function))
		return is_not_given(static_cast<Node *>(linitial(call->args)));
	return function == session_guard_not_given;
}

/* An interval in microseconds, a month taken for 30 days; an error if it is negative. */
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

/* A HINT for those who meant a list of names. */
int
hint_at_list(const char *name)
{
	return *name == '{' ? errhint("For a list, write ARRAY['one', 'other'].") : 0;
}

Oid
database_named(const char *name)
{
	Oid database = get_database_oid(name, true);

	if (!OidIsValid(database))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_DATABASE),
		                errmsg("database \"%s\" does not exist", name), hint_at_list(name)));
	return database;
}

Oid
role_named(const char *name)
{
	Oid role = get_role_oid(name, true);

	if (!OidIsValid(role))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
		                errmsg("role \"%s\" does not exist", name), hint_at_list(name)));
	return role;
}

/* The OIDs of what must exist, by their names; what is named twice counts once. */
std::span<const Oid>
oids_of(std::span<const Datum> names, Oid find(const char *))
{
	auto oids = static_cast<Oid *>(palloc(names.size() * sizeof(Oid)));
	std::size_t count = 0;

	for (Datum name : names)
	{
		Oid oid = find(start_of_text(name, kept_of_name));

		if (std::find(oids, oids + count, oid) == oids + count)
			oids[count++] = oid;
	}
	return {oids, count};
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
Arguments::function() const
{
	const char *name = get_func_name(call_->flinfo->fn_oid);

	return name != nullptr ? name : "?";
}

std::span<const Datum>
Arguments::texts(const char *name)
{
	std::span<const Datum> texts = texts_of(next(name), name);

	given_.add(name, texts);
	return texts;
}

std::span<const Oid>
Arguments::databases(const char *name)
{
	return oids_of(texts(name), database_named);
}

std::span<const Oid>
Arguments::roles(const char *name)
{
	return oids_of(texts(name), role_named);
}

int
Arguments::pid(const char *name)
{
	return DatumGetInt32(next(name));
}

const char *
Arguments::rule(const char *name)
{
	return NameStr(*DatumGetName(next(name)));
}

Duration
Arguments::duration(const char *name)
{
	return duration_of(next(name), name);
}

Duration
Arguments::longer_than(const char *name)
{
	Duration duration = this->duration(name);

	if (duration > 0)
		given_.add(name, duration);
	return duration;
}

bool
Arguments::flag(const char *name)
{
	return DatumGetBool(next(name));
}

bool
Arguments::flag(const char *name, bool widens)
{
	bool value = flag(name);

	if (value == widens)
		given_.add(name, value);
	return value;
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

bool
Arguments::skip_if_not_given()
{
	bool is_skipped = call_->args[index_].isnull && next_is_not_given();

	index_ += is_skipped ? 1 : 0;
	return is_skipped;
}

std::optional<Datum>
Arguments::filter(const char *name)
{
	if (skip_if_not_given())
		return std::nullopt;
	bool is_varlena = get_typlen(get_fn_expr_argtype(call_->flinfo, index_)) == -1;
	Datum value = next(name);

	/* Unpacked here, and not once more for each session that is compared with it. */
	return is_varlena ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
}

std::span<const Datum>
Arguments::texts_if_given(const char *name)
{
	return skip_if_not_given() ? std::span<const Datum>{} : texts(name);
}

std::span<const Oid>
Arguments::databases_if_given(const char *name)
{
	return oids_of(texts_if_given(name), database_named);
}

std::span<const Oid>
Arguments::roles_if_given(const char *name)
{
	return oids_of(texts_if_given(name), role_named);
}

std::optional<Datum>
Arguments::network_if_given(const char *name)
{
	std::optional<Datum> network = filter(name);

	if (network)
		given_.add(name, OidOutputFunctionCall(F_INET_OUT, *network));
	return network;
}

std::optional<Datum>
Arguments::text_if_given(const char *name)
{
	std::optional<Datum> value = filter(name);

	if (value)
		given_.add(name, TextDatumGetCString(*value));
	return value;
}

Duration
Arguments::duration_if_given(const char *name)
{
	std::optional<Datum> interval = filter(name);

	if (!interval)
		return 0;
	Duration duration = duration_of(*interval, name);
	given_.add(name, duration);
	return duration;
}

} // namespace session_guard

/* The default of a filter: it is not given.  What matters is the call itself, not its result. */
Datum
session_guard_not_given(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}
