-- What vacuum waits for, as SQL sees it.  Of all that may hold it back here only this session is
-- sure to do so: each statement has a snapshot.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;
SET application_name = 'regress_horizon';

SELECT attname, format_type(atttypid, atttypmod) AS type, col_description(attrelid, attnum) IS NOT NULL AS says_what_it_is
FROM pg_attribute
WHERE attrelid = 'session_guard.horizon'::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;
SELECT provolatile, proparallel, proretset, prosecdef, proacl IS NULL AS for_everybody
FROM pg_proc WHERE oid = 'session_guard.get_horizon'::regproc;

-- A statement by its snapshot, a transaction that writes by its own ID, too.
SELECT kind, pid = pg_backend_pid() AS is_own_pid, backend_start < now() AS backend_start, name,
	datname, usename = session_user AS is_mine, state, age >= 0 AS age, xid, xmin IS NOT NULL AS xmin,
	catalog_xmin, transaction_age >= '0' AS transaction_age, query LIKE '%is_own_pid%' AS query
FROM session_guard.horizon WHERE is_self;
BEGIN;
SELECT pg_current_xact_id()::xid AS own \gset
SELECT xid = :'own'::xid AS is_own_xid, age > 0 AS age FROM session_guard.horizon WHERE is_self;
-- Each read is fresh, also inside a transaction.
SELECT count(*) FROM session_guard.horizon WHERE is_self AND query LIKE '%each read%';
SELECT count(*) FROM session_guard.horizon WHERE is_self AND query LIKE '%the next%';
COMMIT;
SELECT xid FROM session_guard.horizon WHERE is_self;
-- The oldest comes first.
SELECT count(*) FROM (SELECT age, lag(age) OVER () AS before FROM session_guard.horizon) AS h
WHERE before < age;

-- The session is another role's for as long as the role is set.
CREATE ROLE regress_ordinary;
CREATE ROLE regress_reader IN ROLE pg_read_all_stats;
SET ROLE regress_ordinary;
SELECT kind, is_self, backend_start, name, datname, usename = session_user AS is_mine, state, age,
	xid, xmin, catalog_xmin, transaction_age, query
FROM session_guard.horizon WHERE name = 'regress_horizon';
SET ROLE regress_reader;
SELECT kind, is_self, backend_start IS NOT NULL AS backend_start, state, age >= 0 AS age,
	xmin IS NOT NULL AS xmin, query LIKE '%IS NOT NULL%' AS query
FROM session_guard.horizon WHERE name = 'regress_horizon';
RESET ROLE;
DROP ROLE regress_ordinary;
DROP ROLE regress_reader;
DROP EXTENSION pg_session_guard;
