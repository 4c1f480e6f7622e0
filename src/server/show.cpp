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

text *
shown_text(const char *value)
{
	bool is_valid = pg_verifymbstr(value, static_cast<int>(strlen(value)), true);

	return cstring_to_text(is_valid ? value : escaped(value));
}

text *
shown_query(const char *query)
{
	return shown_text(pgstat_clip_activity(query));
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
shown_state(State state)
{
	for (auto [name, known] : state_names)
		if (known == state)
			return name.data();
	return nullptr;
}

} // namespace session_guard
