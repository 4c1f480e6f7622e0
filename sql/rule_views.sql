-- What rules do, as SQL sees it: their counters, whom one would mean, and why a session is bound as
-- it is.  Nobody is ended: limits are long.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;
SELECT current_user AS superuser \gset
CREATE ROLE regress_group;
CREATE ROLE regress_taken;
CREATE ROLE regress_web LOGIN IN ROLE regress_group, regress_taken;
CREATE ROLE regress_beside LOGIN;
CREATE ROLE regress_watcher IN ROLE pg_monitor;

SELECT attname, format_type(atttypid, atttypmod) AS type,
	col_description(attrelid, attnum) IS NOT NULL AS says_what_it_is
FROM pg_attribute
WHERE attrelid = 'session_guard.rule_stats'::regclass AND attnum > 0
ORDER BY attnum;
SELECT proname, proargnames, provolatile, proparallel, proretset, prosecdef, proacl IS NULL AS for_everybody
FROM pg_proc
WHERE oid IN ('session_guard.rule_matches'::regproc, 'session_guard.explain'::regproc,
	'session_guard.get_rule_stats'::regproc)
ORDER BY proname;

-- There are no rules, once those of another extension before this one have been forgotten.
DO $$ BEGIN
	WHILE EXISTS (SELECT FROM session_guard.rule_stats) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT count(*) FROM session_guard.rule_stats;
SELECT * FROM session_guard.rule_matches('x');
SELECT * FROM session_guard.rule_matches(NULL);
SELECT * FROM session_guard.explain(NULL);
-- Who has just ended is no error.
SELECT * FROM session_guard.explain(-1);
SET client_min_messages = warning;
SELECT count(*) FROM pg_stat_activity, session_guard.explain(pid) WHERE backend_type = 'checkpointer';
RESET client_min_messages;

-- Without rules and settings nothing decides; each limit is told of.
CREATE VIEW own AS
	SELECT limit_name, step, source, threshold, threshold_amount AS amount, exempt, decides, note,
		spared, due_at > now() AS is_due, action
	FROM session_guard.explain(pg_backend_pid());
GRANT SELECT ON own TO PUBLIC;
\c - regress_web
SELECT * FROM own;

-- Rules and settings of every kind.
\c - :superuser
SET client_min_messages = error;
INSERT INTO session_guard.rule (position, name, enabled, databases, roles, except_roles,
	application_name, except_application_name, client_addr, query,
	statement_timeout, transaction_timeout, exempt, mode)
VALUES
	(10, 'not enabled', false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '10 min', NULL, NULL, 'enforce'),
	(20, 'other database', true, '{template1}', NULL, NULL, NULL, NULL, NULL, NULL, '20 min', NULL, NULL, 'enforce'),
	(21, 'no database', true, '{regress_nowhere}', NULL, NULL, NULL, NULL, NULL, NULL, '20 min', NULL, NULL, 'enforce'),
	(30, 'other role', true, NULL, '{regress_beside}', NULL, NULL, NULL, NULL, NULL, '30 min', NULL, true, 'enforce'),
	(40, 'excepted', true, NULL, NULL, '{regress_group}', NULL, NULL, NULL, NULL, '40 min', NULL, NULL, 'enforce'),
	(41, 'excepts "nobody"', true, NULL, NULL, ARRAY['regress "nobody"']::name[], NULL, NULL, NULL, NULL, '40 min', NULL, NULL, 'enforce'),
	(50, 'other application', true, NULL, NULL, NULL, 'batch%', NULL, NULL, NULL, '50 min', NULL, NULL, 'enforce'),
	(51, 'excepted application', true, NULL, NULL, NULL, NULL, 'regress%', NULL, NULL, '51 min', NULL, NULL, 'enforce'),
	(60, 'other address', true, NULL, NULL, NULL, NULL, NULL, '{10.0.0.0/8}', NULL, '1 h', NULL, NULL, 'enforce'),
	(70, 'other query', true, NULL, NULL, NULL, NULL, NULL, NULL, '^COPY', '70 min', NULL, NULL, 'enforce'),
	(80, 'cannot relax', true, NULL, NULL, NULL, 'regress%', NULL, NULL, NULL, '9 h', NULL, NULL, 'enforce'),
	(90, 'tried', true, NULL, '{regress_group}', NULL, NULL, NULL, NULL, NULL, '90 min', '90 min', NULL, 'log'),
	(100, 'first', true, NULL, '{regress_group}', NULL, NULL, NULL, NULL, 'FROM', '2 h', NULL, false, 'enforce'),
	(110, 'tried too late', true, NULL, '{regress_group}', NULL, NULL, NULL, NULL, NULL, '3 h', NULL, NULL, 'log'),
	(120, 'second', true, NULL, '{regress_group}', NULL, NULL, NULL, NULL, NULL, '3 h', NULL, true, 'enforce');
