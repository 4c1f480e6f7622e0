-- The functions as SQL sees them: what they are called with, what they refuse, and that
-- nobody is signaled by a call that is refused or a dry run.  The only sessions here are
-- this one, the guard, and perhaps that of the test before; none but this one is shown.
SET client_min_messages = warning;
CREATE EXTENSION pg_session_guard;
RESET client_min_messages;
SET application_name = 'regress_functions';
SET intervalstyle = 'postgres';
\set SHOW_CONTEXT never
SELECT worker_pid AS guard FROM session_guard.stats \gset

-- Signatures: one function for each name, and nothing that a planner may skip or share out.
CREATE VIEW function AS
	SELECT * FROM pg_proc WHERE prorettype = 'session_guard.result'::regtype;
\pset format unaligned
SELECT proname, pg_get_function_arguments(oid) AS arguments FROM function ORDER BY proname COLLATE "C";
SELECT proname, pg_get_function_arguments(oid) AS arguments, provolatile, proparallel, prosrc
FROM pg_proc
WHERE pronamespace = 'session_guard'::regnamespace AND proname IN ('not_given', 'get_sessions')
ORDER BY proname COLLATE "C";
\pset format aligned
SELECT proname, provolatile, proparallel, prosrc FROM function ORDER BY proname COLLATE "C";
SELECT count(*) AS functions, count(DISTINCT proname) AS names,
	bool_and(proretset) AS return_sets, bool_or(proisstrict) AS strict,
	bool_or(prosecdef) AS security_definer, bool_or(provariadic <> 0) AS variadic,
	bool_and(proacl IS NULL) AS for_everybody
FROM function;

-- What comes back.
SELECT attname, format_type(atttypid, atttypmod) AS type
FROM pg_attribute
WHERE attrelid = 'session_guard.result'::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;
SELECT attname, format_type(atttypid, atttypmod) AS type, col_description(attrelid, attnum) IS NOT NULL AS says_what_it_is
FROM pg_attribute
WHERE attrelid = 'session_guard.session'::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;

