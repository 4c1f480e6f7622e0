/*
 * What is refused as the value of a setting (see check_hooks.h).
 */
#include "settings/check_hooks.h"

#include "core/headroom.h"

#include "settings/number_value.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace session_guard
{

namespace
{

bool keeps_server_settings = false;
Source last_source = Source::ConfigurationFile;

constexpr char refused_message[] = "the session guard does not take this setting for itself";

/*
 * May a limit be set from there?
 *
 * Sessions must not lift their own limits, so nothing that a session can say
 * counts: SET, set_config, PGOPTIONS, a function's SET clause.
 */
bool
check_source(GucSource source)
{
	if (keeps_server_settings && source >= PGC_S_GLOBAL && source <= PGC_S_DATABASE_USER)
	{
		GUC_check_errmsg("%s", refused_message);
		return false;
	}
	if (source < PGC_S_CLIENT || source == PGC_S_TEST)
		return true;
	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("limits of the session guard cannot be changed within a session");
	GUC_check_errhint("Set it in the configuration file, or with ALTER SYSTEM, ALTER ROLE or ALTER "
	                  "DATABASE.");
	return false;
}

/* Of a value that a session may not set: where it is stored. */
Source
source_of(GucSource source)
{
	switch (source)
	{
		case PGC_S_GLOBAL:
			return Source::AllRoles;
		case PGC_S_DATABASE:
			return Source::Database;
		case PGC_S_USER:
			return Source::Role;
		case PGC_S_DATABASE_USER:
			return Source::RoleInDatabase;
		default:
			return Source::ConfigurationFile;
	}
}

/* Refuse a number that is neither 0 nor large enough, and round the others. */
bool
check_number(double &value, int smallest, const char *unit)
{
	std::optional<int> units = whole_units(value, smallest);

	if (!units)
	{
		GUC_check_errdetail("The value must be 0 or at least %d%s.", smallest, unit);
		return false;
	}
	value = *units;
	return true;
}

} // namespace

bool
check_milliseconds(double *value, void **, GucSource source)
{
	return check_number(*value, smallest_in(millisecond), " ms") && check_source(source);
}

bool
check_seconds(double *value, void **, GucSource source)
{
	return check_number(*value, smallest_in(second), " s") && check_source(source);
}

bool
check_transactions(double *value, void **, GucSource source)
{
	return check_number(*value, smallest_transactions, "") && check_source(source);
}

bool
check_kilobytes(double *value, void **, GucSource source)
{
	return check_number(*value, smallest_kilobytes, " kB") && check_source(source);
}

bool
check_headroom(double *value, void **, GucSource source)
{
	if (*value > largest_headroom)
	{
		GUC_check_errdetail("The value must be at most %d.", largest_headroom);
		return false;
	}
	return check_number(*value, 1, "") && check_source(source);
}

bool
check_whole_seconds(double *value, void **, GucSource)
{
	return check_number(*value, smallest_in(second), " s");
}

bool
check_retention(double *value, void **, GucSource)
{
	return check_number(*value, smallest_in(minute), " min");
}

bool
check_actions(double *value, void **, GucSource)
{
	return check_number(*value, 1, "");
}

bool
check_exempt(bool *, void **, GucSource source)
{
	return check_source(source);
}

bool
check_accept_connections(bool *, void **, GucSource source)
{
	last_source = source_of(source);
	return check_source(source);
}

Source
last_checked_source()
{
	return last_source;
}

/* Refuse the databases that are copied: they cannot be while the worker is connected to one. */
bool
check_database(char **value, void **, GucSource)
{
	if (*value == nullptr || **value == '\0')
	{
		GUC_check_errdetail("The name of a database is needed.");
		return false;
	}
	if (strcmp(*value, "template0") == 0 || strcmp(*value, "template1") == 0)
	{
		GUC_check_errdetail("A connection to database \"%s\" would keep others from copying it.",
		                    *value);
		return false;
	}
	return true;
}

/* It goes where no encoding is known, and between quotes. */
bool
check_node(char **value, void **, GucSource)
{
	std::string_view name = *value;
	auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };

	if (name.size() < NAMEDATALEN && std::ranges::all_of(name, is_plain))
		return true;
	GUC_check_errdetail("The name of a node is of at most %d printable ASCII characters, without "
	                    "double quotes and backslashes.",
	                    NAMEDATALEN - 1);
	return false;
}

void
keep_server_settings()
{
	keeps_server_settings = true;
}

bool
is_refused_setting(const char *message)
{
	return message != nullptr && strcmp(message, refused_message) == 0;
}

} // namespace session_guard
