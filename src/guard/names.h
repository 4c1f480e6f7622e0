/*
 * What the guard's lines call a session, and how they name who is not ended though it does harm,
 * and that once.
 */
#pragma once

#include "core/messages.h"
#include "core/text.h"

#include "pg/pg.h"

#include "status/backend_status.h"
#include "status/sql_values.h"

namespace session_guard
{

/* What a session's roles and database are called, as far as the guard knows it; shown so. */
Names known_names_of(const BackendSnapshot &snapshot, Converter *shown);

/* Append 'prepared transaction "lost"', or its ID if it cannot be read now what it is called. */
void append_prepared(Text &text, TransactionId xid);

/* Append 'session 4711 (user ...)', or what kind of process it is and its pid. */
void append_process(Text &text, const BackendSnapshot &snapshot);

/* What was named, so that it is not named again before it has been absent for an hour. */
class NamedOnce
{
  public:
	explicit constexpr NamedOnce(const char *name) : name_(name)
	{
	}

	/* Note that it is present; true if it is to be named.  A key is shorter than key_size. */
	bool note(const char *key, Instant now);

	/* Forget those that have been absent for so long. */
	void forget_absent(Instant now);

	static constexpr std::size_t key_size = 96;

  private:
	/* In memory that lasts, made with the first. */
	HTAB *known_ = nullptr;
	/* Of that memory. */
	const char *name_;
};

} // namespace session_guard