INSERT INTO session_guard.rule (position, name, max_memory) VALUES (130, 'memory', pg_size_bytes('1 TB'));
INSERT INTO session_guard.rule (position, name, roles, session_timeout) VALUES (140, 'off', '{regress_web}', '0');
ALTER ROLE ALL SET pg_session_guard.statement_timeout = '4h';
ALTER DATABASE postgres SET pg_session_guard.statement_timeout = '5h';
ALTER ROLE regress_web SET pg_session_guard.statement_timeout = '6h';
ALTER ROLE regress_web IN DATABASE postgres SET pg_session_guard.statement_timeout = '7h';
ALTER ROLE ALL SET pg_session_guard.transaction_timeout = '4h';
ALTER ROLE regress_taken SET pg_session_guard.transaction_timeout = '3h';
ALTER ROLE regress_taken SET pg_session_guard.idle_session_timeout = '1h';
ALTER ROLE regress_taken SET pg_session_guard.exempt = on;
ALTER DATABASE postgres SET pg_session_guard.idle_session_timeout = '30min';
ALTER DATABASE postgres SET pg_session_guard.session_timeout = '49h';
GRANT pg_read_all_stats TO regress_taken;
\c - regress_web
SET application_name = 'regress_views';
SELECT limit_name, step, source, coalesce(threshold::text, exempt::text) AS says, decides, note, is_due, action
FROM own WHERE limit_name IN ('exempt', 'statement_timeout');
SET ROLE regress_taken;
SELECT limit_name, step, source, coalesce(threshold::text, amount::text) AS says, decides, note, is_due, action
FROM own WHERE source <> 'configuration file' AND limit_name NOT IN ('exempt', 'statement_timeout');
SELECT source, note FROM own WHERE limit_name = 'exempt' AND source LIKE '%taken by%';
RESET ROLE;

-- What decides is what the schedule tells of; what only logs is there, too.
SELECT limit_name, source, threshold, threshold_amount, action, spared FROM session_guard.schedule
WHERE pid = pg_backend_pid()
EXCEPT
SELECT limit_name, source, threshold, amount, action, spared FROM own WHERE decides OR action = 'log';
SELECT limit_name, count(*) FROM own WHERE decides GROUP BY limit_name HAVING count(*) <> 1;

-- Settings that exempt come first; of them the more special.
\c - :superuser
ALTER ROLE ALL SET pg_session_guard.exempt = off;
ALTER DATABASE postgres SET pg_session_guard.exempt = on;
\c - regress_web
SET application_name = 'regress_views';
SELECT step, source, exempt, decides, note, spared FROM own WHERE limit_name = 'exempt';
SELECT source, spared FROM own WHERE limit_name = 'statement_timeout' AND decides;
\c - :superuser
ALTER ROLE ALL RESET pg_session_guard.exempt;
ALTER DATABASE postgres RESET pg_session_guard.exempt;
DELETE FROM session_guard.rule WHERE name = 'first';
SELECT step, source, exempt, decides, note, spared FROM own WHERE limit_name = 'exempt';
\c - regress_web
SELECT step, source, exempt, decides, note, spared FROM own WHERE limit_name = 'exempt' AND (decides OR note LIKE '%rule%');
\c - :superuser

