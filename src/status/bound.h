/*
 * What of a session decides which policy binds it, beside whether its role is a superuser.
 */
#pragma once

#include "core/network.h"

#include "status/backend_status.h"

#include <optional>

namespace session_guard
{

struct Bound
{
	Oid role;
	/* Taken on by SET ROLE; InvalidOid if none was. */
	Oid taken_role;
	Oid database;
	char application_name[NAMEDATALEN];
	/* None: a Unix-domain socket, or no client. */
	std::optional<Address> client_address;
	/* By which its query can be read; -1 where that cannot be. */
	int slot;
	SessionId session;
};

/* The address of a client; none for a Unix-domain socket, or without a client. */
std::optional<Address> address_of(const SockAddr &address);

Bound bound_of(const BackendSnapshot &snapshot);

/* The same where nothing is known of a session but its role and its database. */
Bound bound_of(Oid role, Oid database);

} // namespace session_guard
