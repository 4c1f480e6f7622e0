/*
 * The channels that this session listens on (see listeners.h).
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

/*
 * What a command has changed; it is undone with its subtransaction.  The note of a
 * LISTEN that is committed becomes the channel itself: nothing may be allocated at
 * commit, where an error would be a PANIC.
 *
 * In TopMemoryContext, linked into one of the lists below.
 */
struct Note
{
	Note *next;
	ListenCommand::Kind kind;
	int nest_level;
};

/* The name of its channel, which follows it in memory; empty for all. */
char *
channel_of(Note *entry)
{
	return reinterpret_cast<char *>(entry + 1);
}

/* The notes of this transaction, the last one first. */
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

/* Remove a channel from the list, if it is there. */
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

/* Apply a note, which is used up. */
void
apply_change(Note *entry)
{
	if (entry->kind == ListenCommand::Kind::UnlistenAll)
		free_all(channels);
	else
		remove_channel(channel_of(entry));
	if (entry->kind == ListenCommand::Kind::Listen)
		push(channels, entry);
	else
		pfree(entry);
}

/* Put the notes into the order of their commands. */
void
reverse_pending()
{
	Note *reversed = nullptr;

	while (pending != nullptr)
		push(reversed, pop(pending));
	pending = reversed;
}

/* Show the guard whether the session listens, by a mark that is valid for this session only. */
void
show_mark()
{
	if (!has_shared_memory() || MyBEEntry == nullptr)
		return;
	Timestamp mark = channels != nullptr ? MyStartTimestamp : 0;
	pg_atomic_write_u64(&listener_mark(own_status_slot()), static_cast<uint64>(mark));
}

} // namespace

ListenCommand
listen_command_of(Node *statement)
{
	using enum ListenCommand::Kind;

	switch (nodeTag(statement))
	{
		case T_ListenStmt:
			return {Listen, pstrdup(reinterpret_cast<ListenStmt *>(statement)->conditionname)};
		case T_UnlistenStmt:
			if (auto channel = reinterpret_cast<UnlistenStmt *>(statement)->conditionname)
				return {Unlisten, pstrdup(channel)};
			return {UnlistenAll, nullptr};
		case T_DiscardStmt:
			if (reinterpret_cast<DiscardStmt *>(statement)->target == DISCARD_ALL)
				return {UnlistenAll, nullptr};
			return {None, nullptr};
		default:
			return {None, nullptr};
	}
}

void
note_listen_command(const ListenCommand &command)
{
	if (command.kind == ListenCommand::Kind::None)
		return;

	const char *channel = command.channel != nullptr ? command.channel : "";
	auto entry = static_cast<Note *>(
	    MemoryContextAlloc(TopMemoryContext, sizeof(Note) + strlen(channel) + 1));

	entry->kind = command.kind;
	entry->nest_level = GetCurrentTransactionNestLevel();
	strcpy(channel_of(entry), channel);
	push(pending, entry);
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
