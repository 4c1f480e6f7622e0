/*
 * Numbers as they are written in settings (see number_value.h).
 */
#include "settings/number_value.h"

#include "pg/pg.h"

#include <climits>
#include <cmath>
#include <cstdlib>

namespace session_guard
{

std::optional<int>
whole_units(double number, int smallest)
{
	if (number != 0 && !(number >= smallest && number <= INT_MAX))
		return std::nullopt;
	return static_cast<int>(std::rint(number));
}

std::optional<std::int64_t>
parse_amount(const char *text, int flags, std::int64_t unit, int smallest)
{
	double number;

	if (!parse_real(text, &number, flags, nullptr))
		return std::nullopt;
	/* The server rounds a fraction to the next smaller unit first: "0.02d" is 0 h. */
	if (number == 0 && std::strtod(text, nullptr) != 0)
		return std::nullopt;
	std::optional<int> units = whole_units(number, smallest);
	return units ? std::optional(*units * unit) : std::nullopt;
}

} // namespace session_guard
