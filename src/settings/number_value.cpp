/*
 * Numbers as they are written in settings (see number_value.h).
 */
#include "settings/number_value.h"

#include "core/limits.h"

#include "pg/pg.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>

namespace session_guard
{

int
smallest_in(Duration unit)
{
	return static_cast<int>(std::max<Duration>(1, smallest_threshold / unit));
}

std::optional<int>
whole_units(double number, int smallest)
{
	if (number != 0 && !(number >= smallest && number <= INT_MAX))
		return std::nullopt;
	return static_cast<int>(std::rint(number));
}

std::optional<Duration>
parse_duration(const char *text, int flags, Duration unit)
{
	double number;

	if (!parse_real(text, &number, flags, nullptr))
		return std::nullopt;
	/* The server rounds a fraction to the next smaller unit first: "0.02d" is 0 h. */
	if (number == 0 && std::strtod(text, nullptr) != 0)
		return std::nullopt;
	std::optional<int> units = whole_units(number, smallest_in(unit));
	return units ? std::optional(*units * unit) : std::nullopt;
}

} // namespace session_guard
