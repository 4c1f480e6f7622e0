/*
 * The type session_guard.one_or_many (see one_or_many.h).
 */
#include "functions/one_or_many.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_one_or_many_in);
	PG_FUNCTION_INFO_V1(session_guard_one_or_many_out);
	PG_FUNCTION_INFO_V1(session_guard_one_of_text);
	PG_FUNCTION_INFO_V1(session_guard_one_of_name);
	PG_FUNCTION_INFO_V1(session_guard_many_of_array);
}

namespace session_guard
{

namespace
{

ArrayType *
array_of_one(const char *value)
{
	Datum element = CStringGetTextDatum(value);

	return construct_array(&element, 1, TEXTOID, -1, false, TYPALIGN_INT);
}

/* The elements of an array of text, varchar or name. */
struct Elements
{
	Datum *values;
	bool *nulls;
	int count;
};

Elements
elements_of(Datum array)
{
	ArrayType *parts = DatumGetArrayTypeP(array);
	int16 length;
	bool by_value;
	char alignment;
	Elements elements{};

	get_typlenbyvalalign(ARR_ELEMTYPE(parts), &length, &by_value, &alignment);
	deconstruct_array(parts, ARR_ELEMTYPE(parts), length, by_value, alignment, &elements.values,
	                  &elements.nulls, &elements.count);
	if (ARR_ELEMTYPE(parts) == NAMEOID)
		for (int i = 0; i < elements.count; i++)
			if (!elements.nulls[i])
				elements.values[i] =
				    CStringGetTextDatum(NameStr(*DatumGetName(elements.values[i])));
	return elements;
}

} // namespace

std::span<const Datum>
texts_of(Datum one_or_many, const char *name)
{
	Elements elements = elements_of(one_or_many);

	if (elements.count == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" must not be an empty array", name)));
	for (int i = 0; i < elements.count; i++)
		if (elements.nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			                errmsg("argument \"%s\" must not contain nulls", name)));
	return {elements.values, static_cast<std::size_t>(elements.count)};
}

bool
makes_one_or_many(PGFunction function)
{
	return function == session_guard_one_of_text || function == session_guard_one_of_name;
}

} // namespace session_guard

/* A literal is one text. */
Datum
session_guard_one_or_many_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(session_guard::array_of_one(PG_GETARG_CSTRING(0)));
}

/* One text as it is, several as an array. */
Datum
session_guard_one_or_many_out(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Elements elements = elements_of(PG_GETARG_DATUM(0));

	if (elements.count == 1 && !elements.nulls[0])
		PG_RETURN_CSTRING(TextDatumGetCString(elements.values[0]));
	PG_RETURN_CSTRING(OidOutputFunctionCall(F_ARRAY_OUT, PG_GETARG_DATUM(0)));
}

Datum
session_guard_one_of_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(session_guard::array_of_one(TextDatumGetCString(PG_GETARG_DATUM(0))));
}

Datum
session_guard_one_of_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(session_guard::array_of_one(NameStr(*PG_GETARG_NAME(0))));
}

/* An array of whatever can stand for texts is one inside. */
Datum
session_guard_many_of_array(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
