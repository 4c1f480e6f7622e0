-- What CREATE EXTENSION installs, for whom, and that it goes without a trace.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;

SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_session_guard')
	AND (classid <> 'pg_type'::regclass OR objid = 'session_guard.result'::regtype)
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- Every object says what it is.
SELECT pg_describe_object(classid, objid, 0) AS uncommented
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_session_guard')
	AND (classid IN ('pg_namespace'::regclass, 'pg_proc'::regclass, 'pg_class'::regclass)
		OR objid = 'session_guard.result'::regtype)
	AND obj_description(objid, classid::regclass::name) IS NULL;

-- The workers count what they do.
DO $$
BEGIN
	WHILE (SELECT worker_pid IS NULL OR history_pid IS NULL FROM session_guard.stats) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT worker_pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_session_guard')
		AS guard_is_shown,
	history_pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_session_guard history')
		AS writer_is_shown,
	worker_start <= now() AS guard_has_started, history_start <= now() AS writer_has_started,
	canceled, terminated, logged, survived, raced, late_p50, events_lost, last_error
FROM session_guard.stats;
SELECT limit_name, deadlines_met, cancels_sent, terminates_sent, canceled, terminated, survived,
	late_max
FROM session_guard.limit_stats;

-- What it has done is for pg_monitor, and nobody but superusers may change it.
CREATE ROLE regress_nobody;
CREATE ROLE regress_watcher IN ROLE pg_monitor;
SET ROLE regress_nobody;
SELECT canceled FROM session_guard.stats;
SELECT canceled FROM session_guard.get_stats();
SELECT canceled FROM session_guard.limit_stats;
SELECT canceled FROM session_guard.get_limit_stats();
SELECT canceled FROM session_guard.rule_stats;
SELECT canceled FROM session_guard.get_rule_stats();
SELECT outcome FROM session_guard.event;
SELECT outcome FROM session_guard.get_events();
SELECT outcome FROM session_guard.history;
SELECT session_guard.reset_stats();
SET ROLE regress_watcher;
SELECT canceled FROM session_guard.stats;
SELECT canceled FROM session_guard.limit_stats;
SELECT canceled FROM session_guard.rule_stats;
SELECT outcome FROM session_guard.event;
SELECT outcome FROM session_guard.history;
INSERT INTO session_guard.history DEFAULT VALUES;
UPDATE session_guard.history SET outcome = 'gone';
DELETE FROM session_guard.history;
TRUNCATE session_guard.history;
SELECT session_guard.reset_stats();
RESET ROLE;
SELECT session_guard.reset_stats();
SELECT stats_reset > worker_start AS is_reset, deadlines_met, requests FROM session_guard.stats;
-- Library and extension are of one version; anybody may ask.  Where the files are not in the server's own
-- folders it may not find them.
SET ROLE regress_nobody;
SELECT library = extension AS library, nullif(installed, extension) AS other, problem FROM session_guard.version;
RESET ROLE;
DROP ROLE regress_nobody;
DROP ROLE regress_watcher;

-- Every column of the history says what it is.
SELECT attname FROM pg_attribute
WHERE attrelid = 'session_guard.history'::regclass AND attnum > 0
	AND col_description(attrelid, attnum) IS NULL;

-- The view of events and the history have the same columns; the function behind the view compares
-- them with those that the library fills.
SELECT attnum, event.attname, event.atttypid::regtype, history.attname, history.atttypid::regtype
FROM (SELECT attnum, attname, atttypid FROM pg_attribute
		WHERE attrelid = 'session_guard.event'::regclass AND attnum > 0) AS event
	FULL JOIN (SELECT attnum, attname, atttypid FROM pg_attribute
		WHERE attrelid = 'session_guard.history'::regclass AND attnum > 0) AS history USING (attnum)
WHERE (event.attname, event.atttypid) IS DISTINCT FROM (history.attname, history.atttypid);
SELECT count(*) AS events FROM session_guard.event;

DROP EXTENSION pg_session_guard;
SELECT count(*) AS left_over FROM pg_namespace WHERE nspname = 'session_guard';
SELECT count(*) AS left_over FROM pg_proc WHERE probin LIKE '%pg_session_guard';
