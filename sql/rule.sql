-- The table of rules: what is refused, what is warned of, and who may write them.  Whom rules bind is
-- not looked at here.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;
CREATE ROLE regress_web;
CREATE ROLE "Regress, ""Odd"" é";
\set VERBOSITY terse

\pset format unaligned

-- Columns, and what each is for.
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, pg_get_expr(adbin, adrelid) AS default
FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
WHERE attrelid = 'session_guard.rule'::regclass AND attnum > 0
ORDER BY attnum;
SELECT attname FROM pg_attribute
WHERE attrelid = 'session_guard.rule'::regclass AND attnum > 0
	AND col_description(attrelid, attnum) IS NULL;
-- They fire in replicas, too.
SELECT tgname, pg_get_triggerdef(oid) AS definition, tgenabled FROM pg_trigger
WHERE tgrelid = 'session_guard.rule'::regclass AND NOT tgisinternal ORDER BY tgname;

-- A rule has a name and a position, and says something.
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (1, 'first', '5 s');
TABLE session_guard.rule \gx
INSERT INTO session_guard.rule (name, statement_timeout) VALUES ('nowhere', '5 s');
INSERT INTO session_guard.rule (position, statement_timeout) VALUES (2, '5 s');
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (2, '', '5 s');
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (2, 'first', '5 s');
INSERT INTO session_guard.rule (position, name) VALUES (2, 'mute');
INSERT INTO session_guard.rule (position, name, comment) VALUES (2, 'mute', 'no limit');
INSERT INTO session_guard.rule (position, name, enabled, roles) VALUES (2, 'mute', false, '{regress_web}');
UPDATE session_guard.rule SET statement_timeout = NULL;
INSERT INTO session_guard.rule (position, name, statement_timeout, enabled) VALUES (2, 'maybe', '5 s', NULL);
INSERT INTO session_guard.rule (position, name, statement_timeout, mode) VALUES (2, 'modeless', '5 s', NULL);
INSERT INTO session_guard.rule (position, name, statement_timeout, mode) VALUES (2, 'off', '5 s', 'off');
INSERT INTO session_guard.rule (position, name, statement_timeout, mode) VALUES (2, 'log', '5 s', 'LOG');
TRUNCATE session_guard.rule;

-- No two are at the same position, but they may change places.
INSERT INTO session_guard.rule (position, name, statement_timeout)
	SELECT n, 'rule ' || n, '5 s' FROM generate_series(1, 3) AS n;
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (2, 'tie', '5 s');
UPDATE session_guard.rule SET position = 2 WHERE name = 'rule 1';
UPDATE session_guard.rule SET position = position + 1;
UPDATE session_guard.rule SET position = 6 - position;
SELECT position, name FROM session_guard.rule ORDER BY position;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE session_guard.rule SET position = 3 WHERE name = 'rule 1';
UPDATE session_guard.rule SET position = 4 WHERE name = 'rule 2';
COMMIT;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE session_guard.rule SET position = 4 WHERE name = 'rule 1';
COMMIT;
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (-2147483648, 'before', '5 s');
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (7, 'rule 1', '7 s'), (8, 'rule 8', '8 s')
	ON CONFLICT (name) DO UPDATE SET statement_timeout = excluded.statement_timeout;
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (9, 'rule 1', '9 s')
	ON CONFLICT (name) DO NOTHING;
SELECT position, name, statement_timeout FROM session_guard.rule ORDER BY position;
DELETE FROM session_guard.rule;

