-- Settings: names, units and defaults; what is refused; who may set them where.
SELECT name, setting, unit, context, vartype, min_val, max_val
FROM pg_settings WHERE name LIKE 'pg\_session\_guard.%' AND context <> 'internal' ORDER BY name COLLATE "C";
SELECT name, enumvals FROM pg_settings WHERE name = 'pg_session_guard.mode';
SELECT count(*) FILTER (WHERE short_desc = '') AS without_description
FROM pg_settings WHERE name LIKE 'pg\_session\_guard.%';

-- The version is shown only.
SELECT setting ~ '^\d+\.\d+\.\d+$' AS is_a_version, context, vartype FROM pg_settings WHERE name = 'pg_session_guard.version';
SET pg_session_guard.version = '9.9.9';

-- A limit is 0 or at least 100 ms; bad values are refused and nothing changes.
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = '99ms';
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = 'soon';
ALTER SYSTEM SET pg_session_guard.statement_timeout = '99';
ALTER SYSTEM SET pg_session_guard.cancel_grace = '50ms';
ALTER SYSTEM SET pg_session_guard.session_timeout = '1 parsec';
-- Nor is anything rounded to 0 where that means "off", "never" or "for ever".
ALTER SYSTEM SET pg_session_guard.statement_timeout = '400us';
ALTER SYSTEM SET pg_session_guard.transaction_timeout = 0.4;
ALTER SYSTEM SET pg_session_guard.session_timeout = '400ms';
ALTER SYSTEM SET pg_session_guard.session_timeout = '900ms';
ALTER SYSTEM SET pg_session_guard.cancel_grace = '100us';
ALTER SYSTEM SET pg_session_guard.history_retention = '20s';
ALTER SYSTEM SET pg_session_guard.max_prepared_age = '900ms';
ALTER SYSTEM SET pg_session_guard.max_actions_per_minute = 0.4;
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = 'NaN';
ALTER SYSTEM SET pg_session_guard.min_available_memory = '15MB';
ALTER SYSTEM SET pg_session_guard.dead_client_timeout = '99ms';
ALTER SYSTEM SET pg_session_guard.keepalive_idle = '400ms';
ALTER SYSTEM SET pg_session_guard.connection_headroom = 0.4;
ALTER SYSTEM SET pg_session_guard.connection_headroom = 101;
ALTER SYSTEM SET pg_session_guard.exempt = 'perhaps';
ALTER SYSTEM SET pg_session_guard.spare_listeners = 'most';
ALTER SYSTEM SET pg_session_guard.spare_maintenance = 'on sundays';
ALTER SYSTEM SET pg_session_guard.mode = 'kill';
ALTER SYSTEM SET pg_session_guard.database = 'template1';
ALTER SYSTEM SET pg_session_guard.database = 'template0';
ALTER SYSTEM SET pg_session_guard.database = '';
-- Servers word the range differently.
\set VERBOSITY sqlstate
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = '-1';
ALTER SYSTEM SET pg_session_guard.idle_session_timeout = 'Infinity';
ALTER SYSTEM SET pg_session_guard.statement_timeout = 2147483648;
ALTER SYSTEM SET pg_session_guard.history_retention = '-20s';
ALTER SYSTEM SET pg_session_guard.catch_up_rate = 0;
ALTER SYSTEM SET pg_session_guard.naptime = '99ms';
ALTER SYSTEM SET pg_session_guard.headroom_min_idle = '99ms';
ALTER SYSTEM SET pg_session_guard.max_actions_per_minute = -1;
ALTER SYSTEM SET pg_session_guard.max_actions_per_minute = 1001;
\set VERBOSITY default
SELECT count(*) FROM pg_file_settings
WHERE name LIKE 'pg\_session\_guard.%' AND sourcefile LIKE '%postgresql.auto.conf';

