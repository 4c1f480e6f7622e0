/*
 * What the guard's lines call those that they are about (see names.h).
 */
#include "guard/names.h"

#include "status/catalogs.h"
#include "status/prepared_transactions.h"

#include "action/signals.h"

namespace session_guard
{

namespace
{

constexpr Duration forgotten_after = 60 * minute;

struct Named
{
	char key[NamedOnce::key_size];
	Instant seen_at;
};

} // namespace

Names
known_names_of(const BackendSnapshot &snapshot, Converter *shown)
{
	return {.role = shown(role_name(snapshot.role)),
	        .database = shown(database_name(snapshot.database)),
	        .taken_role = shown(role_name(snapshot.taken_role.role))};
}

void
append_prepared(Text &text, TransactionId xid)
{
	PreparedTransactions all = read_prepared_transactions_now();
	const PreparedTransaction *prepared = all.find(xid);

	text.append("prepared transaction ");
	if (prepared != nullptr)
		text.append_quoted(on_one_line(prepared->gid));
	else
		text.append(static_cast<std::int64_t>(xid));
}

void
append_process(Text &text, const BackendSnapshot &snapshot)
{
	if (!is_guarded(snapshot))
	{
		text.append(kind_of(snapshot)).append(" ").append(snapshot.backend.id.pid);
		return;
	}
	append_session(text.append("session "), snapshot, known_names_of(snapshot, on_one_line));
}

bool
NamedOnce::note(const char *key, Instant now)
{
	bool found;

	if (known_ == nullptr)
	{
		HASHCTL control{};

		control.keysize = key_size;
		control.entrysize = sizeof(Named);
		control.hcxt = TopMemoryContext;
		known_ = hash_create(name_, 16, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	auto entry = static_cast<Named *>(hash_search(known_, key, HASH_ENTER, &found));
	entry->seen_at = now;
	return !found;
}

void
NamedOnce::forget_absent(Instant now)
{
	HASH_SEQ_STATUS scan;

	if (known_ == nullptr)
		return;
	hash_seq_init(&scan, known_);
	while (void *entry = hash_seq_search(&scan))
	{
		auto one = static_cast<Named *>(entry);

		if (now - one->seen_at > forgotten_after)
			(void)hash_search(known_, one->key, HASH_REMOVE, nullptr);
	}
}

} // namespace session_guard