-- How a call fails.
CREATE FUNCTION failure(call text, OUT error text, OUT message text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS error = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		hint = PG_EXCEPTION_HINT;
END
$$;
CREATE FUNCTION failures(VARIADIC calls text[])
RETURNS TABLE (call text, error text, message text, hint text)
LANGUAGE sql AS $$
	SELECT c.call, f.error, f.message, f.hint
	FROM unnest(calls) WITH ORDINALITY AS c(call, position),
		LATERAL failure('SELECT * FROM ' || c.call) AS f
	ORDER BY c.position
$$;

-- A call with one argument at a value of our choosing and the others at valid ones: whatever
-- has a default is left out but for a role that nobody has, and it is a dry run unless that
-- is the argument.  What is drained is never this database.
CREATE FUNCTION call_of(function regproc, argument text, value text) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT format('%s(%s)', function, string_agg(
		format('%I => %s', a.name, CASE
			WHEN a.name = argument THEN value
			WHEN a.name = 'dry_run' THEN 'true'
			WHEN a.name = 'dbname' AND function::text LIKE 'drain%' THEN quote_literal('template1')
			WHEN a.name = 'dbname' THEN quote_literal(current_database())
			WHEN a.name = 'username' THEN quote_literal('pg_monitor')
			WHEN a.name = 'pid' THEN '0'
			ELSE quote_literal('1 day') END), ', ' ORDER BY a.position))
	FROM pg_proc AS p, unnest(p.proargnames) WITH ORDINALITY AS a(name, position)
	WHERE p.oid = function
		AND (a.position <= p.pronargs - p.pronargdefaults OR a.name IN (argument, 'username', 'dry_run'))
$$;
SELECT call_of('terminate_idle_sessions', 'dbname', 'NULL');
CREATE VIEW argument AS
	SELECT v.oid::regproc AS function, a.name, v.proargtypes[a.position - 1]::regtype AS type, a.position
	FROM function AS v, unnest(v.proargnames) WITH ORDINALITY AS a(name, position)
	WHERE a.position <= v.pronargs;

-- NULL is never "all", nor a default: only the reason may be missing.
SELECT a.name, count(*) AS functions, f.error, f.message
FROM argument AS a, LATERAL failure('SELECT * FROM ' || call_of(a.function, a.name, format('NULL::%s', a.type))) AS f
GROUP BY a.name, f.error, f.message ORDER BY a.name COLLATE "C";
-- With the values that NULL has taken the place of, no call fails.
SELECT v.proname, f.* FROM function AS v, LATERAL failure('SELECT * FROM ' || call_of(v.oid, '', '')) AS f
WHERE f.error IS NOT NULL;

-- Names must exist; durations are not negative.
SELECT a.name, v.value, count(*) AS functions, f.error, f.message
FROM argument AS a, (VALUES
	('dbname', 'regress_no_such_database'), ('dbname', ''), ('dbname', 'Postgres'), ('dbname', 'post%'),
	('username', 'regress_no_such_role'), ('username', ''), ('username', 'PUBLIC')) AS v(name, value),
	LATERAL failure('SELECT * FROM ' || call_of(a.function, a.name, quote_literal(v.value))) AS f
WHERE a.name = v.name
GROUP BY a.name, v.value, f.error, f.message ORDER BY a.name COLLATE "C", v.value COLLATE "C";
SELECT a.name, v.value, count(*) AS functions, f.error, f.message
FROM argument AS a, (VALUES ('-1 us'), ('-1 day'), ('1 mon -31 days'), ('-178000000 years')) AS v(value),
	LATERAL failure('SELECT * FROM ' || call_of(a.function, a.name, quote_literal(v.value))) AS f
WHERE a.type = 'interval'::regtype
GROUP BY a.name, v.value, f.error, f.message ORDER BY a.name COLLATE "C", v.value COLLATE "C";
-- Zero and longer than anything are durations; but for the grace, and what ends at a point in time.
SELECT a.name, v.value, count(*) AS functions, f.error, f.message, f.hint
FROM argument AS a, (VALUES ('0'), ('1 mon -30 days'), ('178000000 years')) AS v(value),
	LATERAL failure('SELECT * FROM ' || call_of(a.function, a.name, quote_literal(v.value))) AS f
WHERE a.type = 'interval'::regtype AND a.name <> 'longer_than'
	AND (a.name = 'grace' OR f.error IS NOT NULL)
GROUP BY a.name, v.value, f.error, f.message, f.hint ORDER BY a.name COLLATE "C", v.value COLLATE "C";

-- What the general ones refuse.
\pset format unaligned
SELECT v.function, f.* FROM unnest(ARRAY['terminate_sessions', 'cancel_queries']) AS v(function),
	LATERAL failures(
		format('%s()', v.function),
		format('%s(dry_run => true)', v.function),
		format('%s(except_self => true, reason => ''none'', dry_run => true)', v.function),
		format('%s(longer_than => ''0'', dry_run => true)', v.function),
		format('%s(query => ''('', dry_run => true)', v.function),
		format('%s(query => ''a{2,1}'', dry_run => true)', v.function),
		format('%s(query => '''', dry_run => true)', v.function),
		format('%s(application_name => '''', dry_run => true)', v.function),
		format('%s(application_name => ''\'', dry_run => true)', v.function),
		format('%s(application_name => ''web\'', dry_run => true)', v.function),
		format('%s(application_name => ''web\\\'', dry_run => true)', v.function),
		format('%s(state => ''busy'', dry_run => true)', v.function),
		format('%s(state => '''', dry_run => true)', v.function),
		format('%s(state => ''Idle'', dry_run => true)', v.function)) AS f;
\pset format aligned
-- A pattern is refused also where no session would be compared with it.
SELECT * FROM failures(
	'terminate_sessions(username => ''pg_monitor'', query => ''('', dry_run => true)',
	'terminate_sessions(username => ''pg_monitor'', application_name => ''\'', dry_run => true)');
-- These are as good as any.
SELECT * FROM failures(
	'terminate_sessions(application_name => ''web\\'', dry_run => true)',
	'terminate_sessions(application_name => ''%'', dry_run => true)',
	'terminate_sessions(query => ''.'', dry_run => true)',
	'terminate_sessions(client_addr => ''0.0.0.0/0'', dry_run => true)',
	'terminate_sessions(state => ''idle'', dry_run => true)',
	'terminate_sessions(state => ''active'', dry_run => true)',
	'terminate_sessions(state => ''idle in transaction'', dry_run => true)',
	'terminate_sessions(state => ''idle in transaction (aborted)'', dry_run => true)',
	'terminate_sessions(state => ''fastpath function call'', dry_run => true)',
	'terminate_sessions(state => ''disabled'', dry_run => true)');
-- Straight from psql.
SELECT * FROM terminate_sessions();
SELECT * FROM terminate_db_sessions('regress_no_such_database');
SELECT * FROM terminate_db_sessions(NULL);
\set VERBOSITY sqlstate
SELECT * FROM terminate_db_sessions();
\set VERBOSITY default
SELECT * FROM cancel_long_queries('-1 s');

-- One or many: a text, or an array; what is in a list is as good, or as bad, as if it were alone.
SELECT * FROM failures(
	'terminate_sessions(username => ARRAY[''pg_monitor'', ''regress_no_such_role''], dry_run => true)',
	'terminate_sessions(username => ARRAY[''pg_monitor'', NULL], dry_run => true)',
	'terminate_sessions(username => ARRAY[NULL]::text[], dry_run => true)',
	'terminate_sessions(username => ARRAY[]::text[], dry_run => true)',
	'terminate_sessions(username => ''{}''::name[], dry_run => true)',
	'terminate_sessions(username => NULL::text[], dry_run => true)',
	'terminate_sessions(username => (SELECT array_agg(rolname) FROM pg_roles WHERE false), dry_run => true)',
	'terminate_sessions(dbname => ARRAY[''postgres'', ''''], dry_run => true)',
	'terminate_sessions(dbname => ''{postgres,template1}'', dry_run => true)',
	'terminate_user_sessions(''{pg_monitor,postgres}'', dry_run => true)',
	'terminate_sessions(application_name => ARRAY[''web%'', ''''], dry_run => true)',
	'terminate_sessions(application_name => ARRAY[''web%'', ''\''], dry_run => true)',
	'terminate_sessions(state => ARRAY[''idle'', ''busy''], dry_run => true)');
-- An exception must exist, too: whoever it was meant for would be ended.
SELECT * FROM failures(
	'terminate_all_sessions(except_username => ''regress_no_such_role'', dry_run => true)',
	'terminate_all_sessions(except_username => ARRAY[''pg_monitor'', ''regress_no_such_role''], dry_run => true)',
	'terminate_all_sessions(except_username => ARRAY[]::text[], dry_run => true)',
	'terminate_all_sessions(except_dbname => ''regress_no_such_database'', dry_run => true)',
	'terminate_all_sessions(except_application_name => '''', dry_run => true)',
	'terminate_all_sessions(except_application_name => ''\'', dry_run => true)',
	'terminate_all_sessions(except_application_name => ARRAY[''x'', NULL], dry_run => true)');
-- These are as good as any.
SELECT * FROM failures(
	'terminate_sessions(username => ''pg_monitor'')',
	'terminate_sessions(username => ''pg_monitor''::text)',
	'terminate_sessions(username => ''pg_monitor''::varchar)',
	'terminate_sessions(username => ''pg_monitor''::name)',
	'terminate_sessions(username => ARRAY[''pg_monitor'', ''pg_read_all_stats''])',
	'terminate_sessions(username => ''{pg_monitor,pg_read_all_stats}''::text[])',
	'terminate_sessions(username => ARRAY[''pg_monitor'']::varchar[])',
	'terminate_sessions(username => ARRAY[''pg_monitor'']::name[])',
	'terminate_sessions(username => ARRAY(SELECT rolname FROM pg_roles WHERE rolname LIKE ''pg\_%''))',
	'terminate_sessions(username => (SELECT rolname FROM pg_roles WHERE rolname = ''pg_monitor''))',
	'terminate_sessions(ARRAY[''postgres'', ''template1''], ''pg_monitor'')',
	'terminate_sessions(''postgres'', ARRAY[''pg_monitor''], ARRAY[''x'', ''{y}''])',
	'terminate_user_sessions(ARRAY[''pg_monitor'', ''pg_read_all_stats''])',
	'cancel_user_queries(ARRAY[''pg_monitor'', ''pg_read_all_stats''])',
	'terminate_db_sessions(ARRAY[''template0'', ''template1''])',
	'cancel_db_queries(ARRAY[''template0'', ''template1''])',
	'terminate_idle_sessions(''0'', ARRAY[''template0'', ''template1''])',
	'terminate_sessions(except_username => session_user, username => ''pg_monitor'')');
-- A driver knows nothing of the type, and sends text.
PREPARE one_or_many AS SELECT * FROM terminate_sessions(dbname => $1, username => $2, dry_run => true);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'one_or_many';
EXECUTE one_or_many ('postgres', 'pg_monitor');
EXECUTE one_or_many (ARRAY['postgres', 'template1'], 'pg_monitor');
EXECUTE one_or_many ('postgres', NULL);
DEALLOCATE one_or_many;
SELECT 'one'::session_guard.one_or_many, '{a,b}'::session_guard.one_or_many,
	ARRAY['{a,b}']::session_guard.one_or_many, ARRAY['a', NULL, 'b c']::session_guard.one_or_many,
	ARRAY[]::text[]::session_guard.one_or_many, ARRAY['a', 'b']::name[]::session_guard.one_or_many;

-- Absent and NULL differ however NULL comes: from a parameter, a variable, a column, a subquery.
PREPARE by_parameter (text, text) AS
	SELECT * FROM terminate_sessions(dbname => $1, username => $2, dry_run => true);
EXECUTE by_parameter('postgres', NULL);
EXECUTE by_parameter(NULL, 'pg_monitor');
EXECUTE by_parameter('postgres', 'pg_monitor');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_parameter('postgres', NULL);
RESET plan_cache_mode;
DEALLOCATE by_parameter;
DO $$
DECLARE
	nothing text;
BEGIN
	PERFORM terminate_sessions(dbname => nothing, username => 'pg_monitor', dry_run => true);
END
$$;
CREATE FUNCTION wrapper(text) RETURNS SETOF session_guard.result LANGUAGE sql AS
	'SELECT * FROM terminate_sessions(dbname => $1, username => ''pg_monitor'', dry_run => true)';
SELECT * FROM wrapper(NULL);
SELECT * FROM wrapper('postgres');
DROP FUNCTION wrapper;
SELECT r.* FROM (VALUES (NULL::text)) AS v(name),
	terminate_sessions(dbname => v.name, username => 'pg_monitor', dry_run => true) AS r;
SELECT * FROM terminate_sessions(dbname => (SELECT NULL::text), username => 'pg_monitor', dry_run => true);
SELECT * FROM terminate_sessions(client_addr => NULL, username => 'pg_monitor', dry_run => true);
SELECT * FROM terminate_session(0, NULL);

-- Every way to call: nobody has this role, so that nobody can be meant.
SELECT * FROM terminate_user_sessions('pg_monitor');
SELECT * FROM terminate_user_sessions('pg_monitor', false, true, '0', 'by position', false);
SELECT * FROM terminate_user_sessions(dry_run => false, reason => 'by name', username => 'pg_monitor');
SELECT * FROM terminate_user_sessions('pg_monitor', reason => 'mixed');
SELECT terminate_user_sessions('pg_monitor');
SELECT * FROM terminate_sessions(session_guard.not_given(), 'pg_monitor');
DO $$
DECLARE
	wanted text := 'pg_monitor';
	ended integer;
BEGIN
	SELECT count(*) INTO ended FROM terminate_user_sessions(wanted);
	PERFORM terminate_user_sessions(wanted, timeout => '1 s');
	PERFORM * FROM cancel_user_queries(wanted);
	RAISE INFO '% ended', ended;
END
$$;
BEGIN READ ONLY;
SELECT * FROM terminate_user_sessions('pg_monitor');
ROLLBACK;
-- Of this session: what would be done, and nothing is.
CREATE FUNCTION rows_of_self(wanted text)
RETURNS TABLE (call text, is_self boolean, backend_start_is_known boolean, datname name,
	application_name text, client_addr inet, state text, action text, outcome text, note text)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format(
		'SELECT %L, pid = pg_backend_pid(), backend_start IS NOT NULL, datname, application_name,
			client_addr, state, action, outcome, note
		 FROM %s WHERE application_name = ''regress_functions'' OR application_name IS NULL', wanted, wanted);
END
$$;
SELECT r.* FROM unnest(ARRAY[
	'terminate_db_sessions(''postgres'', false, dry_run => true)',
	'terminate_db_sessions(''postgres'', true, dry_run => true)',
	'terminate_db_sessions(''template1'', false, dry_run => true)',
	'terminate_user_sessions(session_user, false, dry_run => true)',
	'terminate_user_sessions(session_user, dry_run => true)',
	'terminate_all_sessions(false, dry_run => true)',
	'terminate_all_sessions(dry_run => true)',
	'terminate_idle_sessions(''0'', dry_run => true)',
	'terminate_idle_in_transaction_sessions(''0'', dry_run => true)',
	'terminate_blocking_sessions(dry_run => true)',
	'terminate_session(pg_backend_pid(), dry_run => true)',
	'terminate_session(pg_backend_pid(), ''2000-01-01'', dry_run => true)',
	'terminate_session(0)',
	'terminate_session(-1)',
	'terminate_session(2147483647, dry_run => true)',
	'terminate_session(2147483647, now())',
	'terminate_sessions(application_name => ''regress\_f%'', except_self => false, dry_run => true)',
	'terminate_sessions(application_name => ''regress\_v'', except_self => false, dry_run => true)',
	'terminate_sessions(application_name => ''regress_v%'', dry_run => true)',
	'terminate_sessions(query => ''^SELECT +r\.\* from UNNEST'', except_self => false, dry_run => true)',
	'terminate_sessions(query => ''^r\.\* from UNNEST'', except_self => false, dry_run => true)',
	'terminate_sessions(state => ''active'', dbname => ''postgres'', except_self => false, dry_run => true)',
	'terminate_sessions(state => ''idle'', dbname => ''postgres'', except_self => false, dry_run => true)',
	'terminate_sessions(longer_than => ''1 day'', except_self => false, dry_run => true)',
	'terminate_sessions(client_addr => ''0.0.0.0/0'', except_self => false, dry_run => true)',
	'cancel_queries(application_name => ''regress%'', except_self => false, dry_run => true)',
	'cancel_queries(application_name => ''regress%'', dry_run => true)',
	'cancel_db_queries(''postgres'', dry_run => true)',
	'cancel_user_queries(session_user, dry_run => true)',
	'cancel_long_queries(''1 day'', dry_run => true)',
	'cancel_query(pg_backend_pid(), dry_run => true)',
	'cancel_query(0)',
	'terminate_sessions(application_name => ARRAY[''nobody'', ''regress%''], except_self => false, dry_run => true)',
	'terminate_sessions(application_name => ''regress%'', except_application_name => ''regress_s%'', except_self => false, dry_run => true)',
	'terminate_sessions(application_name => ''regress%'', except_application_name => ARRAY[''nobody'', ''%functions''], except_self => false, dry_run => true)',
	'terminate_sessions(except_username => ''pg_monitor'', except_self => false, dry_run => true)',
	'terminate_sessions(except_username => session_user, except_self => false, dry_run => true)',
	'terminate_sessions(except_username => ARRAY[''pg_monitor'', session_user], except_self => false, dry_run => true)',
	'terminate_sessions(except_dbname => ''template1'', except_self => false, dry_run => true)',
	'terminate_sessions(except_dbname => ARRAY[''template1'', ''postgres''], except_self => false, dry_run => true)',
	'terminate_sessions(dbname => ARRAY[''template1'', ''postgres''], except_self => false, dry_run => true)',
	'terminate_sessions(state => ARRAY[''idle'', ''active''], application_name => ''regress%'', except_self => false, dry_run => true)',
	'terminate_all_sessions(false, except_username => session_user, dry_run => true)',
	'terminate_db_sessions(''postgres'', false, except_application_name => ''regress%'', dry_run => true)',
	'terminate_db_sessions(''postgres'', false, except_application_name => ''other%'', dry_run => true)',
	'terminate_user_sessions(ARRAY[''pg_monitor'', session_user], false, dry_run => true)',
	'stop_query(pg_backend_pid(), dry_run => true)',
	'stop_query(0)']) AS c(call), LATERAL rows_of_self(c.call) AS r;

-- Nobody was signaled by all this.
SELECT count(*) AS this_session, worker_pid = :guard AS same_guard
FROM session_guard.session, session_guard.stats
WHERE application_name = 'regress_functions' GROUP BY worker_pid;

-- The view, for whom pg_stat_activity shows all of it ...
SELECT is_self, datname, usename = session_user AS is_mine, application_name, client_addr, state,
	state_age >= '0' AS state_age, query_age >= '0' AS query_age,
	transaction_age >= '0' AS transaction_age, session_age >= state_age AS session_age,
	wait_event_type, wait_event, blocked_by, blocks, parallel_workers, query LIKE '%state_age%' AS query
FROM session_guard.session WHERE is_self;
SELECT count(*) FROM session_guard.session WHERE is_self;
-- ... and for anybody else: the session is another role's for as long as the role is set.
CREATE ROLE regress_ordinary;
CREATE ROLE regress_signaler IN ROLE pg_signal_backend;
CREATE ROLE regress_reader IN ROLE pg_read_all_stats;
SET ROLE regress_ordinary;
SELECT is_self, backend_start, datname, usename = session_user AS is_mine, application_name,
	client_addr, state, state_age, query_age, transaction_age, session_age, wait_event_type,
	wait_event, blocked_by, blocks, horizon_age, memory, query
FROM session_guard.session WHERE application_name = 'regress_functions';
SELECT * FROM session_guard.get_stats();
-- By who it is: denied; by what it does: left out, for whom may not signal it either.
SELECT * FROM terminate_sessions(application_name => 'regress_functions', username => session_user);
SELECT outcome, note FROM terminate_sessions(application_name => 'regress_functions', except_self => false);
SELECT * FROM terminate_sessions(application_name => 'regress_functions', state => 'active', except_self => false);
SELECT * FROM terminate_sessions(application_name => 'regress_functions', query => '.', except_self => false);
SELECT backend_start, client_addr, state, query, outcome, note
FROM terminate_session(pg_backend_pid(), dry_run => true);
SET ROLE regress_signaler;
SELECT backend_start, client_addr, state, query, outcome, note
FROM terminate_sessions(application_name => 'regress_functions', state => 'active', except_self => false);
SELECT * FROM terminate_sessions(application_name => 'regress_functions', query => '.', except_self => false);
SELECT * FROM terminate_sessions(application_name => 'regress_functions', client_addr => '::/0', except_self => false);
SET ROLE regress_reader;
SELECT state, query LIKE 'SELECT%' AS query, outcome, note
FROM terminate_sessions(application_name => 'regress_functions', query => '.', except_self => false);
SELECT is_self, state FROM session_guard.session WHERE application_name = 'regress_functions';
RESET ROLE;
DROP ROLE regress_ordinary, regress_signaler, regress_reader;

DROP VIEW argument, function;
DROP FUNCTION failures, failure, call_of, rows_of_self;
SET client_min_messages = warning;
DROP EXTENSION pg_session_guard;
