/*
 * Which channels this session listens on (see listeners.h).
 */
#include "server/listeners.h"

#include "server/shared.h"
#include "server/status.h"

#include <cstring>

namespace session_guard
{

namespace
{

enum class Change
{
	Listen,
	Unlisten,
	UnlistenAll,
};

/* What a statement has done; its fate is that of its subtransaction. */
struct Pending
{
	Change change;
	int nest_level;
	/* nullptr for all. */
	const char *channel;
};

/* Pending, in the order of the statements; in the transaction's memory. */
List *pending = NIL;
/* Names, in TopMemoryContext. */
List *channels = NIL;

void
note(Change change, const char *channel)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	auto entry = static_cast<Pending *>(palloc(sizeof(Pending)));

	*entry = {.change = change,
	          .nest_level = GetCurrentTransactionNestLevel(),
	          .channel = channel != nullptr ? pstrdup(channel) : nullptr};
	pending = lappend(pending, entry);
	MemoryContextSwitchTo(caller);
}

Pending *
pending_at(int i)
{
	return static_cast<Pending *>(list_nth(pending, i));
}

/* Forget a channel; nothing happens if it is not known. */
void
remove_channel(const char *channel)
{
	for (int i = list_length(channels) - 1; i >= 0; i--)
	{
		auto name = static_cast<char *>(list_nth(channels, i));

		if (strcmp(name, channel) != 0)
			continue;
		channels = list_delete_nth_cell(channels, i);
		pfree(name);
	}
}

void
add_channel(const char *channel)
{
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	remove_channel(channel);
	channels = lappend(channels, pstrdup(channel));
	MemoryContextSwitchTo(caller);
}

void
apply_change(const Pending &entry)
{
	switch (entry.change)
	{
		case Change::Listen:
			return add_channel(entry.channel);
		case Change::Unlisten:
			return remove_channel(entry.channel);
		case Change::UnlistenAll:
			list_free_deep(channels);
			channels = NIL;
	}
}

/* Tell the guard, in a word that counts for this session only. */
void
show_mark()
{
	if (shared() == nullptr || MyBEEntry == nullptr)
		return;
	Timestamp mark = channels != NIL ? MyBEEntry->st_proc_start_timestamp : 0;
	pg_atomic_write_u64(&listener_mark(own_status_slot()), static_cast<uint64>(mark));
}

} // namespace

void
note_listen(const char *channel)
{
	note(Change::Listen, channel);
}

void
note_unlisten(const char *channel)
{
	note(Change::Unlisten, channel);
}

void
note_unlisten_all()
{
	note(Change::UnlistenAll, nullptr);
}

void
settle_listening(bool committed)
{
	if (pending == NIL)
		return;
	for (int i = 0; committed && i < list_length(pending); i++)
		apply_change(*pending_at(i));
	pending = NIL;
	if (committed)
		show_mark();
}

void
settle_listening_in_subtransaction(bool committed)
{
	int level = GetCurrentTransactionNestLevel();

	for (int i = list_length(pending) - 1; i >= 0; i--)
	{
		Pending *entry = pending_at(i);

		if (entry->nest_level < level)
			return;
		if (committed)
			entry->nest_level = level - 1;
		else
			pending = list_delete_nth_cell(pending, i);
	}
}

} // namespace session_guard
