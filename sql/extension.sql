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

-- The guard counts what it does.
SELECT worker_pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_session_guard')
		AS worker_is_shown,
	worker_start <= now() AS worker_has_started, canceled, terminated, logged, raced
FROM session_guard.stats;

-- Its figures are for pg_monitor.
CREATE ROLE regress_nobody;
CREATE ROLE regress_watcher IN ROLE pg_monitor;
SET ROLE regress_nobody;
SELECT canceled FROM session_guard.stats;
SELECT canceled FROM session_guard.get_stats();
SET ROLE regress_watcher;
SELECT canceled FROM session_guard.stats;
RESET ROLE;
DROP ROLE regress_nobody;
DROP ROLE regress_watcher;

DROP EXTENSION pg_session_guard;
SELECT count(*) AS left_over FROM pg_namespace WHERE nspname = 'session_guard';
SELECT count(*) AS left_over FROM pg_proc WHERE probin LIKE '%pg_session_guard';
