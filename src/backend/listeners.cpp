/*
 * Which channels this session listens on (see listeners.h).
 */
#include "backend/listeners.h"

#include "pg/compat.h"

#include "shmem/shared_memory.h"
#include "shmem/tracking.h"

#include "status/backend_status.h"

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

/*
 * What a statement has done; its fate is that of its subtransaction.  A LISTEN
 * that is committed becomes the channel itself: at commit nothing is allocated,
 * where an error would be a PANIC.
 *
 * In TopMemoryContext, linked into one of the lists below.
 */
struct Note
{
	Note *next;
	Change change;
	int nest_level;
};

/* The name of its channel, which stands behind it; empty for all. */
char *
channel_of(Note *entry)
{
	return reinterpret_cast<char *>(entry + 1);
}

/* Those of this transaction, the last one first. */
Note *pending = nullptr;
/* The channels. */
Note *channels = nullptr;

void
push(Note *&list, Note *entry)
{
	entry->next = list;
	list = entry;
}

Note *
pop(Note *&list)
{
	Note *first = list;

	list = first->next;
	return first;
}

void
free_all(Note *&list)
{
	while (list != nullptr)
		pfree(pop(list));
}

void
note(Change change, const char *channel)
{
	auto entry = static_cast<Note *>(
	    MemoryContextAlloc(TopMemoryContext, sizeof(Note) + strlen(channel) + 1));

	entry->change = change;
	entry->nest_level = GetCurrentTransactionNestLevel();
	strcpy(channel_of(entry), channel);
	push(pending, entry);
}

/* Forget a channel; nothing happens if it is not known. */
void
remove_channel(const char *channel)
{
	Note **link = &channels;

	while (*link != nullptr)
		if (strcmp(channel_of(*link), channel) == 0)
			pfree(pop(*link));
		else
			link = &(*link)->next;
}

/* Let a note take effect; it is used up. */
void
apply_change(Note *entry)
{
	if (entry->change == Change::UnlistenAll)
		free_all(channels);
	else
		remove_channel(channel_of(entry));
	if (entry->change == Change::Listen)
		push(channels, entry);
	else
		pfree(entry);
}

/* Put the notes into the order of the statements. */
void
reverse_pending()
{
	Note *reversed = nullptr;

	while (pending != nullptr)
		push(reversed, pop(pending));
	pending = reversed;
}

/* Tell the guard, in a word that counts for this session only. */
void
show_mark()
{
	if (!has_shared_memory() || MyBEEntry == nullptr)
		return;
	Timestamp mark = channels != nullptr ? MyBEEntry->st_proc_start_timestamp : 0;
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
	note(Change::UnlistenAll, "");
}

void
settle_listening(bool committed)
{
	if (pending == nullptr)
		return;
	if (!committed)
	{
		free_all(pending);
		return;
	}
	reverse_pending();
	while (pending != nullptr)
		apply_change(pop(pending));
	show_mark();
}

void
settle_listening_in_subtransaction(bool committed)
{
	int level = GetCurrentTransactionNestLevel();

	if (!committed)
		while (pending != nullptr && pending->nest_level >= level)
			pfree(pop(pending));
	for (Note *entry = pending; entry != nullptr && entry->nest_level >= level; entry = entry->next)
		entry->nest_level = level - 1;
}

} // namespace session_guard