-- Background workers are a list of types; the server's own and the guard's are in none.
ALTER SYSTEM SET pg_session_guard.background_workers = 'pg_cron launcher';
ALTER SYSTEM SET pg_session_guard.background_workers = 'pg_cron,';
ALTER SYSTEM SET pg_session_guard.background_workers = '""';
ALTER SYSTEM SET pg_session_guard.background_workers = 'pg_cron, walsender';
ALTER SYSTEM SET pg_session_guard.background_workers = '"client backend"';
ALTER SYSTEM SET pg_session_guard.background_workers = '"parallel worker", pg_cron';
ALTER SYSTEM SET pg_session_guard.background_workers = '"autovacuum worker"';
ALTER SYSTEM SET pg_session_guard.background_workers = '"logical replication worker"';
ALTER SYSTEM SET pg_session_guard.background_workers = '"pg_session_guard history"';
SELECT repeat('x', 96) AS too_long \gset
ALTER SYSTEM SET pg_session_guard.background_workers = :'too_long';
SET pg_session_guard.background_workers = 'pg_cron';
ALTER ROLE CURRENT_USER SET pg_session_guard.background_workers = 'pg_cron';
SELECT count(*) FROM pg_file_settings WHERE name = 'pg_session_guard.background_workers';
ALTER SYSTEM SET pg_session_guard.background_workers = '"Job [1000]", pg_cron';
SELECT setting FROM pg_file_settings WHERE name = 'pg_session_guard.background_workers';
ALTER SYSTEM SET pg_session_guard.background_workers = pg_cron, pg_background;
SELECT setting FROM pg_file_settings WHERE name = 'pg_session_guard.background_workers';
ALTER SYSTEM RESET pg_session_guard.background_workers;

-- No session sets a limit for itself, not even a superuser's by mistake.
SET pg_session_guard.idle_session_timeout = '1h';
BEGIN;
SET LOCAL pg_session_guard.statement_timeout = 0;
ROLLBACK;
SELECT set_config('pg_session_guard.transaction_timeout', '0', false);
SELECT set_config('pg_session_guard.exempt', 'on', true);
SET pg_session_guard.mode = 'off';
SET pg_session_guard.min_available_memory = 0;
SET pg_session_guard.dead_client_timeout = 0;
SET pg_session_guard.keepalive_idle = 0;
SET pg_session_guard.connection_headroom = 0;
SET pg_session_guard.spare_listeners = on;
CREATE FUNCTION without_limit() RETURNS integer LANGUAGE sql
	SET pg_session_guard.statement_timeout = 0 RETURN 1;
-- Where it is not noticed at creation it is when the function is called.
SET check_function_bodies = off;
CREATE FUNCTION without_limit() RETURNS integer LANGUAGE sql
	SET pg_session_guard.exempt = on AS 'SELECT 1';
RESET check_function_bodies;
SELECT without_limit();
DROP FUNCTION without_limit();

-- The prefix is reserved: a mistyped name is an error, not a placeholder.
SET pg_session_guard.idle_sesion_timeout = '1min';
SET session_guard.idle_session_timeout = '1min';

SELECT current_user AS superuser \gset

-- What is stored for roles and databases is checked when it is stored.
CREATE ROLE regress_guarded LOGIN;
CREATE ROLE regress_beside LOGIN;
CREATE ROLE regress_dba CREATEROLE;
GRANT regress_guarded TO regress_dba WITH ADMIN OPTION;
ALTER ROLE regress_guarded SET pg_session_guard.statement_timeout = '99ms';
ALTER ROLE regress_guarded SET pg_session_guard.exempt = 'perhaps';
ALTER ROLE regress_guarded IN DATABASE postgres SET pg_session_guard.session_timeout = '1 parsec';
ALTER DATABASE postgres SET pg_session_guard.cancel_grace = '50ms';
ALTER ROLE ALL SET pg_session_guard.idle_session_timeout = 'soon';
ALTER ROLE regress_guarded SET pg_session_guard.statement_timeout = '400us';
ALTER ROLE regress_guarded IN DATABASE postgres SET pg_session_guard.session_timeout = '400ms';
ALTER DATABASE postgres SET pg_session_guard.cancel_grace = '100us';
ALTER ROLE regress_guarded SET pg_session_guard.idle_sesion_timeout = '1min';
ALTER ROLE regress_guarded SET session_guard.idle_session_timeout = '1min';
-- These are for the whole server.
ALTER ROLE regress_guarded SET pg_session_guard.mode = 'off';
ALTER ROLE regress_guarded SET pg_session_guard.min_available_memory = '1GB';
ALTER ROLE regress_guarded SET pg_session_guard.dead_client_timeout = '1min';
ALTER ROLE regress_guarded SET pg_session_guard.keepalive_idle = '1min';
ALTER ROLE regress_guarded SET pg_session_guard.connection_headroom = 3;
ALTER ROLE regress_guarded SET pg_session_guard.exempt_superusers = on;
ALTER DATABASE postgres SET pg_session_guard.spare_maintenance = off;
ALTER ROLE ALL SET pg_session_guard.max_actions_per_minute = 1;
SELECT count(*) AS stored FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setting LIKE 'pg\_session\_guard.%';

