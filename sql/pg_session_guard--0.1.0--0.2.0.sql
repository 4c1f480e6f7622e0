/* pg_session_guard 0.1.0 to 0.2.0; a new installation of 0.2.0 runs this after 0.1.0, too */

\echo Use "ALTER EXTENSION pg_session_guard UPDATE TO '0.2.0'" to load this file. \quit

-- Operators, those of CASE and IN among them, are the server's own, whatever there is where the
-- extension is created.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The server may still have the library that it was started with, or that on disk may be older than
-- this script.  A later library has all that is asked for here.
LOAD 'MODULE_PATHNAME';
DO $$
DECLARE
	-- 0.1.0 does not tell.
	library pg_catalog.text := coalesce(pg_catalog.current_setting('pg_session_guard.version', true), '0.1.0');
BEGIN
	IF pg_catalog.string_to_array(library, '.')::pg_catalog.int4[] OPERATOR(pg_catalog.<) ARRAY[0, 2, 0] THEN
		RAISE object_not_in_prerequisite_state USING
			MESSAGE = 'version 0.2.0 of extension "pg_session_guard" needs a library of that version or a later one',
			DETAIL = pg_catalog.concat('The server has loaded version ', library, '.'),
			HINT = 'If the files of version 0.2.0 are installed, restart the server, and repeat the command.';
	END IF;
END $$;

-- The servers of a cluster share a history by replication.  Its writer fills in what the library has
-- for it, and the default, which is computed where the row is written, tells where that was.
ALTER TABLE session_guard.history ADD COLUMN node text;
ALTER TABLE session_guard.history ALTER COLUMN node
	SET DEFAULT NULLIF(pg_catalog.current_setting('pg_session_guard.node', true), '');
COMMENT ON COLUMN session_guard.history.node IS
	'pg_session_guard.node of the server that it was done on; null if that is not set';
CREATE OR REPLACE VIEW session_guard.event AS
	SELECT *, NULLIF(pg_catalog.current_setting('pg_session_guard.node', true), '') AS node
	FROM session_guard.get_events();
COMMENT ON COLUMN session_guard.event.node IS
	'pg_session_guard.node of this server; null if that is not set';

CREATE VIEW session_guard.version AS
	SELECT *,
		CASE
			WHEN library IS NULL
				THEN 'the library is not loaded: add pg_session_guard to shared_preload_libraries, and restart the server'
			WHEN pg_catalog.string_to_array(installed, '.')::pg_catalog.int4[]
					< pg_catalog.string_to_array(extension, '.')::pg_catalog.int4[]
				THEN 'the installed files are older than the extension: install those of its version, and restart the server'
			WHEN library <> installed
				THEN 'the server has not loaded the installed version: restart the server'
			WHEN pg_catalog.string_to_array(library, '.')::pg_catalog.int4[]
					< pg_catalog.string_to_array(extension, '.')::pg_catalog.int4[]
				THEN 'the library is older than the extension: install that of the same version, and restart the server'
			WHEN pg_catalog.string_to_array(library, '.')::pg_catalog.int4[]
					> pg_catalog.string_to_array(extension, '.')::pg_catalog.int4[]
				THEN 'the extension is older than the library: run ALTER EXTENSION pg_session_guard UPDATE in this database'
		END AS problem
	-- What only this session has loaded guards nobody: then a setting of the postmaster is none.
	-- 0.1.0 does not tell its version.
	FROM (SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_settings
					WHERE name = 'pg_session_guard.database' AND context = 'postmaster')
				THEN coalesce(pg_catalog.current_setting('pg_session_guard.version', true), '0.1.0')
			END AS library,
			(SELECT extversion FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'pg_session_guard') AS extension,
			(SELECT default_version FROM pg_catalog.pg_available_extensions() WHERE name OPERATOR(pg_catalog.=) 'pg_session_guard') AS installed)
		AS versions;
