/*
 * Whether a signal has had its effect, and what became of it: decided here for
 * all who ask, be it a request that waits, the guard, or the history writer at
 * shutdown.  When each of them asks is its own business.
 */
#pragma once

#include "core/action.h"
#include "core/time.h"

#include "shmem/event.h"

namespace session_guard
{

/* A signal that was sent, and whose effect is not known yet. */
struct SentSignal
{
	BackendRef backend;
	Action action;
	/* Of a cancel: the statement that ran then (running_statement()). */
	Timestamp statement;
	Instant sent_at;
	/* The number of its event; 0 if there is none. */
	std::uint64_t event;
};

SentSignal signal_of(const Event &event);

enum class Effect
{
	NotSeen,
	Seen,
	/*
	 * A cancel's session is gone.  Whoever has terminated it may be about to record
	 * that, and then the cancel has had no effect.
	 */
	SessionGone,
};

/* Read the session once.  What cannot be read now is not seen; whoever waits asks again. */
Effect effect_of(const SentSignal &signal);

/* What an effect that was seen makes of a signal, which may have been known to be survived. */
Outcome outcome_of(const SentSignal &signal, Effect effect, bool has_survived);

/*
 * Give the event of a signal its outcome, and return it; or the one that somebody
 * else has found before, which counts.
 */
Outcome conclude(const SentSignal &signal, Outcome outcome, const char *note = nullptr);

/* Give the event of a cancel its outcome when its session was terminated while the statement ran.
 */
void conclude_cancel_before_terminate(std::uint64_t event);

/* How long a signal has had no effect; the texts are in the current memory context. */
struct SurvivorNote
{
	/* "still there after 5 s" */
	const char *text;
	/* The same, and what it waits for; only for those who may see that. */
	const char *with_wait;
};

/*
 * Say in the event and in the log that a signal has been survived for so long; the
 * event stays open for the guard.  Survived; or the outcome that somebody else has
 * found before, and then nothing is said.
 */
Outcome conclude_survived(const SentSignal &signal, Duration waited, SurvivorNote &note);

} // namespace session_guard
