-- The view for \watch: its columns, and who may read it.  What it shows of others is for a TAP test,
-- since the session that asks is not in it.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;

SELECT attname, format_type(atttypid, atttypmod) AS type,
	col_description(attrelid, attnum) IS NOT NULL AS says_what_it_is
FROM pg_attribute
WHERE attrelid = 'session_guard.top'::regclass AND attnum > 0
ORDER BY attnum;

CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT pid FROM session_guard.top WHERE pid = pg_backend_pid();
RESET ROLE;
SELECT pid FROM session_guard.top WHERE pid = pg_backend_pid();

DROP ROLE regress_nobody;
DROP EXTENSION pg_session_guard;
