-- Closing and draining: what the functions refuse, what they return, who may call them, and what
-- session_guard.closed shows.  Nobody connects here to what is closed.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;
SELECT current_user AS superuser \gset
CREATE ROLE regress_admin LOGIN SUPERUSER;
\c - regress_admin
CREATE ROLE regress_web LOGIN;
CREATE ROLE regress_owner LOGIN;
CREATE ROLE regress_dba LOGIN CREATEROLE;
CREATE ROLE "Regress, ""Odd""";
GRANT regress_web TO regress_dba WITH ADMIN OPTION;
CREATE DATABASE regress_shop OWNER regress_owner;
CREATE DATABASE "regress, ""odd""";
-- A while is left of an hour.
CREATE VIEW closed AS
	SELECT datname, usename, closed_by, reason, since <= now() + '1 min' AS is_since,
		CASE WHEN until = 'infinity' THEN 'infinity'
			ELSE ceil(extract(epoch FROM until - clock_timestamp()) / 60) || ' min' END AS until,
		refused, drained_by, sessions_left
	FROM session_guard.closed
	ORDER BY datname COLLATE "C", usename COLLATE "C", closed_by COLLATE "C";
GRANT SELECT ON closed TO PUBLIC;
SELECT attname, format_type(atttypid, atttypmod) AS type
FROM pg_attribute
WHERE attrelid = 'session_guard.closed'::regclass AND attnum > 0
ORDER BY attnum;
SELECT attname FROM pg_attribute
WHERE attrelid = 'session_guard.closed'::regclass AND attnum > 0
	AND col_description(attrelid, attnum) IS NULL;
SELECT * FROM closed;

-- Nothing but the reason may be missing, names must exist, and a time is to come.
SELECT close_database(NULL);
SELECT close_database(ARRAY['regress_shop', NULL]);
SELECT close_database(ARRAY[]::text[]);
SELECT close_database('regress_no_such_database');
SELECT close_database(ARRAY['regress_shop', 'regress_no_such_database']);
SELECT close_database('{regress_shop,postgres}');
SELECT close_database('');
SELECT close_database('regress_shop', for_time => NULL);
SELECT close_database('regress_shop', for_time => '0');
SELECT close_database('regress_shop', for_time => '1 mon -30 days');
SELECT close_database('regress_shop', for_time => '-1 us');
SELECT close_database('regress_shop', for_time => '178000000 years');
SELECT close_role(NULL);
SELECT close_role('regress_no_such_role');
SELECT close_role('PUBLIC');
SELECT close_role('{regress_web,regress_dba}');
SELECT close_role('regress_web', for_time => '0');
SELECT close_role('regress_web', for_time => '178000000 years');
SELECT open_database(NULL);
SELECT open_database('regress_no_such_database');
SELECT open_role(NULL);
SELECT open_role('regress_no_such_role');
SELECT * FROM closed;

