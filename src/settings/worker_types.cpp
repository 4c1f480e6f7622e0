/*
 * Types of background workers (see worker_types.h).
 */
#include "settings/worker_types.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace session_guard
{

namespace
{

/* What the workers of the server itself are called, or how their names begin. */
constexpr std::string_view workers_of_server[] = {"logical replication ", "parallel worker"};
constexpr std::string_view workers_of_guard = "pg_session_guard";

/* Is it a type of a process that is never guarded? */
bool
is_never_guarded(std::string_view type)
{
	auto begins = [&](std::string_view with) { return type.starts_with(with); };

	for (int kind = B_INVALID; kind <= B_LOGGER; kind++)
		if (type == GetBackendTypeDesc(static_cast<BackendType>(kind)))
			return true;
	return begins(workers_of_guard) || std::ranges::any_of(workers_of_server, begins);
}

/* What is wrong with a type; nullptr if nothing is. */
const char *
complaint_about(const char *type)
{
	if (*type == '\0')
		return "The name of a type is empty.";
	if (strlen(type) >= BGW_MAXLEN)
		return psprintf("The name of a type has at most %d bytes.", BGW_MAXLEN - 1);
	if (is_never_guarded(type))
		return psprintf("Processes of type \"%s\" are never guarded.", type);
	return nullptr;
}

} // namespace

bool
check_worker_types(char **value, void **, GucSource)
{
	char *copy = pstrdup(*value);
	List *types = NIL;
	const char *complaint = nullptr;
	bool is_list = SplitGUCList(copy, ',', &types);

	if (!is_list)
	{
		complaint = "List syntax is invalid.";
		GUC_check_errhint("Names with spaces in them must be in double quotes.");
	}
	for (int i = 0; is_list && complaint == nullptr && i < list_length(types); i++)
		complaint = complaint_about(static_cast<const char *>(list_nth(types, i)));
	if (complaint != nullptr)
		GUC_check_errdetail("%s", complaint);
	list_free(types);
	pfree(copy);
	return complaint == nullptr;
}

bool
has_type(const char *list, const char *type)
{
	char *copy = pstrdup(list);
	List *types = NIL;
	bool found = false;

	if (SplitGUCList(copy, ',', &types))
		for (int i = 0; i < list_length(types); i++)
			found = found || strcmp(static_cast<const char *>(list_nth(types, i)), type) == 0;
	list_free(types);
	pfree(copy);
	return found;
}

} // namespace session_guard
