/*
 * What status entries hold, as SQL values (see sql_values.h).
 */
#include "status/sql_values.h"

#include "core/text.h"

#include <cstring>

namespace session_guard
{

namespace
{

/* Which bytes are written as \x and two digits. */
struct Escaping
{
	bool controls;
	bool not_ascii;
};

char *
escaped(const char *value, Escaping escaping)
{
	constexpr char digits[] = "0123456789abcdef";
	auto text = static_cast<char *>(palloc(4 * strlen(value) + 1));
	char *end = text;

	for (const char *c = value; *c != '\0'; c++)
	{
		auto byte = static_cast<unsigned char>(*c);

		bool is_control = byte < ' ' || byte == 0x7F;

		if (!(is_control && escaping.controls) && !(byte >= 0x80 && escaping.not_ascii))
			*end++ = *c;
		else
		{
			*end++ = '\\';
			*end++ = 'x';
			*end++ = digits[byte >> 4];
			*end++ = digits[byte & 0xF];
		}
	}
	*end = '\0';
	return text;
}

/* Is it text in the encoding of this database? */
bool
is_valid(const char *value)
{
	return pg_verifymbstr(value, static_cast<int>(strlen(value)), true);
}

} // namespace

const char *
converted_string(const char *value)
{
	return is_valid(value) ? value : escaped(value, {.controls = false, .not_ascii = true});
}

const char *
on_one_line(const char *value)
{
	return escaped(value, {.controls = true, .not_ascii = !is_valid(value)});
}

const char *
as_ascii(const char *value)
{
	return escaped(value, {.controls = true, .not_ascii = true});
}

const char *
quoted(const char *value)
{
	std::size_t size = 2 * strlen(value) + 3;
	Text text({static_cast<char *>(palloc(size)), size});

	return text.append_quoted(value).c_str();
}

text *
sql_text(const char *value)
{
	return cstring_to_text(converted_string(value));
}

text *
sql_text_cut(const char *value, std::size_t room)
{
	std::size_t length = strlen(value);

	if (length + 1 < room)
		return sql_text(value);
	/* A character that does not fit into what is there was cut. */
	int whole = pg_mbcliplen(value, static_cast<int>(length), static_cast<int>(length));
	return sql_text(pnstrdup(value, static_cast<Size>(whole)));
}

text *
sql_query(const char *query)
{
	return sql_text_cut(query, query_size());
}

const char *
name_or_mark(const char *name)
{
	return name != nullptr ? name : "?";
}

const char *
wait_of(const PGPROC *process)
{
	uint32 info = process->wait_event_info;
	const char *type = pgstat_get_wait_event_type(info);

	return type == nullptr ? "nothing" : psprintf("%s: %s", type, pgstat_get_wait_event(info));
}

std::optional<Datum>
sql_address(const SockAddr &address)
{
	char host[NI_MAXHOST];

	if (address.addr.ss_family != AF_INET && address.addr.ss_family != AF_INET6)
		return std::nullopt;
	if (pg_getnameinfo_all(&address.addr, static_cast<int>(address.salen), host, sizeof(host),
	                       nullptr, 0, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return std::nullopt;
	clean_ipv6_addr(address.addr.ss_family, host);
	return DirectFunctionCall1(inet_in, CStringGetDatum(host));
}

Datum
sql_interval(Duration duration)
{
	/* As a difference of stamps, so that days are shown as such. */
	return DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(duration), TimestampTzGetDatum(0));
}

const char *
kind_of(const BackendSnapshot &snapshot)
{
	const char *worker = snapshot.kind == B_BG_WORKER
	                         ? GetBackgroundWorkerTypeByPid(snapshot.session.id.pid)
	                         : nullptr;

	return worker != nullptr ? worker : GetBackendTypeDesc(snapshot.kind);
}

const char *
state_name_of(State state)
{
	for (auto [name, known] : state_names)
		if (known == state)
			return name.data();
	return nullptr;
}

} // namespace session_guard