-- For an hour, or as long as is said; who closes again replaces what was said before.
SELECT close_database('regress_shop') - now() BETWEEN '59 min' AND '61 min' AS is_in_an_hour;
SELECT * FROM closed;
SELECT close_database('regress_shop', 'deployment 4.2', '2 h') - now() BETWEEN '119 min' AND '121 min' AS is_in_two_hours;
SELECT * FROM closed;
SELECT close_database('regress_shop', '', '2 h') IS NOT NULL AS an_empty_reason_is_none;
SELECT reason FROM closed;
SELECT close_database('regress_shop', repeat('x', 600)) IS NOT NULL AS closed;
SELECT length(reason) FROM closed;
-- As far away as can be told.
SELECT close_database('regress_shop', for_time => '100000 years') > '100000-01-01' AS is_far_away;
SELECT until > '100000-01-01' AS is_far_away FROM session_guard.closed;
-- Several at once, and of any name.
SELECT close_database(ARRAY['regress_shop', 'regress, "odd"', 'regress_shop'], E'line\nbreak, "quotes"') IS NOT NULL AS closed;
SELECT close_role(ARRAY['regress_web', 'Regress, "Odd"', 'pg_monitor']) IS NOT NULL AS closed;
SELECT * FROM closed;
-- What is not closed is told of, and the others are opened.
SELECT open_database(ARRAY['regress_shop', 'regress_shop', 'regress, "odd"']);
SELECT open_database('regress, "odd"');
SELECT open_role(ARRAY['regress_web', 'regress_dba']);
SELECT open_role(ARRAY['Regress, "Odd"', 'pg_monitor']);
SELECT * FROM closed;
-- What is dropped is shown no more, and is not taken for what gets its name.
SELECT close_database('regress, "odd"') IS NOT NULL AS closed;
SELECT close_role('Regress, "Odd"') IS NOT NULL AS closed;
DROP DATABASE "regress, ""odd""";
DROP ROLE "Regress, ""Odd""";
SELECT * FROM closed;
CREATE DATABASE "regress, ""odd""";
CREATE ROLE "Regress, ""Odd""";
SELECT * FROM closed;
SELECT open_database('regress, "odd"');
DROP ROLE "Regress, ""Odd""";
-- What is renamed stays closed.
SELECT close_database('regress, "odd"') IS NOT NULL AS closed;
ALTER DATABASE "regress, ""odd""" RENAME TO regress_odd;
SELECT * FROM closed;
SELECT open_database('regress_odd');
-- A transaction that is rolled back has closed all the same: there is nothing to undo it from.
BEGIN;
SELECT close_database('regress_odd') IS NOT NULL AS closed;
ROLLBACK;
SELECT * FROM closed;
SELECT open_database('regress_odd');

-- A database is closed by its owner, a role by who may alter it; superusers are not kept out.
SELECT close_role('regress_admin');
SELECT close_role(ARRAY['regress_web', 'regress_admin']);
SELECT open_role('regress_admin');
SELECT * FROM closed;
\c - regress_web
SELECT close_database('regress_shop');
SELECT close_database(current_database()::text);
SELECT open_database('regress_shop');
SELECT * FROM drain_database('regress_shop');
SELECT * FROM drain_database('regress_shop', dry_run => true);
SELECT close_role('regress_owner');
SELECT close_role('regress_web');
SELECT open_role('regress_web');
SELECT * FROM drain_role('regress_owner');
SELECT close_role('regress_admin');
\c - regress_owner
SELECT close_database(ARRAY['regress_shop', 'regress_odd']);
SELECT * FROM closed;
SELECT close_database('regress_shop', 'mine') IS NOT NULL AS closed;
SELECT * FROM closed;
SELECT close_role('regress_web');
\c - regress_dba
SELECT close_database('regress_shop');
SELECT close_role('regress_web', 'altered') IS NOT NULL AS closed;
SELECT close_role('regress_admin');
SELECT * FROM drain_role('regress_admin');
SELECT open_role('regress_web');
-- A superuser opens what somebody else has closed.
\c - regress_admin
SELECT open_database('regress_shop');
SELECT * FROM closed;

