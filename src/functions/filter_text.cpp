/*
 * The filters of a call as they were given (see filter_text.h).
 */
#include "functions/filter_text.h"

#include "core/text.h"

#include <array>
#include <cstring>

namespace session_guard
{

namespace
{

/* Of one value so much is shown; a name fits. */
constexpr int value_at_most = 80;
/* Of an array elements are shown as long as it is shorter than this. */
constexpr int array_at_most = 120;
constexpr char more[] = ", ...";

/* Append a value in quotes, cut between two of its characters if it is too long. */
void
append_value(StringInfo text, const char *value)
{
	auto length = static_cast<int>(strlen(value));
	int shown = length > value_at_most ? pg_mbcliplen(value, length, value_at_most) : length;

	appendStringInfoChar(text, '\'');
	for (int i = 0; i < shown; i++)
	{
		if (value[i] == '\'')
			appendStringInfoChar(text, '\'');
		appendStringInfoChar(text, value[i]);
	}
	appendStringInfoString(text, shown < length ? "...'" : "'");
}

} // namespace

Given::Given()
{
	initStringInfo(&text_);
}

void
Given::add_expression(const char *name, const char *expression)
{
	const char *separator = text_.len > 0 ? ", " : "";
	std::size_t length = strlen(separator) + strlen(name) + strlen(" => ") + strlen(expression);

	if (is_full_)
		return;
	is_full_ = static_cast<std::size_t>(text_.len) + length + sizeof(more) > filters_room;
	if (is_full_)
		appendStringInfoString(&text_, text_.len > 0 ? more : "...");
	else
		appendStringInfo(&text_, "%s%s => %s", separator, name, expression);
}

void
Given::add(const char *name, const char *value)
{
	StringInfoData shown;

	initStringInfo(&shown);
	append_value(&shown, value);
	add_expression(name, shown.data);
}

void
Given::add(const char *name, std::span<const Datum> values)
{
	StringInfoData shown;

	if (values.size() == 1)
		return add(name, TextDatumGetCString(values.front()));
	initStringInfo(&shown);
	appendStringInfoString(&shown, "ARRAY[");
	for (std::size_t i = 0; i < values.size(); i++)
	{
		if (i > 0 && shown.len > array_at_most)
		{
			appendStringInfoString(&shown, more);
			break;
		}
		if (i > 0)
			appendStringInfoString(&shown, ", ");
		append_value(&shown, TextDatumGetCString(values[i]));
	}
	appendStringInfoChar(&shown, ']');
	add_expression(name, shown.data);
}

void
Given::add(const char *name, Duration duration)
{
	std::array<char, 64> buffer;
	Text text(buffer);

	text.append_duration(duration);
	add(name, text.c_str());
}

void
Given::add(const char *name, bool flag)
{
	add_expression(name, flag ? "true" : "false");
}

} // namespace session_guard
