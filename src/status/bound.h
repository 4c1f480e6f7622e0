/*
 * What of a session decides which policy binds it, beside whether its role is a superuser.
 */
#pragma once

#include "status/backend_status.h"

namespace session_guard
{

struct Bound
{
	Oid role;
	Oid database;
};

inline Bound
bound_of(const BackendSnapshot &snapshot)
{
	return {.role = snapshot.role, .database = snapshot.database};
}

} // namespace session_guard