GRANT SELECT ON session_guard.version TO PUBLIC;
COMMENT ON VIEW session_guard.version IS 'the versions of library, extension and installed files, and what to do if they differ: one row';
COMMENT ON COLUMN session_guard.version.library IS 'of the library that the server has preloaded; null if none is';
COMMENT ON COLUMN session_guard.version.extension IS 'of the extension in this database';
COMMENT ON COLUMN session_guard.version.installed IS 'of the files on disk, which ALTER EXTENSION UPDATE leads to';
COMMENT ON COLUMN session_guard.version.problem IS 'what to do since they differ; null if they do not';

-- For a terminal: few columns, each narrow.  What is cut ends in "+".
CREATE VIEW session_guard.top AS
	WITH session AS MATERIALIZED (
		SELECT * FROM session_guard.session),
	-- Who is at the end of a chain of waits keeps all of it waiting.
	root AS (
		SELECT r.pid, pg_catalog.count(*)::integer AS blocks
		FROM session AS s CROSS JOIN LATERAL pg_catalog.unnest(s.root_blockers) AS r (pid)
		GROUP BY r.pid),
	-- Of each session what comes first; of one that is spared what would, or what spares it for good.
	forecast AS (
		SELECT DISTINCT ON (pid, backend_start)
			pid, backend_start, state, limit_name, action, due_at, spared
		FROM session_guard.schedule
		WHERE due_at IS NOT NULL OR spared IS NOT NULL
		ORDER BY pid, backend_start, spared IS NOT NULL, since IS NULL, due_at),
	seen AS (
		SELECT s.*,
			GREATEST(s.blocks, root.blocks) AS all_blocks,
			CASE WHEN s.root_blockers OPERATOR(pg_catalog.=) '{}' THEN s.blocked_by ELSE s.root_blockers END AS blockers,
			f.limit_name, f.action, f.spared,
			CASE WHEN f.spared IS NULL THEN f.due_at - pg_catalog.clock_timestamp() END AS due_in,
			pg_catalog.btrim(pg_catalog.regexp_replace(pg_catalog.left(s.query, 100), '\s+', ' ', 'g')) AS line
		FROM session AS s
			LEFT JOIN root USING (pid)
			-- Who has done something else since it was read is not said to be ended for that.
			LEFT JOIN forecast AS f USING (pid, backend_start, state)
		WHERE NOT s.is_self OR s.blocks > 0)
	SELECT pid, usename, datname,
		CASE WHEN pg_catalog.length(application_name) > 12
			THEN pg_catalog.left(application_name, 11) || '+'
			ELSE application_name
		END AS application,
		CASE state
			WHEN 'idle in transaction' THEN 'idle in xact'
			WHEN 'idle in transaction (aborted)' THEN 'failed xact'
			WHEN 'fastpath function call' THEN 'function'
			ELSE state
		END AS activity,
		pg_catalog.date_trunc('second', state_age) AS state_age,
		NULLIF(all_blocks, 0) AS blocks,
		(SELECT pg_catalog.string_agg(CASE b WHEN 0 THEN 'prepared' ELSE b::text END, ' ' ORDER BY b)
			FROM pg_catalog.unnest(blockers[:2]) AS b)
			|| CASE WHEN pg_catalog.cardinality(blockers) > 2
				THEN pg_catalog.concat(' +', pg_catalog.cardinality(blockers) - 2) ELSE '' END AS waits_for,
		pg_catalog.pg_size_pretty(memory) AS memory,
		pg_catalog.date_trunc('second', CASE WHEN due_in < '0' THEN '0' ELSE due_in END) AS due_in,
		CASE WHEN spared IS NULL THEN action ELSE 'spared' END AS action,
		COALESCE(spared, pg_catalog.replace(pg_catalog.replace(limit_name, '_timeout', ''), '_session', ''))
			AS reason,
		CASE WHEN pg_catalog.length(line) > 30
			THEN pg_catalog.left(line, 29) || '+'
			ELSE line
		END AS query
	FROM seen
	ORDER BY all_blocks DESC,
		COALESCE(state <> 'idle' OR seen.due_in < '1 min', false) DESC,
		spared IS NOT NULL, seen.due_in, seen.state_age DESC, pid;
