/* pg_session_guard 0.1.0 */

\echo Use "CREATE EXTENSION pg_session_guard" to load this file. \quit

CREATE SCHEMA session_guard;
COMMENT ON SCHEMA session_guard IS 'views of pg_session_guard';
GRANT USAGE ON SCHEMA session_guard TO PUBLIC;

CREATE FUNCTION session_guard.get_stats(
	OUT worker_pid integer,
	OUT worker_start timestamp with time zone,
	OUT wake_ups bigint,
	OUT scans bigint,
	OUT scan_time double precision,
	OUT looks bigint,
	OUT canceled bigint,
	OUT terminated bigint,
	OUT logged bigint,
	OUT raced bigint,
	OUT last_scan timestamp with time zone,
	OUT sessions bigint,
	OUT deadlines bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'session_guard_stats'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION session_guard.get_stats() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_guard.get_stats() TO pg_monitor;
COMMENT ON FUNCTION session_guard.get_stats() IS
	'what the session guard has done since the server started';

CREATE VIEW session_guard.stats AS
	SELECT worker_pid, worker_start, wake_ups, scans, scan_time, looks,
		canceled, terminated, logged, raced, last_scan, sessions, deadlines
	FROM session_guard.get_stats();
REVOKE ALL ON session_guard.stats FROM PUBLIC;
GRANT SELECT ON session_guard.stats TO pg_monitor;
COMMENT ON VIEW session_guard.stats IS
	'what the session guard has done since the server started: one row';
COMMENT ON COLUMN session_guard.stats.worker_pid IS 'process ID of the guard; null while none runs';
COMMENT ON COLUMN session_guard.stats.worker_start IS 'when that process started';
COMMENT ON COLUMN session_guard.stats.wake_ups IS 'times the guard woke up to scan or to look';
COMMENT ON COLUMN session_guard.stats.scans IS 'full reads of backend status';
COMMENT ON COLUMN session_guard.stats.scan_time IS 'time spent in scans, in milliseconds';
COMMENT ON COLUMN session_guard.stats.looks IS 'fresh reads of one session, at its deadline';
COMMENT ON COLUMN session_guard.stats.canceled IS 'statements it sent a cancel to';
COMMENT ON COLUMN session_guard.stats.terminated IS 'sessions it sent a terminate to';
COMMENT ON COLUMN session_guard.stats.logged IS 'lines written with mode = log';
COMMENT ON COLUMN session_guard.stats.raced IS
	'sessions left alone since they had moved on between the decision and the signal';
COMMENT ON COLUMN session_guard.stats.last_scan IS 'time of the last scan';
COMMENT ON COLUMN session_guard.stats.sessions IS 'client sessions found by the last scan';
COMMENT ON COLUMN session_guard.stats.deadlines IS 'deadlines known after the last scan';
