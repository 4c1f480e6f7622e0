-- The view of who would be ended, when and why: its columns, where limits come from, who is
-- spared, who is shown what.  Nobody is ended: limits are long, or mode is off.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;
SELECT current_user AS superuser \gset
CREATE ROLE regress_web LOGIN;
CREATE ROLE regress_beside LOGIN;
CREATE ROLE regress_watcher IN ROLE pg_monitor;

SELECT attname, format_type(atttypid, atttypmod) AS type,
	col_description(attrelid, attnum) IS NOT NULL AS says_what_it_is
FROM pg_attribute
WHERE attrelid = 'session_guard.schedule'::regclass AND attnum > 0
ORDER BY attnum;

-- Without a limit there is nothing to tell.
SELECT count(*) FROM session_guard.schedule;

-- Each source outranks those before it.
CREATE VIEW own AS
	SELECT limit_name, threshold, source, action, spared
	FROM session_guard.schedule WHERE pid = pg_backend_pid();
GRANT SELECT ON own TO PUBLIC;
ALTER ROLE ALL SET pg_session_guard.idle_session_timeout = '1h';
ALTER ROLE ALL SET pg_session_guard.idle_in_transaction_session_timeout = '1h';
ALTER ROLE ALL SET pg_session_guard.statement_timeout = '1h';
ALTER ROLE ALL SET pg_session_guard.transaction_timeout = '1h';
ALTER ROLE ALL SET pg_session_guard.session_timeout = '49h';
\c - regress_web
SELECT * FROM own;
\c - :superuser
ALTER DATABASE postgres SET pg_session_guard.idle_session_timeout = '2h';
ALTER DATABASE postgres SET pg_session_guard.idle_in_transaction_session_timeout = '2h';
ALTER DATABASE postgres SET pg_session_guard.statement_timeout = '2h';
ALTER ROLE regress_web SET pg_session_guard.idle_in_transaction_session_timeout = '3h';
ALTER ROLE regress_web SET pg_session_guard.statement_timeout = '3h';
ALTER ROLE regress_web IN DATABASE postgres SET pg_session_guard.statement_timeout = '4h';
-- These are of other roles, or of other databases.
ALTER DATABASE template1 SET pg_session_guard.idle_session_timeout = '9h';
ALTER ROLE regress_beside SET pg_session_guard.idle_session_timeout = '9h';
ALTER ROLE regress_beside IN DATABASE postgres SET pg_session_guard.statement_timeout = '9h';
ALTER ROLE regress_web IN DATABASE template1 SET pg_session_guard.statement_timeout = '9h';
\c - regress_web
SELECT * FROM own;
\c - regress_beside
SELECT * FROM own;
-- 0 switches off what is more general; silence does not.
\c - :superuser
ALTER DATABASE postgres SET pg_session_guard.session_timeout = 0;
ALTER ROLE regress_web SET pg_session_guard.idle_session_timeout = 0;
ALTER ROLE regress_web IN DATABASE postgres SET pg_session_guard.statement_timeout = 0;
\c - regress_web
SELECT * FROM own;
\c - regress_beside
SELECT limit_name, threshold, source FROM own;
\c - :superuser
ALTER DATABASE postgres RESET pg_session_guard.session_timeout;
ALTER ROLE regress_web RESET pg_session_guard.idle_session_timeout;
ALTER ROLE regress_web IN DATABASE postgres SET pg_session_guard.statement_timeout = '4h';

-- The view tells what is stored now; SHOW tells what was when the session began.
ALTER DATABASE postgres SET pg_session_guard.transaction_timeout = '5h';
SELECT threshold, source FROM own WHERE limit_name = 'transaction_timeout';
SHOW pg_session_guard.transaction_timeout;
ALTER DATABASE postgres RESET pg_session_guard.transaction_timeout;
SELECT threshold, source FROM own WHERE limit_name = 'transaction_timeout';

-- What a session does has a beginning and an end; what it does not do has none.
\c - regress_web
SET application_name = 'regress_schedule';
SELECT datname, usename, application_name, state, limit_name,
	backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
		AS same_start
FROM session_guard.schedule WHERE pid = pg_backend_pid();
BEGIN;
SELECT limit_name, since >= now() AS has_begun, due_at = since + threshold AS is_due_in_time,
	measured >= '0' AND measured < threshold AS is_measured
FROM session_guard.schedule
WHERE pid = pg_backend_pid() AND limit_name <> 'session_timeout';
SELECT since = backend_start AS has_begun,
	due_at BETWEEN since + threshold AND since + 1.1 * threshold AS is_due_in_time,
	measured >= '0' AND measured < threshold AS is_measured
