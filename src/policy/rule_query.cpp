/*
 * The regular expressions of rules (see rule_query.h).
 */
#include "policy/rule_query.h"

#include "pg/compat.h"
#include "pg/subtransaction.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

namespace session_guard
{

namespace
{

/* How long one comparison may take.  An ordinary one takes some microseconds. */
constexpr int longest_match_ms = 20;
constexpr int longest_compilation_ms = 100;
/* What is longer is cut off: the time that a comparison takes grows with the text. */
constexpr int longest_text = 16384;

TimeoutId timer = MAX_TIMEOUTS;
volatile sig_atomic_t is_out_of_time = false;

struct Pattern
{
	regex_t compiled;
	MemoryContextCallback callback;
};

/* Up to 15 the engine's memory is not the server's. */
void
free_pattern(void *compiled)
{
	pg_regfree(static_cast<regex_t *>(compiled));
}

/* The engine looks for a cancel from time to time; nothing else stops it. */
void
stop_comparison()
{
	is_out_of_time = true;
	InterruptPending = 1;
	QueryCancelPending = 1;
}

/* Do work with the engine for so long at most; false if it could not be done. */
template <typename Work>
bool
run_bounded(Work work, int milliseconds)
{
	ErrorData *error = nullptr;

	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, stop_comparison);
	CHECK_FOR_INTERRUPTS();
	is_out_of_time = false;
	enable_timeout_after(timer, milliseconds);
	bool is_done = run_in_subtransaction(work, any_error, &error);
	disable_timeout(timer, false);
	/* The timer may have fired right after the end. */
	if (is_out_of_time)
		QueryCancelPending = 0;
	else if (!is_done && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	if (error != nullptr)
		FreeErrorData(error);
	return is_done && !is_out_of_time;
}

bool
is_ascii(const char *text)
{
	return std::ranges::none_of(std::span(text, strnlen(text, longest_text)),
	                            [](char c) { return IS_HIGHBIT_SET(c); });
}

/*
 * The characters of a text in this encoding, if it is valid in that; one that was cut inside a
 * character ends before that.  Who compares may be in a database of another encoding.
 */
std::optional<std::span<pg_wchar>>
characters_of(const char *text, int encoding)
{
	int length = static_cast<int>(strnlen(text, longest_text));

	if (!is_ascii(text))
	{
		length = pg_encoding_mbcliplen(encoding, text, length, length);
		if (!pg_verify_mbstr(encoding, text, length, true))
			return std::nullopt;
	}
	auto characters =
	    static_cast<pg_wchar *>(palloc((static_cast<Size>(length) + 1) * sizeof(pg_wchar)));
	int count = pg_encoding_mb2wchar_with_len(encoding, text, characters, length);
	return std::span(characters, static_cast<std::size_t>(count));
}

} // namespace

regex_t *
compile_query_pattern(const char *text, int encoding, MemoryContext context)
{
	MemoryContext caller = MemoryContextSwitchTo(context);
	auto pattern = static_cast<Pattern *>(palloc0(sizeof(Pattern)));
	int result = REG_INVARG;
	auto compile = [&]
	{
		if (std::optional<std::span<pg_wchar>> characters = characters_of(text, encoding))
			result = pg_regcomp(&pattern->compiled, characters->data(), characters->size(),
			                    REG_ADVANCED | REG_NOSUB, C_COLLATION_OID);
	};
	bool is_done = run_bounded(compile, longest_compilation_ms);
	MemoryContextSwitchTo(caller);
	/* A compilation that was broken off has freed what it had. */
	if (!is_done || result != REG_OKAY)
		return nullptr;
	pattern->callback = {.func = free_pattern, .arg = &pattern->compiled, .next = nullptr};
	MemoryContextRegisterResetCallback(context, &pattern->callback);
	return &pattern->compiled;
}

Match
match_query(regex_t *pattern, int encoding, const QueryText &query)
{
	int result = REG_INVARG;

	if (query.encoding != encoding && !is_ascii(query.text))
		return Match::Unknown;
	auto compare = [&]
	{
		if (std::optional<std::span<pg_wchar>> characters = characters_of(query.text, encoding))
			result = pg_regexec(pattern, characters->data(), characters->size(), 0, nullptr, 0,
			                    nullptr, 0);
	};
	if (!run_bounded(compare, longest_match_ms))
		return Match::Unknown;
	return result == REG_OKAY ? Match::Yes : result == REG_NOMATCH ? Match::No : Match::Unknown;
}

} // namespace session_guard
