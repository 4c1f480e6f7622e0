/*
 * What status entries hold, as SQL values (see show.h).
 */
#include "server/show.h"

#include <cstring>

namespace session_guard
{

namespace
{

/* Write each byte that is not ASCII as \x and two digits. */
char *
escaped(const char *value)
{
	constexpr char digits[] = "0123456789abcdef";
	auto text = static_cast<char *>(palloc(4 * strlen(value) + 1));
	char *end = text;

	for (const char *c = value; *c != '\0'; c++)
	{
		auto byte = static_cast<unsigned char>(*c);

		if (byte < 0x80)
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

} // namespace

const char *
shown_string(const char *value)
{
	return pg_verifymbstr(value, static_cast<int>(strlen(value)), true) ? value : escaped(value);
}

text *
shown_text(const char *value)
{
	return cstring_to_text(shown_string(value));
}

text *
shown_query(const char *query)
{
	return shown_text(pgstat_clip_activity(query));
}

const char *
name_or_mark(const char *name)
{
	return name != nullptr ? name : "?";
}

std::optional<Datum>
shown_address(const SockAddr &address)
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

const char *
kind_of(const Sighting &sighting)
{
	const char *worker = sighting.kind == B_BG_WORKER
	                         ? GetBackgroundWorkerTypeByPid(sighting.session.id.pid)
	                         : nullptr;

	return worker != nullptr ? worker : GetBackendTypeDesc(sighting.kind);
}

const char *
shown_state(State state)
{
	for (auto [name, known] : state_names)
		if (known == state)
			return name.data();
	return nullptr;
}

} // namespace session_guard
