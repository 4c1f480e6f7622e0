-- The schema that the functions are created in, and what others may have put there.

-- A schema of its own: nobody else may create in it.
CREATE SCHEMA regress_guard;
CREATE EXTENSION pg_session_guard SCHEMA regress_guard;
SELECT outcome FROM regress_guard.terminate_idle_sessions('2 h', 'template1');
ALTER EXTENSION pg_session_guard SET SCHEMA public;
DROP EXTENSION pg_session_guard;

-- Helpers of the same names are in nobody's way, wherever they are.
CREATE FUNCTION regress_guard.terminate_db_sessions(name) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_guard.stop_query() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION public.terminate_idle_sessions(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE regress_guard.cancel_query(int) LANGUAGE sql AS 'SELECT 1';
CREATE EXTENSION pg_session_guard SCHEMA regress_guard;
SELECT proname, count(*), count(obj_description(oid, 'pg_proc')) AS commented
FROM pg_proc
WHERE pronamespace = 'regress_guard'::regnamespace
	AND proname IN ('cancel_query', 'stop_query', 'terminate_db_sessions')
GROUP BY proname ORDER BY proname COLLATE "C";
DROP EXTENSION pg_session_guard;
DROP FUNCTION public.terminate_idle_sessions(text);

-- Where others may create, a function of theirs could be called instead.
CREATE ROLE regress_creator;
CREATE ROLE "Regress, ""Odd""";
CREATE ROLE regress_admin SUPERUSER;
CREATE ROLE regress_owner;
CREATE SCHEMA regress_open AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA regress_open TO PUBLIC;
GRANT CREATE ON SCHEMA regress_open TO regress_admin;
CREATE EXTENSION pg_session_guard SCHEMA regress_open;
DROP EXTENSION pg_session_guard;
GRANT CREATE ON SCHEMA regress_open TO regress_creator, "Regress, ""Odd""";
CREATE EXTENSION pg_session_guard SCHEMA regress_open;
DROP EXTENSION pg_session_guard;
GRANT CREATE ON SCHEMA regress_open TO PUBLIC;
CREATE EXTENSION pg_session_guard SCHEMA regress_open;
DROP EXTENSION pg_session_guard;

SET client_min_messages = warning;
DROP SCHEMA regress_guard, regress_open CASCADE;
DROP ROLE regress_creator, "Regress, ""Odd""", regress_admin, regress_owner;
