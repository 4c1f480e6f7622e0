-- A limit that is stored for a role and ends none of its sessions, or an exemption that spares none,
-- is stored all the same, and a NOTICE says so; nobody is told of any other.
CREATE ROLE regress_owner SUPERUSER LOGIN;
CREATE ROLE regress_group;
CREATE ROLE regress_web LOGIN IN ROLE regress_group;
\pset format unaligned
\pset tuples_only on

ALTER ROLE regress_owner SET pg_session_guard.statement_timeout = '1min';
ALTER ROLE regress_owner IN DATABASE postgres SET pg_session_guard.session_timeout TO 3600;
ALTER USER regress_group SET PG_SESSION_GUARD.Idle_Session_Timeout = '1h';
ALTER ROLE regress_group SET pg_session_guard.Exempt = on;
ALTER ROLE regress_group IN DATABASE postgres SET pg_session_guard.exempt TO 'tr';
-- Of a superuser who cannot log in that is what counts.
ALTER ROLE regress_owner NOLOGIN;
ALTER ROLE regress_owner SET pg_session_guard.transaction_timeout = '1min';
ALTER ROLE regress_owner LOGIN;
-- Also from within a function, and by the name that a role has by then.
DO $$ BEGIN
	ALTER ROLE regress_group RENAME TO "regress Group";
	ALTER ROLE "regress Group" SET pg_session_guard.transaction_timeout = '1min';
END $$;
ALTER ROLE "regress Group" RENAME TO regress_group;
SET SESSION AUTHORIZATION regress_owner;
ALTER ROLE CURRENT_USER SET pg_session_guard.maintenance_timeout = '1h';
ALTER ROLE SESSION_USER IN DATABASE postgres SET pg_session_guard.maintenance_timeout = '1h';
RESET SESSION AUTHORIZATION;
SELECT rolname, setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole
WHERE rolname LIKE 'regress%' ORDER BY setdatabase <> 0, rolname;

-- What binds, and what binds everybody.
ALTER ROLE regress_web SET pg_session_guard.statement_timeout = '1min';
ALTER ROLE ALL SET pg_session_guard.statement_timeout = '1min';
ALTER ROLE ALL RESET pg_session_guard.statement_timeout;
ALTER DATABASE postgres SET pg_session_guard.statement_timeout = '1min';
ALTER DATABASE postgres RESET pg_session_guard.statement_timeout;
-- What is no limit, or none that is in force.
ALTER ROLE regress_owner SET pg_session_guard.exempt = on;
ALTER ROLE regress_group SET pg_session_guard.exempt = off;
ALTER ROLE regress_owner SET pg_session_guard.cancel_grace = '1min';
ALTER ROLE regress_owner SET pg_session_guard.statement_timeout = 0;
ALTER ROLE regress_owner SET pg_session_guard.statement_timeout FROM CURRENT;
ALTER ROLE regress_owner SET pg_session_guard.statement_timeout TO DEFAULT;
ALTER ROLE regress_owner SET statement_timeout = '1min';
ALTER ROLE regress_owner RESET ALL;
-- What fails says nothing but that; servers word it differently.
\set VERBOSITY sqlstate
ALTER ROLE regress_owner SET pg_session_guard.statement_timeout = '1 parsec';
ALTER ROLE regress_owner SET pg_session_guard.statement_timeout = 1, 2;
ALTER ROLE regress_owner SET pg_session_guard.statement_timeouts = '1min';
ALTER ROLE regress_nobody SET pg_session_guard.statement_timeout = '1min';
ALTER ROLE public SET pg_session_guard.statement_timeout = '1min';
ALTER ROLE regress_group IN DATABASE regress_nowhere SET pg_session_guard.statement_timeout = '1min';
SET ROLE regress_web;
ALTER ROLE regress_group SET pg_session_guard.statement_timeout = '1min';
RESET ROLE;
\set VERBOSITY default

DROP ROLE regress_owner, regress_web, regress_group;