-- Draining: not the own database, nor one of a list.
SELECT * FROM drain_database(current_database()::text);
SELECT * FROM drain_database(ARRAY['regress_shop', current_database()::text], dry_run => true);
SELECT * FROM drain_database(NULL);
SELECT * FROM drain_database('regress_no_such_database');
SELECT * FROM drain_database('regress_shop', deadline => '-1 s');
SELECT * FROM drain_database('regress_shop', keep_closed_for => '178000000 years');
SELECT * FROM drain_role('regress_admin');
SELECT * FROM closed;
-- An empty one is drained at once, and stays closed for a minute, or as long as is said.
SELECT * FROM drain_database('regress_shop');
SELECT * FROM closed;
SELECT open_database('regress_shop');
SELECT * FROM drain_database('regress_shop', '1 h', '2 h', 'move', false, '1 h');
SELECT * FROM closed;
SELECT open_database('regress_shop');
SELECT * FROM drain_database('regress_shop', '0', '0');
SELECT * FROM drain_database(ARRAY['regress_shop', 'regress_odd'], deadline => '178000000 years', keep_closed_for => '5 min');
SELECT * FROM closed;
-- What is closed on its own stays closed after a drain that does not keep it so.
SELECT open_database(ARRAY['regress_shop', 'regress_odd']);
SELECT close_database('regress_shop', 'before') IS NOT NULL AS closed;
SELECT * FROM drain_database('regress_shop', keep_closed_for => '0');
SELECT * FROM closed;
-- Both count, and are opened together.
SELECT * FROM drain_database('regress_shop', keep_closed_for => '30 min');
SELECT * FROM closed;
SELECT open_database('regress_shop');
SELECT * FROM closed;
SELECT * FROM drain_role(ARRAY['regress_owner', 'regress_web'], keep_closed_for => '10 min', reason => 'leaves');
SELECT * FROM closed;
SELECT open_role(ARRAY['regress_owner', 'regress_web']);
-- A dry run closes nothing.
SELECT * FROM drain_database('regress_shop', dry_run => true);
SELECT * FROM drain_role('regress_owner', dry_run => true);
SELECT * FROM closed;

-- accept_connections: not for a session to say.
SET pg_session_guard.accept_connections = on;
SELECT set_config('pg_session_guard.accept_connections', 'off', false);
SET pg_session_guard.closed_bypass_role = 'regress_web';
ALTER ROLE regress_web SET pg_session_guard.closed_bypass_role = 'regress_web';
ALTER ROLE regress_web SET pg_session_guard.accept_connections = 'perhaps';
SHOW pg_session_guard.accept_connections;
-- What is stored is shown, in whatever words, and can be stored by whom that was granted to.
ALTER DATABASE regress_shop SET pg_session_guard.accept_connections = off;
ALTER ROLE regress_web SET pg_session_guard.accept_connections = 'no';
ALTER ROLE regress_web IN DATABASE regress_shop SET pg_session_guard.accept_connections = 0;
ALTER ROLE regress_owner IN DATABASE regress_shop SET pg_session_guard.accept_connections = on;
ALTER ROLE ALL SET pg_session_guard.accept_connections = 'FALSE';
SELECT close_database('regress_shop', 'for now') IS NOT NULL AS closed;
SELECT * FROM closed;
SELECT open_database('regress_shop');
ALTER ROLE ALL RESET pg_session_guard.accept_connections;
ALTER DATABASE regress_shop SET "PG_session_guard.Accept_Connections" = 'OF';
SELECT * FROM closed;
SELECT open_database('regress_shop');
ALTER DATABASE regress_shop SET pg_session_guard.accept_connections = on;
ALTER ROLE regress_web RESET pg_session_guard.accept_connections;
SELECT * FROM closed;
SET ROLE regress_dba;
ALTER ROLE regress_web SET pg_session_guard.accept_connections = off;
RESET ROLE;
GRANT SET ON PARAMETER pg_session_guard.accept_connections TO regress_dba;
SET ROLE regress_dba;
ALTER ROLE regress_web SET pg_session_guard.accept_connections = off;
SELECT * FROM closed;
RESET ROLE;
REVOKE SET ON PARAMETER pg_session_guard.accept_connections FROM regress_dba;

-- Everybody is shown what is closed.
SELECT close_database('regress_shop', 'told to all') IS NOT NULL AS closed;
SET ROLE regress_owner;
SELECT * FROM closed;
RESET ROLE;
SELECT open_database('regress_shop');

DROP VIEW closed;
DROP DATABASE regress_shop;
DROP DATABASE regress_odd;
\c - :superuser
DROP ROLE regress_web, regress_owner, regress_dba, regress_admin;
DROP EXTENSION pg_session_guard;