-- What becomes of a rule that says this beside its name: it is inserted, and deleted again, or the error.
CREATE FUNCTION try(columns jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO session_guard.rule
		SELECT * FROM jsonb_populate_record(NULL::session_guard.rule,
			'{"position": 1, "name": "tried", "enabled": true, "mode": "enforce"}' || columns);
	DELETE FROM session_guard.rule;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN regexp_replace(sqlerrm, '^new row for relation "rule" violates check constraint', 'refused by');
END $$;
CREATE FUNCTION try(column_name text, value text) RETURNS text
	RETURN try(jsonb_build_object('idle_session_timeout', '5 s', 'roles', '{regress_web}', column_name, value));

-- Lists of names, and of networks: one dimension from wherever it begins, something in it, no null.
SELECT c AS list, names, try(c, names)
FROM unnest(ARRAY['databases', 'roles', 'except_roles']) WITH ORDINALITY AS lists (c, n),
	unnest(ARRAY['{}', '{NULL}', '{postgres,NULL}', '{NULL,postgres}', '{""}', '{postgres,""}', '{{postgres},{postgres}}',
		'{{NULL,postgres}}', '{{""}}', 'postgres']) WITH ORDINALITY AS given (names, m)
ORDER BY n, m;
SELECT names, try('databases', names)
FROM unnest(ARRAY['{postgres}', '{postgres,postgres}', '{postgres,template1}', '[-7:-6]={postgres,template1}'])
	WITH ORDINALITY AS given (names, m)
ORDER BY m;
SELECT networks, try('client_addr', networks)
FROM unnest(ARRAY['{}', '{NULL}', '{10.0.0.0/8,NULL}', '{{10.0.0.0/8},{::1}}', '{{10.0.0.0/8,NULL}}', '{10.0.0.1/8}',
		'{fe80::1/10}', '{10.0.0.0/33}', '{::/129}', '{here}', '10.0.0.0/8',
		'{10.0.0.0/8}', '{10.1}', '{10.1.2.3}', '{fe80::/10}', '{::1}', '{0.0.0.0/0,::/0}', '[5:6]={10.0.0.0/8,2001:db8::/32}',
		'{::ffff:10.0.0.0/104}']) WITH ORDINALITY AS given (networks, m)
ORDER BY m;

-- Patterns do not end in the middle of an escape.
SELECT c AS pattern_of, left(pattern, 20) AS pattern, length(pattern), try(c, pattern)
FROM unnest(ARRAY['application_name', 'except_application_name']) WITH ORDINALITY AS patterns (c, n),
	unnest(ARRAY[E'\\', E'a\\', E'%\\', E'\\\\\\', E'a\\\\\\', repeat('x', 201), repeat('x', 199) || E'\\',
		'', 'psql', E'pg\\_dump%', E'\\\\', E'a\\\\', E'\\\\\\\\', E'\\a', E'\\ ', repeat('x', 200)])
		WITH ORDINALITY AS given (pattern, m)
ORDER BY n, m;
-- Those that are accepted are those that LIKE never fails by: nothing is to be seen here.
SELECT pattern, try('application_name', pattern)
FROM (SELECT DISTINCT translate(concat(a, b, c, d), '.', '')
		FROM unnest(ARRAY['.', 'a', '%', E'\\']) AS a, unnest(ARRAY['.', 'a', '_', E'\\']) AS b,
			unnest(ARRAY['.', 'a', E'\\']) AS c, unnest(ARRAY['.', 'a', E'\\']) AS d) AS all_patterns (pattern)
WHERE (try('application_name', pattern) = 'accepted') IS DISTINCT FROM (pattern !~ E'(^|[^\\\\])(\\\\\\\\)*\\\\$');

-- Expressions are valid.
SELECT left(expression, 20) AS expression, length(expression), try('query', expression)
FROM unnest(ARRAY['', '(', '[', 'a**', 'a{2,1}', E'\\', '*', repeat('x', 1001), repeat('(', 1001),
		'.', '^SELECT', E'(?i)\\mselect\\M', '***=(', '((a+)+)+$', repeat('x', 1000)])
	WITH ORDINALITY AS given (expression, m)
ORDER BY m;

-- Times are 0, or between a shortest and a longest one.
SELECT c AS limit_name, t AS time, try(c, t)
FROM unnest(ARRAY['idle_session_timeout', 'session_timeout', 'idle_in_transaction_session_timeout', 'statement_timeout',
		'transaction_timeout', 'maintenance_timeout', 'idle_blocker_timeout', 'blocker_timeout'])
	WITH ORDINALITY AS limits (c, n),
	unnest(ARRAY['-1 us', '1 us', '99999 us', '999999 us', '10000 days 1 us', '0', '100 ms', '1 s', '10000 days'])
		WITH ORDINALITY AS given (t, m)
ORDER BY n, m;
-- A month is taken for 30 days, and a day for 24 hours.
SELECT t AS time, try('statement_timeout', t)
FROM unnest(ARRAY['1 mon -30 days', '-1 mon 30 days', '1 mon -30 days 100 ms', '1 mon -30 days 99 ms', '1 mon -30 days -100 ms',
		'-1 day 24:00:00.1', '-1 day 24:00:00.099', '27 years', '28 years', '333 mons 10 days', '333 mons 11 days', '240000:00:00',
		'240000:00:00.000001', '-1 days', '178000000 years', '-178000000 years', '71582788 mons -2147483640 days 5 s',
		'71582788 mons -2147483640 days'])
	WITH ORDINALITY AS given (t, m)
ORDER BY m;

-- Amounts: transactions, and bytes.  Who writes kilobytes has far too few of these.
SELECT c AS limit_name, amount, try(c, amount)
FROM (VALUES ('max_horizon_age', ARRAY['-1', '1', '999', '2000000001', '9223372036854775807', '0', '1000', '2000000000', '1.5']),
	('max_memory', ARRAY['-1', '1', '2097152', '16777215', '1125899906842625', '9223372036854775807', '0', '16777216',
		pg_size_bytes('2GB')::text, '1125899906842624', '2GB'])) AS limits (c, amounts),
	unnest(amounts) WITH ORDINALITY AS given (amount, m)
ORDER BY c, m;

-- Who is exempt, or has no limit, is selected by what is not the client's own word.
CREATE FUNCTION in_short(answer text) RETURNS text
	RETURN CASE WHEN answer LIKE '%"exempt_or_off_selects_by_roles_client_addr_or_databases_only"' THEN 'refused' ELSE answer END;
SELECT says, selects, in_short(try(says || selects))
FROM unnest(ARRAY['{"exempt": true}', '{"statement_timeout": "0"}', '{"max_memory": 0}', '{"statement_timeout": "1 mon -30 days"}',
		'{"exempt": false, "idle_session_timeout": "5 s", "max_horizon_age": 0}',
		'{"exempt": false}', '{"statement_timeout": "5 s"}']::jsonb[]) WITH ORDINALITY AS said (says, n),
	unnest(ARRAY['{}', '{"except_roles": "{pg_monitor}"}', '{"application_name": "psql"}', '{"except_application_name": "psql"}',
		'{"query": "SELECT"}', '{"databases": "{postgres}", "application_name": "psql"}',
		'{"databases": "{postgres}", "except_application_name": "psql"}', '{"databases": "{postgres}", "query": "SELECT"}',
		'{"roles": "{regress_web}"}', '{"client_addr": "{::1}"}', '{"databases": "{postgres}"}',
		'{"databases": "{postgres}", "except_roles": "{regress_web}"}',
		'{"roles": "{regress_web}", "databases": "{postgres}", "application_name": "psql", "except_application_name": "psql", "query": "SELECT"}',
		'{"client_addr": "{::1}", "application_name": "psql", "query": "SELECT"}']::jsonb[]) WITH ORDINALITY AS selected (selects, m)
WHERE n IN (1, 7) OR m IN (1, 3, 9)
ORDER BY n, m;
-- The same of each limit: it can be switched off by role only, and not by a rule that is to log.
SELECT attname, in_short(try(jsonb_build_object(attname, '0'))) AS all_sessions,
	in_short(try(jsonb_build_object(attname, '0', 'roles', '{regress_web}'))) AS a_role,
	try(jsonb_build_object(attname, '0', 'roles', '{regress_web}', 'mode', 'log')) AS to_log
FROM pg_attribute
WHERE attrelid = 'session_guard.rule'::regclass AND attname ~ '_timeout$|^max_'
ORDER BY attnum;
SELECT says, try(says || '{"mode": "log", "roles": "{regress_web}"}')
FROM unnest(ARRAY['{"exempt": true}', '{"exempt": false}', '{"exempt": true, "statement_timeout": "5 s"}',
	'{"idle_session_timeout": "0", "statement_timeout": "5 s"}', '{"statement_timeout": "5 s"}']::jsonb[]) AS says;

-- Who nobody is called is warned of, and no error.
\set VERBOSITY default
INSERT INTO session_guard.rule (position, name, databases, roles, except_roles, statement_timeout) VALUES
	(1, 'all known', '{postgres}', '{regress_web,pg_monitor,"Regress, \"Odd\" é"}', '{regress_web}', '5 s'),
	(2, 'all "unknown" é', '{regress_no_such_database,postgres,"Regress, {\"Odd\"} é"}', '{regress_no_such_role,REGRESS_WEB,public}',
		'{regress_web,regress_no_such_exception}', '5 s');
UPDATE session_guard.rule SET position = position + 1;
UPDATE session_guard.rule SET comment = 'about time';
UPDATE session_guard.rule SET enabled = false;
UPDATE session_guard.rule SET roles = '{regress_somebody}' WHERE name = 'all known';
UPDATE session_guard.rule SET except_roles = NULL, databases = NULL;
INSERT INTO session_guard.rule (position, name, roles, statement_timeout) VALUES (9, 'all known', '{regress_nobody_else}', '5 s')
	ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, enabled = true;
DELETE FROM session_guard.rule;
\set VERBOSITY terse

-- COPY, out and in.
INSERT INTO session_guard.rule VALUES
	(1, 'all columns', true, '{postgres}', '{regress_web}', '{pg_monitor,"Regress, \"Odd\" é"}', E'pg\\_%', '%\%', '{10.0.0.0/8,::1}',
		E'\\m(\\d+)\\s', '5 min', '1 min', '1 h', '2 h', '1 day', '1 mon', '10 s', '100 ms', 1000000, pg_size_bytes('2GB'),
		true, 'enforce', E'a\tb\nc\\d'),
	(2, 'few', false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0.1', NULL, NULL, NULL, NULL, NULL,
		NULL, 'log', '');
COPY session_guard.rule TO STDOUT;
TRUNCATE session_guard.rule;
SELECT count(*) FROM session_guard.rule;
COPY session_guard.rule FROM STDIN;
1	all columns	t	{postgres}	{regress_web}	{pg_monitor,"Regress, \\"Odd\\" é"}	pg\\_%	%\\%	{10.0.0.0/8,::1/128}	\\m(\\d+)\\s	00:05:00	00:01:00	01:00:00	02:00:00	1 day	1 mon	00:00:10	00:00:00.1	1000000	2147483648	t	enforce	a\tb\nc\\d
2	few	f	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	00:00:00.1	\N	\N	\N	\N	\N	\N	log	
\.
COPY session_guard.rule TO STDOUT;
-- One bad row is refused with all others.
COPY session_guard.rule (position, name, roles, statement_timeout) FROM STDIN;
3	good	{regress_web}	00:00:05
4	bad	{}	00:00:05
\.
SELECT name FROM session_guard.rule ORDER BY position;

-- Members of pg_monitor read rules, and nobody but superusers writes them, unless they are granted that.
CREATE ROLE regress_watcher IN ROLE pg_monitor;
CREATE ROLE regress_dba;
GRANT SELECT, INSERT, UPDATE, DELETE ON session_guard.rule TO regress_dba;
SET ROLE regress_web;
SELECT name FROM session_guard.rule;
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (3, 'mine', '5 s');
UPDATE session_guard.rule SET enabled = false;
DELETE FROM session_guard.rule;
TRUNCATE session_guard.rule;
COPY session_guard.rule TO STDOUT;
COPY session_guard.rule FROM STDIN;
\.
SELECT session_guard.note_rule_change();
SELECT session_guard.warn_of_unknown_names();
SET ROLE regress_watcher;
SELECT name FROM session_guard.rule ORDER BY position;
INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (3, 'mine', '5 s');
UPDATE session_guard.rule SET enabled = false;
DELETE FROM session_guard.rule;
TRUNCATE session_guard.rule;
SET ROLE regress_dba;
INSERT INTO session_guard.rule (position, name, roles, statement_timeout) VALUES (3, 'mine', '{regress_nobody}', '5 s');
UPDATE session_guard.rule SET enabled = false WHERE name = 'mine';
DELETE FROM session_guard.rule WHERE name = 'all columns';
SELECT position, name, enabled FROM session_guard.rule ORDER BY position;
TRUNCATE session_guard.rule;
ALTER TABLE session_guard.rule DISABLE TRIGGER ALL;
ALTER TABLE session_guard.rule DROP CONSTRAINT rule_has_a_limit_or_exempt;
SELECT session_guard.note_rule_change();
RESET ROLE;

-- The functions are those triggers', and nothing else.
SELECT session_guard.note_rule_change();
SELECT session_guard.warn_of_unknown_names();
CREATE TABLE other (name name, databases name[], roles text[]);
CREATE TRIGGER wrong BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION session_guard.note_rule_change();
INSERT INTO other VALUES ('a');
DROP TRIGGER wrong ON other;
CREATE TRIGGER wrong AFTER INSERT ON other FOR EACH STATEMENT EXECUTE FUNCTION session_guard.note_rule_change();
INSERT INTO other VALUES ('a');
DROP TRIGGER wrong ON other;
CREATE TRIGGER wrong BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION session_guard.warn_of_unknown_names();
INSERT INTO other VALUES ('a');
DROP TRIGGER wrong ON other;
CREATE TRIGGER wrong AFTER INSERT ON other FOR EACH STATEMENT EXECUTE FUNCTION session_guard.warn_of_unknown_names();
INSERT INTO other VALUES ('a');
DROP TRIGGER wrong ON other;
CREATE TRIGGER wrong AFTER INSERT OR DELETE ON other FOR EACH ROW EXECUTE FUNCTION session_guard.warn_of_unknown_names();
INSERT INTO other VALUES ('a');
DROP TRIGGER wrong ON other;
INSERT INTO other VALUES ('a');
CREATE TRIGGER wrong AFTER DELETE ON other FOR EACH ROW EXECUTE FUNCTION session_guard.warn_of_unknown_names();
DELETE FROM other;
SET ROLE regress_web;
CREATE TEMP TABLE mine ();
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION session_guard.note_rule_change();
RESET ROLE;

DROP TABLE other, mine;
DROP FUNCTION in_short, try(text, text), try(jsonb);
DROP EXTENSION pg_session_guard;
DROP ROLE regress_web, regress_watcher, regress_dba, "Regress, ""Odd"" é";
