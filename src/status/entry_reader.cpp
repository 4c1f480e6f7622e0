/*
 * The one reader of backend-status entries (see entry_reader.h).
 */
#include "status/entry_reader.h"

#include "pg/compat.h"

namespace session_guard
{

namespace
{

/* A writer is between two counts for nanoseconds only, unless it was put to sleep there. */
constexpr int read_tries = 100;

volatile PgBackendStatus *
entry_at(int slot)
{
	return MyBEEntry - own_status_slot() + slot;
}

} // namespace

void
check_status_array()
{
	int slot = own_status_slot();

	if (MyBEEntry == nullptr || slot < 0 || slot >= slot_count() ||
	    entry_at(slot)->st_procpid != MyProcPid || BackendPidGetProc(MyProcPid) != MyProc)
		elog(ERROR, "backend status is not where it is expected");
}

int
slot_count()
{
	return MaxBackends;
}

bool
copy_entry(int slot, PgBackendStatus &copy, std::span<char> application_name, std::span<char> query)
{
	volatile PgBackendStatus *entry = entry_at(slot);

	for (int i = 0; i < read_tries; i++)
	{
		int before;
		int after;

		pgstat_begin_read_activity(entry, before);
		memcpy(&copy, const_cast<PgBackendStatus *>(entry), sizeof(copy));
		/* The texts of a free entry may be another session's. */
		if (copy.st_procpid > 0)
		{
			strlcpy(application_name.data(), copy.st_appname, application_name.size());
			if (!query.empty())
				strlcpy(query.data(), copy.st_activity_raw, query.size());
		}
		pgstat_end_read_activity(entry, after);
		if (pgstat_read_activity_complete(before, after))
			return true;
	}
	return false;
}

bool
is_being_written(int slot)
{
	for (int i = 0; i < read_tries; i++)
		if (entry_at(slot)->st_changecount % 2 == 0)
			return false;
	return true;
}

int
pid_in_slot(int slot)
{
	return entry_at(slot)->st_procpid;
}

Timestamp
backend_start_in_slot(int slot)
{
	return entry_at(slot)->st_proc_start_timestamp;
}

BackendState
state_in_slot(int slot)
{
	return entry_at(slot)->st_state;
}

BackendType
kind_in_slot(int slot)
{
	return entry_at(slot)->st_backendType;
}

Timestamp
own_statement_stamp()
{
	return MyBEEntry->st_state == STATE_FASTPATH ? MyBEEntry->st_state_start_timestamp
	                                             : MyBEEntry->st_activity_start_timestamp;
}

} // namespace session_guard