-- Whom would a rule mean, if it were enabled and enforced?
CREATE VIEW meant AS
	SELECT name AS rule, limit_name, threshold, threshold_amount AS amount, decides, decided_by,
		due_at > now() AS is_due, action, spared
	FROM session_guard.rule, session_guard.rule_matches(name)
	WHERE pid = pg_backend_pid()
	ORDER BY position;
GRANT SELECT ON meant TO PUBLIC;
GRANT SELECT ON session_guard.rule TO regress_web;
\c - regress_web
SET application_name = 'regress_views';
SELECT * FROM meant;
-- Before it is committed, too.
\c - :superuser
GRANT INSERT ON session_guard.rule TO regress_web;
\c - regress_web
BEGIN;
INSERT INTO session_guard.rule (position, name, enabled, roles, mode, idle_in_transaction_session_timeout)
VALUES (5, 'it''s "new"', false, '{regress_web}', 'log', '1 h');
SELECT * FROM meant WHERE rule LIKE '%new%';
SELECT source, decides, note FROM own WHERE source LIKE '%new%';
ROLLBACK;
SELECT count(*) FROM session_guard.rule_matches('it''s "new"');

-- Others are shown what is bound, by what, but not what it does, nor what only that would tell.
\c - :superuser
SET application_name = 'regress_views';
INSERT INTO session_guard.rule (position, name, query, statement_timeout)
VALUES (150, 'by query', 'regress', '10 min');
CREATE VIEW visible AS
	SELECT name, datname, usename = session_user AS usename, backend_start IS NOT NULL AS backend_start,
		application_name, state, limit_name, threshold, decides, decided_by, since IS NOT NULL AS since,
		measured IS NOT NULL AS measured, due_at IS NOT NULL AS due_at, action, spared
	FROM (VALUES ('by query'), ('excepted')) AS rules (name), session_guard.rule_matches(name)
	WHERE pid = pg_backend_pid()
	ORDER BY name;
GRANT SELECT ON visible TO PUBLIC;
\x on
SET ROLE regress_beside;
SELECT 'regress' AS word, * FROM visible;
SET ROLE regress_watcher;
SELECT 'regress' AS word, * FROM visible;
RESET ROLE;
\x off
SET ROLE regress_beside;
SELECT pg_backend_pid() AS pid \gset
\set VERBOSITY sqlstate
SELECT count(*) FROM session_guard.explain(:pid);
\set VERBOSITY default
SELECT * FROM session_guard.rule_stats;
SELECT * FROM session_guard.get_rule_stats();
SET ROLE regress_watcher;
SELECT count(DISTINCT limit_name) FROM session_guard.explain(:pid);
RESET ROLE;

-- The rules that the guard has read.
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
CALL wait_for('EXISTS (SELECT FROM session_guard.rule_stats WHERE name = ''by query'')');
SET ROLE regress_watcher;
SELECT position, name, enabled, mode, deadlines_met, cancels_sent, problem FROM session_guard.rule_stats;
SELECT bool_and(published_at <= now()) AS is_past, count(DISTINCT published_at) FROM session_guard.rule_stats;
SELECT * FROM session_guard.rule_matches('no rule');
RESET ROLE;
-- In another database only these are known.
SET client_min_messages = warning;
\c template1
CREATE EXTENSION pg_session_guard;
SELECT name FROM session_guard.rule_stats LIMIT 1;
SELECT * FROM session_guard.rule_matches('no rule');
SELECT source, note FROM session_guard.explain(pg_backend_pid()) WHERE source = 'rule "other database"';
DROP EXTENSION pg_session_guard;
\c postgres

-- They go when the guard has read that there are none.
TRUNCATE session_guard.rule;
CALL wait_for('NOT EXISTS (SELECT FROM session_guard.rule_stats)');
SELECT * FROM session_guard.rule_stats;

ALTER ROLE ALL RESET ALL;
ALTER DATABASE postgres RESET ALL;
DROP VIEW own, meant, visible;
DROP PROCEDURE wait_for;
SET client_min_messages = warning;
DROP EXTENSION pg_session_guard;
DROP ROLE regress_web, regress_beside, regress_watcher, regress_group, regress_taken;
