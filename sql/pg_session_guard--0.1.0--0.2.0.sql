/* pg_session_guard 0.1.0 to 0.2.0; a new installation of 0.2.0 runs this after 0.1.0, too */

\echo Use "ALTER EXTENSION pg_session_guard UPDATE TO '0.2.0'" to load this file. \quit

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
			CASE s.root_blockers WHEN '{}' THEN s.blocked_by ELSE s.root_blockers END AS blockers,
			f.limit_name, f.action, f.spared,
			CASE WHEN f.spared IS NULL THEN f.due_at - pg_catalog.clock_timestamp() END AS due_in,
			pg_catalog.regexp_replace(pg_catalog.left(s.query, 100), '\s+', ' ', 'g') AS line
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
				THEN ' +' || pg_catalog.cardinality(blockers) - 2 ELSE '' END AS waits_for,
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
	'how many wait for it, also those that wait behind others of them; null if nobody does';
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