GRANT SELECT ON session_guard.top TO PUBLIC;
COMMENT ON VIEW session_guard.top IS
	'who is there, for \watch, the most urgent first: who keeps most others waiting; then whose end is nearest, of those who are at something or have less than a minute; without the session that asks, unless it is waited for';
COMMENT ON COLUMN session_guard.top.pid IS 'process ID';
COMMENT ON COLUMN session_guard.top.usename IS 'role that it logged in as';
COMMENT ON COLUMN session_guard.top.datname IS 'database';
COMMENT ON COLUMN session_guard.top.application IS
	'what the client calls itself, up to 12 characters';
COMMENT ON COLUMN session_guard.top.activity IS
	'the state of pg_stat_activity in short: "idle in xact" is idle in transaction, "failed xact" the same after an error, "function" a fastpath function call';
COMMENT ON COLUMN session_guard.top.state_age IS 'how long it has been at that';
COMMENT ON COLUMN session_guard.top.blocks IS
	'how many wait for it: of who waits for nobody itself also those behind others; null if nobody does';
COMMENT ON COLUMN session_guard.top.waits_for IS
	'who is at the end of the chain of waits for locks that it is in: pids, at most two, and how many more there are; "prepared" is a prepared transaction';
COMMENT ON COLUMN session_guard.top.memory IS
	'what it and its parallel workers have for themselves, without shared memory';
COMMENT ON COLUMN session_guard.top.due_in IS
	'how long until the guard acts if it goes on so; null if it is spared at this moment, or nothing is to come';
COMMENT ON COLUMN session_guard.top.action IS
	'what is done then: cancel, terminate or log; or spared';
COMMENT ON COLUMN session_guard.top.reason IS
	'for which limit, as its setting is called without _timeout or _session_timeout; or why it is spared';
COMMENT ON COLUMN session_guard.top.query IS
	'its statement, or the last one, in one line: up to 30 characters';

CREATE FUNCTION session_guard.get_server_state(
	OUT sessions integer,
	OUT connections integer,
	OUT free_connections integer,
	OUT idle_in_transaction_age interval,
	OUT lock_wait_age interval)
RETURNS record
AS 'MODULE_PATHNAME', 'session_guard_server_state'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION session_guard.get_server_state() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_guard.get_server_state() TO pg_monitor;
COMMENT ON FUNCTION session_guard.get_server_state() IS
	'what session_guard.metrics shows of the server as it is now';

