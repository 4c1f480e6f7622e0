-- Settings: names, units and defaults; what is refused; who may set them where.
SELECT name, setting, unit, context, vartype, min_val, max_val
FROM pg_settings WHERE name LIKE 'pg\_session\_guard.%' ORDER BY name COLLATE "C";
SELECT name, enumvals FROM pg_settings WHERE name = 'pg_session_guard.mode';
SELECT count(*) FILTER (WHERE short_desc = '') AS without_description
FROM pg_settings WHERE name LIKE 'pg\_session\_guard.%';

-- A limit is 0 or at least 100 ms; bad values are refused and nothing changes.
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = '99ms';
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = 'soon';
ALTER SYSTEM SET pg_session_guard.statement_timeout = '99';
ALTER SYSTEM SET pg_session_guard.cancel_grace = '50ms';
ALTER SYSTEM SET pg_session_guard.session_timeout = '1 parsec';
ALTER SYSTEM SET pg_session_guard.mode = 'kill';
ALTER SYSTEM SET pg_session_guard.database = 'template1';
ALTER SYSTEM SET pg_session_guard.database = 'template0';
ALTER SYSTEM SET pg_session_guard.database = '';
-- Servers word the range differently.
\set VERBOSITY sqlstate
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = '-1';
ALTER SYSTEM SET pg_session_guard.catch_up_rate = 0;
ALTER SYSTEM SET pg_session_guard.naptime = '99ms';
\set VERBOSITY default
SELECT count(*) FROM pg_file_settings
WHERE name LIKE 'pg\_session\_guard.%' AND sourcefile LIKE '%postgresql.auto.conf';

-- Nobody sets a limit for himself, not even a superuser by mistake.
SET pg_session_guard.idle_session_timeout = '1h';
BEGIN;
SET LOCAL pg_session_guard.statement_timeout = 0;
ROLLBACK;
SELECT set_config('pg_session_guard.transaction_timeout', '0', false);
SET pg_session_guard.mode = 'off';
CREATE FUNCTION without_limit() RETURNS integer LANGUAGE sql
	SET pg_session_guard.statement_timeout = 0 RETURN 1;
CREATE ROLE regress_guarded LOGIN;
SET ROLE regress_guarded;
SET pg_session_guard.session_timeout = 0;
ALTER ROLE regress_guarded SET pg_session_guard.statement_timeout = 0;
RESET ROLE;
-- To go back to what is configured is nobody's harm.
RESET pg_session_guard.idle_session_timeout;
SET pg_session_guard.idle_session_timeout TO DEFAULT;
SHOW pg_session_guard.idle_session_timeout;
DISCARD ALL;

-- The prefix is reserved: a mistyped name is an error, not a placeholder.
SET pg_session_guard.idle_sesion_timeout = '1min';

DROP ROLE regress_guarded;
