-- session_guard.metrics: which series there are, of which type, and for whom.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;

-- Without anything done yet; how late what was done was is not known then.
DO $$
BEGIN
	WHILE (SELECT worker_pid IS NULL OR history_pid IS NULL FROM session_guard.stats) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT session_guard.reset_stats();
SELECT name, type, count(*) AS series,
	string_agg(DISTINCT (SELECT string_agg(key, ',' ORDER BY key) FROM jsonb_object_keys(labels) AS key), ';') AS labels
FROM session_guard.metrics GROUP BY name, type ORDER BY name COLLATE "C";

-- The names are as Prometheus has them; each has one type and help text; no series is there twice.
SELECT name, type FROM session_guard.metrics
WHERE name !~ '^pg_session_guard(_[a-z0-9]+)+$' OR type NOT IN ('counter', 'gauge')
	OR (type = 'counter') <> (name ~ '_total$') OR coalesce(help, '') = '';
SELECT name FROM session_guard.metrics GROUP BY name HAVING count(DISTINCT (type, help)) > 1;
SELECT name, labels FROM session_guard.metrics GROUP BY name, labels HAVING count(*) > 1;
SELECT name, labels FROM session_guard.metrics WHERE value IS NULL OR value < 0 OR value = 'Infinity';
SELECT DISTINCT label.key, label.value
FROM session_guard.metrics, jsonb_each_text(labels) AS label
WHERE label.key NOT IN ('limit', 'version') ORDER BY 1, 2;
SELECT count(DISTINCT labels->>'limit') = (SELECT count(*) FROM session_guard.limit_stats) AS all_limits
FROM session_guard.metrics;

-- The values are those of the other views.
SELECT name, labels, value FROM session_guard.metrics
WHERE name IN ('pg_session_guard_up', 'pg_session_guard_history_writer_up', 'pg_session_guard_in_recovery',
	'pg_session_guard_mode_in_force', 'pg_session_guard_scan_overdue_seconds', 'pg_session_guard_requests_total',
	'pg_session_guard_events_lost')
ORDER BY name COLLATE "C", labels;
SELECT value BETWEEN 0 AND 60 AS is_recent
FROM session_guard.metrics WHERE name = 'pg_session_guard_heartbeat_age_seconds';
SELECT value = (SELECT EXTRACT(epoch FROM stats_reset)::float8 FROM session_guard.stats) AS is_since_reset
FROM session_guard.metrics WHERE name = 'pg_session_guard_stats_reset_timestamp_seconds';
SELECT max(value) FILTER (WHERE name = 'pg_session_guard_sessions') BETWEEN 1 AND 5 AS sessions,
	sum(CASE name WHEN 'pg_session_guard_connections' THEN value
		WHEN 'pg_session_guard_sessions' THEN -value WHEN 'pg_session_guard_free_connections' THEN -value END)
		AS neither_free_nor_taken,
	max(value) FILTER (WHERE name = 'pg_session_guard_connections') = current_setting('max_connections')::int
		- current_setting('superuser_reserved_connections')::int
		- coalesce(current_setting('reserved_connections', true)::int, 0) AS without_reserved
FROM session_guard.metrics;

-- What the session that asks holds back is not counted.
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_xid;
SELECT labels, value FROM session_guard.metrics
WHERE name = 'pg_session_guard_horizon_age_transactions' AND labels->>'kind' <> 'other process'
ORDER BY labels;
ROLLBACK;

-- What is closed, and rules, are counted by their kind.
CREATE ROLE regress_closed;
CREATE DATABASE regress_closed_db;
ALTER ROLE regress_closed IN DATABASE regress_closed_db SET pg_session_guard.accept_connections = off;
ALTER ROLE ALL SET pg_session_guard.accept_connections = off;
SELECT close_role('regress_closed') > now() AND close_database('regress_closed_db') > now() AS are_closed;
INSERT INTO session_guard.rule (position, name, roles, idle_session_timeout, enabled)
VALUES (1, 'whole', '{regress_closed}', '1 h', true), (2, 'dangling', '{regress_absent}', '1 h', true),
	(3, 'switched off', '{regress_absent}', '1 h', false);
DO $$
BEGIN
	WHILE (SELECT count(*) <> 3 FROM session_guard.rule_stats) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT name, labels, value FROM session_guard.metrics
WHERE name IN ('pg_session_guard_closed_objects', 'pg_session_guard_rules', 'pg_session_guard_rule_problems')
ORDER BY name COLLATE "C", labels;
DELETE FROM session_guard.rule;
ALTER ROLE ALL RESET pg_session_guard.accept_connections;
SELECT open_role('regress_closed'), open_database('regress_closed_db');
DROP DATABASE regress_closed_db;
DROP ROLE regress_closed;

-- Counters do not count down, until they are set to 0.
CREATE TEMP TABLE before AS SELECT * FROM session_guard.metrics WHERE type = 'counter';
SELECT name, labels, before.value, now.value
FROM before LEFT JOIN session_guard.metrics AS now USING (name, labels)
WHERE now.value >= before.value IS NOT TRUE;
DROP TABLE before;

-- A condition on the name leaves out what is not asked for.
CREATE FUNCTION reads_horizon(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE plan text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan LIKE '%get_horizon%';
END $$;
SELECT reads_horizon('SELECT * FROM session_guard.metrics') AS all_metrics,
	reads_horizon($$SELECT * FROM session_guard.metrics WHERE name = 'pg_session_guard_mode_in_force'$$) AS one,
	reads_horizon($$SELECT * FROM session_guard.metrics
		WHERE name IN ('pg_session_guard_up', 'pg_session_guard_sessions')$$) AS some;
DROP FUNCTION reads_horizon;

-- It is for pg_monitor.
CREATE ROLE regress_nobody;
CREATE ROLE regress_watcher IN ROLE pg_monitor;
SET ROLE regress_nobody;
SELECT count(*) FROM session_guard.metrics;
SELECT * FROM session_guard.get_server_state();
SET ROLE regress_watcher;
SELECT count(*) > 100 AS can_see FROM session_guard.metrics;
SELECT sessions > 0 AS can_see FROM session_guard.get_server_state();
DELETE FROM session_guard.metrics;
RESET ROLE;
DROP ROLE regress_nobody;
DROP ROLE regress_watcher;
DROP EXTENSION pg_session_guard;