-- A condition on the name leaves out of the plan what it does not ask for: exporters that ask for
-- each metric by itself do not read all of them each time.
CREATE VIEW session_guard.metrics AS
	SELECT m.name, '{}'::pg_catalog.jsonb AS labels, m.value, m.type, m.help
	FROM session_guard.get_stats() AS s
		CROSS JOIN session_guard.get_server_state() AS n
		CROSS JOIN LATERAL (VALUES
			('pg_session_guard_up', 'gauge',
				(s.worker_pid IS NOT NULL)::pg_catalog.int4::pg_catalog.float8,
				'1 while the guard runs, else 0'),
			('pg_session_guard_history_writer_up', 'gauge',
				(s.history_pid IS NOT NULL)::pg_catalog.int4::pg_catalog.float8,
				'1 while the history writer runs, else 0; none runs on a standby'),
			('pg_session_guard_in_recovery', 'gauge',
				pg_catalog.pg_is_in_recovery()::pg_catalog.int4::pg_catalog.float8,
				'1 on a standby, else 0'),
			('pg_session_guard_heartbeat_age_seconds', 'gauge',
				pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
					coalesce(s.last_heartbeat, pg_catalog.pg_postmaster_start_time())),
				'how long ago a guard last gave a sign of life, or since the start of the server'),
			('pg_session_guard_scan_overdue_seconds', 'gauge',
				coalesce(greatest(0, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
					OPERATOR(pg_catalog.-) pg_catalog.date_part('epoch', s.next_scan)), 0),
				'how long ago the next scan was due; 0 if it is not yet, or no guard runs'),
			('pg_session_guard_deadlines', 'gauge', coalesce(s.deadlines, 0),
				'deadlines known after the last scan'),
			('pg_session_guard_sessions', 'gauge', n.sessions, 'sessions of clients'),
			('pg_session_guard_connections', 'gauge', n.connections,
				'connections that there are for everybody, without those that are reserved'),
			('pg_session_guard_free_connections', 'gauge', n.free_connections,
				'how many of them are free'),
			('pg_session_guard_oldest_idle_in_transaction_seconds', 'gauge',
				coalesce(pg_catalog.date_part('epoch', n.idle_in_transaction_age), 0),
				'how long the session has been idle in transaction that has been for longest'),
			('pg_session_guard_longest_blocker_seconds', 'gauge',
				coalesce(pg_catalog.date_part('epoch', n.lock_wait_age), 0),
				'how long whoever has waited longest for a lock has been blocked'),
			('pg_session_guard_prepared_over_age', 'gauge', coalesce(s.prepared_over_age, 0),
				'prepared transactions that are older than max_prepared_age'),
			('pg_session_guard_events_lost', 'gauge', s.events_lost,
				'events that have given way before they were in the history; corrected if one is written after all'),
			('pg_session_guard_stats_reset_timestamp_seconds', 'gauge',
				pg_catalog.date_part('epoch', s.stats_reset), 'since when the counters count'),
			('pg_session_guard_wake_ups_total', 'counter', s.wake_ups,
				'times the guard woke up to scan or to evaluate a session'),
			('pg_session_guard_scans_total', 'counter', s.scans, 'full reads of backend status'),
			('pg_session_guard_scan_seconds_total', 'counter',
				s.scan_time OPERATOR(pg_catalog./) 1000, 'time spent in scans'),
			('pg_session_guard_evaluations_total', 'counter', s.evaluations,
				'fresh reads of one session, at its deadline'),
			('pg_session_guard_lock_skips_total', 'counter', s.lock_skips,
				'times a catalog was locked and the guard went on without reading it'),
			('pg_session_guard_requests_total', 'counter', s.requests,
				'signals sent at the request of somebody who called a function'),
			('pg_session_guard_prepared_named_total', 'counter', s.prepared_named,
				'prepared transactions that the log has told of for their age'),
			('pg_session_guard_history_rows_total', 'counter', s.history_rows,
				'rows that the history writer has written'),
			('pg_session_guard_history_failures_total', 'counter', s.history_failures,
				'times that the history writer failed')
		) AS m (name, type, value, help)
	UNION ALL
	SELECT 'pg_session_guard_node_info',
		pg_catalog.jsonb_build_object('node_name', pg_catalog.current_setting('pg_session_guard.node'),
			'version', pg_catalog.current_setting('pg_session_guard.version')),
		1, 'gauge', '1; its labels are the name of the node and the version of the library'
	UNION ALL
	SELECT 'pg_session_guard_mode_in_force', pg_catalog.jsonb_build_object('mode', m.mode),
		coalesce(s.mode OPERATOR(pg_catalog.=) m.mode, false)::pg_catalog.int4, 'gauge',
		'1 for the mode that the guard goes by, 0 for the others, and for all while no guard runs'
	FROM session_guard.get_stats() AS s
		CROSS JOIN (VALUES ('enforce'), ('log'), ('off')) AS m (mode)
	UNION ALL
	SELECT 'pg_session_guard_limit_in_force', pg_catalog.jsonb_build_object('limit', l.limit_name),
		coalesce(l.limit_name OPERATOR(pg_catalog.=) ANY (s.limits), false)::pg_catalog.int4, 'gauge',
		'1 if the limit is in force, for the server or for some roles or databases, else 0'
	FROM session_guard.get_stats() AS s
		CROSS JOIN session_guard.get_limit_stats() AS l
	UNION ALL
	SELECT 'pg_session_guard_actions_total',
		pg_catalog.jsonb_build_object('limit', l.limit_name, 'action', a.action), a.value, 'counter',
		'what the guard has done, by limit: lines written with mode = log, cancels and terminates sent'
	FROM session_guard.get_limit_stats() AS l
		CROSS JOIN LATERAL (VALUES ('log', l.logged), ('cancel', l.cancels_sent),
			('terminate', l.terminates_sent)) AS a (action, value)
	UNION ALL
	SELECT 'pg_session_guard_outcomes_total',
		pg_catalog.jsonb_build_object('limit', l.limit_name, 'outcome', o.outcome), o.value, 'counter',
		'what became of that, by limit: confirmed (canceled, terminated), survived, gone before the signal, raced'
	FROM session_guard.get_limit_stats() AS l
		CROSS JOIN LATERAL (VALUES ('canceled', l.canceled), ('terminated', l.terminated),
			('survived', l.survived), ('gone', l.gone), ('raced', l.raced)) AS o (outcome, value)
	UNION ALL
	SELECT o.name, pg_catalog.jsonb_build_object('limit', l.limit_name),
		pg_catalog.date_part('epoch', o.late), 'gauge', o.help
	FROM session_guard.get_limit_stats() AS l
		CROSS JOIN LATERAL (VALUES
			('pg_session_guard_lateness_p50_seconds', l.late_p50,
				'how late punctual actions were, by limit: the median; nothing of a limit without any'),
			('pg_session_guard_lateness_p99_seconds', l.late_p99,
				'how late 99 percent of them were at most'),
			('pg_session_guard_lateness_max_seconds', l.late_max, 'how late the latest was')
		) AS o (name, late, help)
	WHERE o.late IS NOT NULL
	UNION ALL
	SELECT 'pg_session_guard_horizon_age_transactions',
		pg_catalog.jsonb_build_object('kind', k.kind), coalesce(pg_catalog.max(h.age), 0), 'gauge',
		'by how many transactions holders of a kind hold vacuum back, without the session that asks'
	FROM (VALUES ('session'), ('prepared transaction'), ('replication slot'), ('standby'),
			('other process')) AS k (kind)
		LEFT JOIN session_guard.get_horizon() AS h
			ON k.kind OPERATOR(pg_catalog.=) CASE WHEN h.kind IN ('session',
				'prepared transaction', 'replication slot', 'standby') THEN h.kind ELSE 'other process' END
				AND NOT h.is_self
	GROUP BY k.kind
	UNION ALL
	SELECT 'pg_session_guard_closed_objects', pg_catalog.jsonb_build_object('kind', k.kind),
		pg_catalog.count(c.*), 'gauge',
		'what is closed to new connections: databases, roles, roles in one database, or all roles everywhere'
	FROM (VALUES ('database', true, false), ('role', false, true), ('role in database', true, true), ('server', false, false))
			AS k (kind, has_database, has_role)
		LEFT JOIN session_guard.closed AS c
			ON k.has_database OPERATOR(pg_catalog.=) (c.datname IS NOT NULL)
				AND k.has_role OPERATOR(pg_catalog.=) (c.usename IS NOT NULL)
	GROUP BY k.kind
	UNION ALL
	SELECT r.name, '{}'::pg_catalog.jsonb, r.value, 'gauge', r.help
	FROM (SELECT pg_catalog.count(*) AS rules, pg_catalog.count(problem) AS problems
			FROM session_guard.get_rule_stats() WHERE enabled) AS s
		CROSS JOIN LATERAL (VALUES
			('pg_session_guard_rules', s.rules, 'rules that are enabled'),
			('pg_session_guard_rule_problems', s.problems,
				'how many of them do not select as they were written')) AS r (name, value, help);
REVOKE ALL ON session_guard.metrics FROM PUBLIC;
GRANT SELECT ON session_guard.metrics TO pg_monitor;
COMMENT ON VIEW session_guard.metrics IS
	'the state of the guard and what it has done, for monitoring: one row per series';
COMMENT ON COLUMN session_guard.metrics.name IS 'the metric, as Prometheus names them';
COMMENT ON COLUMN session_guard.metrics.labels IS
	'which of its series: limit, action, outcome, mode, kind, node_name or version, and never a session';
COMMENT ON COLUMN session_guard.metrics.value IS 'its value now';
COMMENT ON COLUMN session_guard.metrics.type IS
	'counter (grows until it is set to 0) or gauge';
COMMENT ON COLUMN session_guard.metrics.help IS 'what it tells';