FROM session_guard.schedule
WHERE pid = pg_backend_pid() AND limit_name = 'session_timeout';
COMMIT;

-- Who listens is spared from the idle limit and from no other, until it listens no more.
LISTEN regress_channel;
SELECT limit_name, spared FROM own WHERE spared IS NOT NULL;
BEGIN;
UNLISTEN regress_channel;
ROLLBACK;
SELECT limit_name, spared FROM own WHERE spared IS NOT NULL;
UNLISTEN regress_channel;
SELECT limit_name, spared FROM own WHERE spared IS NOT NULL;

-- Who is exempt is spared from all, and it is said by what.
\c - :superuser
SELECT DISTINCT spared FROM own;
ALTER ROLE ALL SET pg_session_guard.exempt = on;
SELECT DISTINCT spared FROM own;
ALTER DATABASE postgres SET pg_session_guard.exempt = on;
SELECT DISTINCT spared FROM own;
ALTER DATABASE postgres SET pg_session_guard.exempt = off;
SELECT DISTINCT spared FROM own;
ALTER DATABASE postgres RESET pg_session_guard.exempt;
ALTER ROLE ALL RESET pg_session_guard.exempt;
ALTER ROLE regress_web SET pg_session_guard.exempt = on;
\c - regress_web
SELECT DISTINCT spared FROM own;
\c - regress_beside
SELECT limit_name, spared FROM own;
\c - :superuser
ALTER ROLE regress_web IN DATABASE postgres SET pg_session_guard.exempt = on;
\c - regress_web
SELECT DISTINCT spared FROM own;
\c - :superuser
ALTER ROLE regress_web IN DATABASE postgres SET pg_session_guard.exempt = off;
-- A session that does not track its activities cannot be measured, but by its age.
ALTER ROLE regress_web SET track_activities = off;
\c - regress_web
SELECT limit_name, spared, due_at IS NOT NULL AS is_due
FROM session_guard.schedule WHERE pid = pg_backend_pid();
\c - :superuser
ALTER ROLE regress_web RESET track_activities;

-- Others are shown that a session is bound, and by what, but not what it does.
CREATE VIEW visible AS
	SELECT datname, usename = session_user AS usename, backend_start IS NOT NULL AS backend_start,
		application_name, state, limit_name, threshold, source, since IS NOT NULL AS since,
		measured IS NOT NULL AS measured, due_at IS NOT NULL AS due_at, action, spared
	FROM session_guard.schedule
	WHERE pid = pg_backend_pid() AND limit_name = 'transaction_timeout';
GRANT SELECT ON visible TO PUBLIC;
SET application_name = 'regress_schedule';
\x on
SET ROLE regress_beside;
SELECT * FROM visible;
SET ROLE regress_watcher;
SELECT * FROM visible;
RESET ROLE;
\x off

-- With mode = off it tells what would happen.
CREATE PROCEDURE wait_for(condition text) LANGUAGE plpgsql AS $$
DECLARE
	holds boolean;
BEGIN
	FOR i IN 1..18000 LOOP
		EXECUTE 'SELECT ' || condition INTO holds;
		EXIT WHEN holds;
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;
ALTER SYSTEM SET pg_session_guard.mode = 'log';
SELECT pg_reload_conf();
CALL wait_for('EXISTS (SELECT FROM own WHERE action = ''log'')');
\c - regress_web
SELECT * FROM own;
\c - :superuser
ALTER SYSTEM SET pg_session_guard.mode = 'off';
ALTER SYSTEM SET pg_session_guard.session_timeout = '5h';
ALTER SYSTEM SET pg_session_guard.session_timeout_jitter = 0;
ALTER SYSTEM SET pg_session_guard.transaction_timeout = '6h';
SELECT pg_reload_conf();
CALL wait_for('EXISTS (SELECT FROM own WHERE spared = ''mode is off'')');
\c - regress_web
SELECT * FROM own;
\c - :superuser
-- No source but the file is left.
ALTER ROLE ALL RESET ALL;
ALTER DATABASE postgres RESET ALL;
ALTER DATABASE template1 RESET ALL;
\c - regress_web
SELECT limit_name, source, action, spared, since >= backend_start AS has_begun,
	due_at - since AS due_after, due_at = since + threshold AS is_due_in_time
FROM session_guard.schedule WHERE pid = pg_backend_pid();
\c - :superuser
ALTER SYSTEM RESET ALL;
SELECT pg_reload_conf();
CALL wait_for('NOT EXISTS (SELECT FROM own)');
SELECT * FROM own;

DROP ROLE regress_web, regress_beside, regress_watcher;
DROP VIEW own, visible;
DROP PROCEDURE wait_for;
DROP EXTENSION pg_session_guard;