-- A superuser stores limits, which bind sessions from their start on.
ALTER ROLE ALL SET pg_session_guard.session_timeout = '1h';
ALTER DATABASE postgres SET pg_session_guard.session_timeout = '2h';
ALTER DATABASE postgres SET pg_session_guard.idle_session_timeout = '2h';
ALTER ROLE regress_guarded SET pg_session_guard.idle_session_timeout = '3h';
ALTER ROLE regress_guarded SET pg_session_guard.statement_timeout = '3h';
ALTER ROLE regress_guarded SET pg_session_guard.cancel_grace = '1min';
ALTER ROLE regress_guarded IN DATABASE postgres SET pg_session_guard.statement_timeout = '4h';
ALTER ROLE regress_guarded IN DATABASE postgres SET pg_session_guard.exempt = off;

-- Others may by GRANT SET ON PARAMETER, for the parameters that it names.
SET ROLE regress_dba;
ALTER ROLE regress_guarded SET pg_session_guard.transaction_timeout = '5h';
RESET ROLE;
GRANT SET ON PARAMETER pg_session_guard.transaction_timeout TO regress_dba;
SET ROLE regress_dba;
ALTER ROLE regress_guarded SET pg_session_guard.transaction_timeout = '5h';
ALTER ROLE regress_guarded SET pg_session_guard.transaction_timeout = '99ms';
ALTER ROLE regress_guarded SET pg_session_guard.exempt = on;
ALTER ROLE regress_guarded RESET pg_session_guard.statement_timeout;
-- To store it is one thing, to set it within a session another.
SET pg_session_guard.transaction_timeout = 0;
RESET ROLE;

-- Each session is shown what bound it when it began.
CREATE VIEW shown AS
	SELECT name, setting, unit, source FROM pg_settings
	WHERE name LIKE 'pg\_session\_guard.%' AND source <> 'default'
		AND context = 'superuser'
	ORDER BY name COLLATE "C";
GRANT SELECT ON shown TO PUBLIC;
\c - regress_beside
SELECT * FROM shown;
SHOW pg_session_guard.statement_timeout;
\c - regress_guarded
SELECT * FROM shown;
SHOW pg_session_guard.statement_timeout;

-- The guarded cannot lift it.
SET pg_session_guard.statement_timeout = 0;
SET LOCAL pg_session_guard.session_timeout = 0;
SELECT set_config('pg_session_guard.exempt', 'on', false);
ALTER ROLE regress_guarded SET pg_session_guard.statement_timeout = 0;
ALTER ROLE regress_guarded SET pg_session_guard.exempt = on;
ALTER ROLE regress_guarded IN DATABASE postgres SET pg_session_guard.exempt = on;
ALTER ROLE regress_guarded RESET pg_session_guard.statement_timeout;
ALTER DATABASE postgres RESET pg_session_guard.session_timeout;
-- Servers word this one differently.
\set VERBOSITY sqlstate
ALTER ROLE ALL RESET pg_session_guard.session_timeout;
\set VERBOSITY default
ALTER SYSTEM SET pg_session_guard.exempt = on;

-- To go back to what is configured changes nothing, and the server allows one to reset what one
-- may set, or else to reset all.
RESET pg_session_guard.idle_session_timeout;
SET pg_session_guard.idle_session_timeout TO DEFAULT;
RESET ALL;
DISCARD ALL;
ALTER ROLE regress_guarded RESET ALL;
SELECT * FROM shown;
SELECT setrole = 0 AS for_all_roles, setdatabase <> 0 AS in_database, setting
FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setting LIKE 'pg\_session\_guard.%'
ORDER BY setting COLLATE "C", 1, 2;

\c - :superuser
SELECT name, setting, source FROM shown;
RESET pg_session_guard.idle_session_timeout;
SET pg_session_guard.idle_session_timeout TO DEFAULT;
BEGIN;
SET LOCAL pg_session_guard.session_timeout TO DEFAULT;
COMMIT;
RESET ALL;
DISCARD ALL;
SELECT name, setting, source FROM shown;

ALTER ROLE ALL RESET ALL;
ALTER DATABASE postgres RESET ALL;
DROP VIEW shown;
REVOKE SET ON PARAMETER pg_session_guard.transaction_timeout FROM regress_dba;
DROP ROLE regress_guarded, regress_beside, regress_dba;
SELECT count(*) AS stored FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setting LIKE 'pg\_session\_guard.%';
