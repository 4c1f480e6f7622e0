/* pg_session_guard 0.1.0 */

\echo Use "CREATE EXTENSION pg_session_guard" to load this file. \quit

CREATE SCHEMA session_guard;
COMMENT ON SCHEMA session_guard IS 'views, types and helpers of pg_session_guard';
GRANT USAGE ON SCHEMA session_guard TO PUBLIC;

CREATE FUNCTION session_guard.get_stats(
	OUT worker_pid integer,
	OUT worker_start timestamp with time zone,
	OUT history_pid integer,
	OUT history_start timestamp with time zone,
	OUT mode text,
	OUT limits text[],
	OUT last_heartbeat timestamp with time zone,
	OUT wake_ups bigint,
	OUT scans bigint,
	OUT scan_time double precision,
	OUT evaluations bigint,
	OUT last_scan timestamp with time zone,
	OUT next_scan timestamp with time zone,
	OUT sessions bigint,
	OUT deadlines bigint,
	OUT policy_time timestamp with time zone,
	OUT lock_skips bigint,
	OUT deadlines_met bigint,
	OUT logged bigint,
	OUT cancels_sent bigint,
	OUT terminates_sent bigint,
	OUT canceled bigint,
	OUT terminated bigint,
	OUT survived bigint,
	OUT gone bigint,
	OUT raced bigint,
	OUT requests bigint,
	OUT prepared_over_age bigint,
	OUT prepared_named bigint,
	OUT late_p50 interval,
	OUT late_p99 interval,
	OUT late_max interval,
	OUT events_lost bigint,
	OUT history_rows bigint,
	OUT history_failures bigint,
	OUT last_error text,
	OUT last_error_at timestamp with time zone,
	OUT stats_reset timestamp with time zone)
RETURNS record
AS 'MODULE_PATHNAME', 'session_guard_stats'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION session_guard.get_stats() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_guard.get_stats() TO pg_monitor;
COMMENT ON FUNCTION session_guard.get_stats() IS 'what the workers have done';

CREATE VIEW session_guard.stats AS SELECT * FROM session_guard.get_stats();
REVOKE ALL ON session_guard.stats FROM PUBLIC;
GRANT SELECT ON session_guard.stats TO pg_monitor;
COMMENT ON VIEW session_guard.stats IS 'what the workers have done: one row';
COMMENT ON COLUMN session_guard.stats.worker_pid IS 'process ID of the guard; null while none runs';
COMMENT ON COLUMN session_guard.stats.worker_start IS 'when that process started';
COMMENT ON COLUMN session_guard.stats.history_pid IS
	'process ID of the history writer; null while none runs, as on a standby';
COMMENT ON COLUMN session_guard.stats.history_start IS 'when that process started';
COMMENT ON COLUMN session_guard.stats.mode IS
	'what the guard does with sessions over a limit: enforce, log or off; null while none runs';
COMMENT ON COLUMN session_guard.stats.limits IS
	'limits that are in force, for the server or for some roles or databases; null while no guard runs';
COMMENT ON COLUMN session_guard.stats.last_heartbeat IS
	'when a guard last gave a sign of life, which it does at least once a second';
COMMENT ON COLUMN session_guard.stats.wake_ups IS 'times the guard woke up to scan or to evaluate a session';
COMMENT ON COLUMN session_guard.stats.scans IS 'full reads of backend status';
COMMENT ON COLUMN session_guard.stats.scan_time IS 'time spent in scans, in milliseconds';
COMMENT ON COLUMN session_guard.stats.evaluations IS 'fresh reads of one session, at its deadline';
COMMENT ON COLUMN session_guard.stats.last_scan IS 'time of the last scan';
COMMENT ON COLUMN session_guard.stats.next_scan IS
	'when the next one is due; infinity if no limit is in force, null while no guard runs';
COMMENT ON COLUMN session_guard.stats.sessions IS 'sessions that the last scan found: of clients, and of workers in background_workers';
COMMENT ON COLUMN session_guard.stats.deadlines IS 'deadlines known after the last scan';
COMMENT ON COLUMN session_guard.stats.policy_time IS
	'when what is stored for roles and databases was last known to be as it was read';
COMMENT ON COLUMN session_guard.stats.lock_skips IS
	'times a catalog was locked and the guard went on without reading it';
COMMENT ON COLUMN session_guard.stats.deadlines_met IS 'verdicts that the guard came to carry out';
COMMENT ON COLUMN session_guard.stats.logged IS 'lines written with mode = log';
COMMENT ON COLUMN session_guard.stats.cancels_sent IS 'cancels that the guard has sent';
COMMENT ON COLUMN session_guard.stats.terminates_sent IS 'terminates that the guard has sent';
COMMENT ON COLUMN session_guard.stats.canceled IS
	'statements whose cancel by the guard is confirmed';
COMMENT ON COLUMN session_guard.stats.terminated IS 'sessions whose end by the guard is confirmed';
COMMENT ON COLUMN session_guard.stats.survived IS
	'sessions and statements that were still there after the guard had waited for their end';
COMMENT ON COLUMN session_guard.stats.gone IS 'sessions that had ended before the guard''s signal';
COMMENT ON COLUMN session_guard.stats.raced IS
	'sessions left alone since they had moved on between the decision and the signal';
COMMENT ON COLUMN session_guard.stats.requests IS
	'signals sent at the request of somebody who called a function';
COMMENT ON COLUMN session_guard.stats.prepared_over_age IS
	'prepared transactions that were older than pg_session_guard.max_prepared_age when they were last read; null while no guard runs';
COMMENT ON COLUMN session_guard.stats.prepared_named IS
	'prepared transactions that the log has told of since they were older than that';
COMMENT ON COLUMN session_guard.stats.late_p50 IS
	'how late the guard''s punctual actions were: the median';
COMMENT ON COLUMN session_guard.stats.late_p99 IS 'how late 99 percent of them were at most';
COMMENT ON COLUMN session_guard.stats.late_max IS 'how late the latest was';
COMMENT ON COLUMN session_guard.stats.events_lost IS
	'events that have given way in memory before they were in the history';
COMMENT ON COLUMN session_guard.stats.history_rows IS 'rows that the history writer has written';
COMMENT ON COLUMN session_guard.stats.history_failures IS 'times that it failed';
COMMENT ON COLUMN session_guard.stats.last_error IS
	'the last error of the guard or the history writer';
COMMENT ON COLUMN session_guard.stats.last_error_at IS 'when that was';
COMMENT ON COLUMN session_guard.stats.stats_reset IS 'since when the counters count';

CREATE FUNCTION session_guard.get_limit_stats(
	OUT limit_name text,
	OUT deadlines_met bigint,
	OUT logged bigint,
	OUT cancels_sent bigint,
	OUT terminates_sent bigint,
	OUT canceled bigint,
	OUT terminated bigint,
	OUT survived bigint,
	OUT gone bigint,
	OUT raced bigint,
	OUT late_p50 interval,
	OUT late_p99 interval,
	OUT late_max interval)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_limit_stats'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION session_guard.get_limit_stats() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_guard.get_limit_stats() TO pg_monitor;
COMMENT ON FUNCTION session_guard.get_limit_stats() IS 'what the guard has done, by limit';

CREATE VIEW session_guard.limit_stats AS SELECT * FROM session_guard.get_limit_stats();
REVOKE ALL ON session_guard.limit_stats FROM PUBLIC;
GRANT SELECT ON session_guard.limit_stats TO pg_monitor;
COMMENT ON VIEW session_guard.limit_stats IS 'what the guard has done: one row per limit';
COMMENT ON COLUMN session_guard.limit_stats.limit_name IS 'the limit, as its setting is called';
COMMENT ON COLUMN session_guard.limit_stats.deadlines_met IS
	'verdicts that the guard came to carry out';
COMMENT ON COLUMN session_guard.limit_stats.logged IS 'lines written with mode = log';
COMMENT ON COLUMN session_guard.limit_stats.cancels_sent IS 'cancels that the guard has sent';
COMMENT ON COLUMN session_guard.limit_stats.terminates_sent IS 'terminates that the guard has sent';
COMMENT ON COLUMN session_guard.limit_stats.canceled IS
	'statements whose cancel by the guard is confirmed';
COMMENT ON COLUMN session_guard.limit_stats.terminated IS
	'sessions whose end by the guard is confirmed';
COMMENT ON COLUMN session_guard.limit_stats.survived IS
	'sessions and statements that were still there after the guard had waited for their end';
COMMENT ON COLUMN session_guard.limit_stats.gone IS
	'sessions that had ended before the guard''s signal';
COMMENT ON COLUMN session_guard.limit_stats.raced IS
	'sessions left alone since they had moved on between the decision and the signal';
COMMENT ON COLUMN session_guard.limit_stats.late_p50 IS
	'how late the guard''s punctual actions were: the median';
COMMENT ON COLUMN session_guard.limit_stats.late_p99 IS 'how late 99 percent of them were at most';
COMMENT ON COLUMN session_guard.limit_stats.late_max IS 'how late the latest was';

CREATE FUNCTION session_guard.get_rule_stats(
	OUT "position" integer,
	OUT name name,
	OUT enabled boolean,
	OUT mode text,
	OUT deadlines_met bigint,
	OUT logged bigint,
	OUT cancels_sent bigint,
	OUT terminates_sent bigint,
	OUT canceled bigint,
	OUT terminated bigint,
	OUT survived bigint,
	OUT gone bigint,
	OUT raced bigint,
	OUT problem text,
	OUT published_at timestamp with time zone)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_rule_stats'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION session_guard.get_rule_stats() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_guard.get_rule_stats() TO pg_monitor;
COMMENT ON FUNCTION session_guard.get_rule_stats() IS 'what the guard has done, by rule';

CREATE VIEW session_guard.rule_stats AS SELECT * FROM session_guard.get_rule_stats();
REVOKE ALL ON session_guard.rule_stats FROM PUBLIC;
GRANT SELECT ON session_guard.rule_stats TO pg_monitor;
COMMENT ON VIEW session_guard.rule_stats IS
	'the rules that the guard has read, in their order, and what it has done for each';
COMMENT ON COLUMN session_guard.rule_stats.position IS 'rules are looked at in this order';
COMMENT ON COLUMN session_guard.rule_stats.name IS
	'the rule; its counters go on as long as there is one of that name';
COMMENT ON COLUMN session_guard.rule_stats.enabled IS 'a rule that is not enabled is passed over';
COMMENT ON COLUMN session_guard.rule_stats.mode IS 'enforce or log';
COMMENT ON COLUMN session_guard.rule_stats.deadlines_met IS
	'verdicts that the guard came to carry out';
COMMENT ON COLUMN session_guard.rule_stats.logged IS
	'lines written for it with mode = log, of the rule or of the guard';
COMMENT ON COLUMN session_guard.rule_stats.cancels_sent IS
	'cancels that the guard has sent';
COMMENT ON COLUMN session_guard.rule_stats.terminates_sent IS
	'terminates that the guard has sent';
COMMENT ON COLUMN session_guard.rule_stats.canceled IS
	'statements whose cancel by the guard is confirmed';
COMMENT ON COLUMN session_guard.rule_stats.terminated IS
	'sessions whose end by the guard is confirmed';
COMMENT ON COLUMN session_guard.rule_stats.survived IS
	'sessions and statements that were still there after the guard had waited for their end';
COMMENT ON COLUMN session_guard.rule_stats.gone IS
	'sessions that had ended before the guard''s signal';
COMMENT ON COLUMN session_guard.rule_stats.raced IS
	'sessions left alone since they had moved on between the decision and the signal';
COMMENT ON COLUMN session_guard.rule_stats.problem IS
	'why it does not select as it was written: names that do not exist, an expression that cannot be compared; null if there is nothing of the kind';
COMMENT ON COLUMN session_guard.rule_stats.published_at IS 'when the guard has read the rules as they are here';

CREATE FUNCTION session_guard.reset_stats()
RETURNS void
AS 'MODULE_PATHNAME', 'session_guard_reset_stats'
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION session_guard.reset_stats() FROM PUBLIC;
COMMENT ON FUNCTION session_guard.reset_stats() IS
	'set the counters of session_guard.stats, session_guard.limit_stats and session_guard.rule_stats to 0';

CREATE FUNCTION session_guard.get_events(
	OUT server_start timestamp with time zone,
	OUT number bigint,
	OUT acted_at timestamp with time zone,
	OUT actor text,
	OUT function_name text,
	OUT filters text,
	OUT pid integer,
	OUT backend_start timestamp with time zone,
	OUT datname text,
	OUT usename text,
	OUT application_name text,
	OUT client_addr inet,
	OUT state text,
	OUT limit_name text,
	OUT threshold interval,
	OUT threshold_amount bigint,
	OUT source text,
	OUT measured interval,
	OUT measured_amount bigint,
	OUT action text,
	OUT outcome text,
	OUT reason text,
	OUT note text,
	OUT late interval,
	OUT gone_after interval,
	OUT query text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_events'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
REVOKE ALL ON FUNCTION session_guard.get_events() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_guard.get_events() TO pg_monitor;
COMMENT ON FUNCTION session_guard.get_events() IS 'the latest actions, from memory';

CREATE VIEW session_guard.event AS SELECT * FROM session_guard.get_events();
REVOKE ALL ON session_guard.event FROM PUBLIC;
GRANT SELECT ON session_guard.event TO pg_monitor;
COMMENT ON VIEW session_guard.event IS
	'the latest actions on sessions of the whole server, from memory';
COMMENT ON COLUMN session_guard.event.server_start IS
	'when the server''s memory was made: at its start, or after a crash';
COMMENT ON COLUMN session_guard.event.number IS
	'counts the events since then; the two together name an event';
COMMENT ON COLUMN session_guard.event.acted_at IS 'when it was done';
COMMENT ON COLUMN session_guard.event.actor IS 'guard, or the role that has called a function';
COMMENT ON COLUMN session_guard.event.function_name IS 'that function';
COMMENT ON COLUMN session_guard.event.filters IS
	'whom it was about, as the caller has put it';
COMMENT ON COLUMN session_guard.event.pid IS 'process ID of the session that was acted on';
COMMENT ON COLUMN session_guard.event.backend_start IS 'when it had connected';
COMMENT ON COLUMN session_guard.event.datname IS 'its database';
COMMENT ON COLUMN session_guard.event.usename IS 'role that it had logged in as';
COMMENT ON COLUMN session_guard.event.application_name IS 'what the client called itself';
COMMENT ON COLUMN session_guard.event.client_addr IS
	'address of the client; null for a Unix-domain socket';
COMMENT ON COLUMN session_guard.event.state IS 'as in pg_stat_activity, at that moment';
COMMENT ON COLUMN session_guard.event.limit_name IS
	'the limit that the guard has acted by, as its setting is called';
COMMENT ON COLUMN session_guard.event.threshold IS 'its value; null if it does not measure time';
COMMENT ON COLUMN session_guard.event.threshold_amount IS
	'the same if it does not: transactions, or bytes';
COMMENT ON COLUMN session_guard.event.source IS 'where that value was set';
COMMENT ON COLUMN session_guard.event.measured IS
	'how long the session had been at it; with mode = log, how long in the end; null if the limit does not measure time';
COMMENT ON COLUMN session_guard.event.measured_amount IS
	'how much it was if it does not: transactions, or bytes; of min_available_memory, what was left; of connection_headroom, how many were free';
COMMENT ON COLUMN session_guard.event.action IS 'log, cancel or terminate';
COMMENT ON COLUMN session_guard.event.outcome IS
	'canceled, terminated (both confirmed), signaled, gone, raced, spared, denied, survived or dry run';
COMMENT ON COLUMN session_guard.event.reason IS 'what the caller of the function has said';
COMMENT ON COLUMN session_guard.event.note IS 'more about the outcome';
COMMENT ON COLUMN session_guard.event.late IS
	'how late the guard was; null if something else made it wait';
COMMENT ON COLUMN session_guard.event.gone_after IS 'from the signal until its effect was seen';
COMMENT ON COLUMN session_guard.event.query IS 'its statement at that moment, or the last one';

-- Written by the history writer, in the database that it connects to.
CREATE TABLE session_guard.history (
	LIKE session_guard.event INCLUDING COMMENTS,
	PRIMARY KEY (server_start, number));
ALTER TABLE session_guard.history
	ALTER COLUMN acted_at SET NOT NULL,
	ALTER COLUMN actor SET NOT NULL,
	ALTER COLUMN pid SET NOT NULL,
	ALTER COLUMN action SET NOT NULL,
	ALTER COLUMN outcome SET NOT NULL;
CREATE INDEX history_acted_at_idx ON session_guard.history (acted_at);
REVOKE ALL ON session_guard.history FROM PUBLIC;
GRANT SELECT ON session_guard.history TO pg_monitor;
COMMENT ON TABLE session_guard.history IS
	'actions on sessions of the whole server, for as long as pg_session_guard.history_retention';

-- Read by the guard, in the database that it connects to.  Whoever may write here may end anybody's
-- session.
CREATE TABLE session_guard.rule (
	position integer NOT NULL UNIQUE DEFERRABLE,
	name name PRIMARY KEY
		CONSTRAINT name_is_not_empty CHECK (name <> ''),
	enabled boolean NOT NULL DEFAULT true,
	databases name[]
		CONSTRAINT databases_is_a_list_of_names
		CHECK (databases IS NULL
			OR (pg_catalog.array_ndims(databases) = 1 AND '' <> ALL (databases)) IS TRUE),
	roles name[]
		CONSTRAINT roles_is_a_list_of_names
		CHECK (roles IS NULL
			OR (pg_catalog.array_ndims(roles) = 1 AND '' <> ALL (roles)) IS TRUE),
	except_roles name[]
		CONSTRAINT except_roles_is_a_list_of_names
		CHECK (except_roles IS NULL
			OR (pg_catalog.array_ndims(except_roles) = 1 AND '' <> ALL (except_roles)) IS TRUE),
	application_name text
		CONSTRAINT application_name_has_at_most_200_characters
		CHECK (pg_catalog.length(application_name) <= 200)
		-- The server keeps nothing else of a client's name.
		CONSTRAINT application_name_is_ascii CHECK (application_name !~ '[^\x01-\x7f]')
		CONSTRAINT application_name_does_not_end_in_an_escape
		CHECK ((pg_catalog.length(application_name)
			- pg_catalog.length(pg_catalog.rtrim(application_name, E'\\'))) % 2 = 0),
	except_application_name text
		CONSTRAINT except_application_name_has_at_most_200_characters
		CHECK (pg_catalog.length(except_application_name) <= 200)
		-- The server keeps nothing else of a client's name.
		CONSTRAINT except_application_name_is_ascii CHECK (except_application_name !~ '[^\x01-\x7f]')
		CONSTRAINT except_application_name_does_not_end_in_an_escape
		CHECK ((pg_catalog.length(except_application_name)
			- pg_catalog.length(pg_catalog.rtrim(except_application_name, E'\\'))) % 2 = 0),
	client_addr cidr[]
		CONSTRAINT client_addr_is_a_list_of_networks
		CHECK (client_addr IS NULL
			OR (pg_catalog.array_ndims(client_addr) = 1
				AND pg_catalog.array_position(client_addr, NULL) IS NULL) IS TRUE),
	-- An expression that is not valid is an error of the operator.
	query text
		CONSTRAINT query_is_an_expression_of_1_to_1000_characters
		CHECK (query IS NULL
			OR query <> '' AND pg_catalog.length(query) <= 1000 AND ('' ~ query) IS NOT NULL),
	idle_session_timeout interval
		CONSTRAINT idle_session_timeout_is_0_or_100ms_to_10000d
		CHECK (idle_session_timeout = '0'
			OR idle_session_timeout BETWEEN '100 ms' AND '10000 days'),
	idle_in_transaction_session_timeout interval
		CONSTRAINT idle_in_transaction_session_timeout_is_0_or_100ms_to_10000d
		CHECK (idle_in_transaction_session_timeout = '0'
			OR idle_in_transaction_session_timeout BETWEEN '100 ms' AND '10000 days'),
	statement_timeout interval
		CONSTRAINT statement_timeout_is_0_or_100ms_to_10000d
		CHECK (statement_timeout = '0'
			OR statement_timeout BETWEEN '100 ms' AND '10000 days'),
	transaction_timeout interval
		CONSTRAINT transaction_timeout_is_0_or_100ms_to_10000d
		CHECK (transaction_timeout = '0'
			OR transaction_timeout BETWEEN '100 ms' AND '10000 days'),
	maintenance_timeout interval
		CONSTRAINT maintenance_timeout_is_0_or_100ms_to_10000d
		CHECK (maintenance_timeout = '0'
			OR maintenance_timeout BETWEEN '100 ms' AND '10000 days'),
	session_timeout interval
		CONSTRAINT session_timeout_is_0_or_1s_to_10000d
		CHECK (session_timeout = '0'
			OR session_timeout BETWEEN '1 s' AND '10000 days'),
	idle_blocker_timeout interval
		CONSTRAINT idle_blocker_timeout_is_0_or_100ms_to_10000d
		CHECK (idle_blocker_timeout = '0'
			OR idle_blocker_timeout BETWEEN '100 ms' AND '10000 days'),
	blocker_timeout interval
		CONSTRAINT blocker_timeout_is_0_or_100ms_to_10000d
		CHECK (blocker_timeout = '0'
			OR blocker_timeout BETWEEN '100 ms' AND '10000 days'),
	max_horizon_age bigint
		CONSTRAINT max_horizon_age_is_0_or_1000_to_2000000000
		CHECK (max_horizon_age = 0 OR max_horizon_age BETWEEN 1000 AND 2000000000),
	-- A number of kilobytes, written by mistake, is too small for that.
	max_memory bigint
		CONSTRAINT max_memory_is_0_or_16mb_to_1pb_in_bytes
		CHECK (max_memory = 0 OR max_memory BETWEEN 16777216 AND 1125899906842624),
	exempt boolean,
	mode text NOT NULL DEFAULT 'enforce'
		CONSTRAINT mode_is_enforce_or_log CHECK (mode IN ('enforce', 'log')),
	comment text,
	CONSTRAINT rule_has_a_limit_or_exempt
		CHECK (pg_catalog.num_nonnulls(
			idle_session_timeout, idle_in_transaction_session_timeout,
			statement_timeout, transaction_timeout, maintenance_timeout,
			session_timeout, idle_blocker_timeout, blocker_timeout,
			max_horizon_age, max_memory, exempt) > 0),
	-- Names of applications and texts of queries are what the client says: nobody is to spare
	-- himself by them.
	CONSTRAINT exempt_or_off_selects_by_roles_client_addr_or_databases_only
		CHECK (roles IS NOT NULL OR client_addr IS NOT NULL
			OR databases IS NOT NULL
				AND pg_catalog.num_nonnulls(application_name, except_application_name, query) = 0
			OR NOT (exempt OR 0 = ANY (ARRAY[max_horizon_age, max_memory])
				OR interval '0' = ANY (ARRAY[
				idle_session_timeout, idle_in_transaction_session_timeout, statement_timeout,
				transaction_timeout, maintenance_timeout, session_timeout, idle_blocker_timeout,
				blocker_timeout]))),
	-- It would do nothing, or more than to write a line.
	CONSTRAINT mode_log_exempts_nobody_and_switches_nothing_off
		CHECK (mode <> 'log' OR exempt IS NULL
			AND NOT (0 = ANY (ARRAY[max_horizon_age, max_memory])
				OR interval '0' = ANY (ARRAY[
				idle_session_timeout, idle_in_transaction_session_timeout, statement_timeout,
				transaction_timeout, maintenance_timeout, session_timeout, idle_blocker_timeout,
				blocker_timeout]))));
REVOKE ALL ON session_guard.rule FROM PUBLIC;
GRANT SELECT ON session_guard.rule TO pg_monitor;
SELECT pg_catalog.pg_extension_config_dump('session_guard.rule', '');
COMMENT ON TABLE session_guard.rule IS
	'limits of sessions that role and database do not select: of the rules that match a session and are not null in a limit, the first decides it, before any setting';
COMMENT ON COLUMN session_guard.rule.position IS 'rules are looked at in this order';
COMMENT ON COLUMN session_guard.rule.name IS
	'what the log, the client and session_guard.schedule call the rule';
COMMENT ON COLUMN session_guard.rule.enabled IS 'a rule that is not enabled is passed over';
COMMENT ON COLUMN session_guard.rule.databases IS
	'selects sessions in one of these databases; null selects all, as in each column that selects, and all of them must select a session';
COMMENT ON COLUMN session_guard.rule.roles IS
	'selects sessions of members of one of these roles, as +role in pg_hba.conf does';
COMMENT ON COLUMN session_guard.rule.except_roles IS 'but for members of one of these';
COMMENT ON COLUMN session_guard.rule.application_name IS
	'selects by what the client calls itself: a pattern of LIKE; '''' is who gives no name';
COMMENT ON COLUMN session_guard.rule.except_application_name IS
	'but for who calls itself so: a pattern of LIKE';
COMMENT ON COLUMN session_guard.rule.client_addr IS
	'selects clients whose address is in one of these networks; none over a Unix-domain socket is';
COMMENT ON COLUMN session_guard.rule.query IS
	'selects by the text of the statement that runs, or ran last: a regular expression';
COMMENT ON COLUMN session_guard.rule.idle_session_timeout IS
	'longest time to be idle outside a transaction; in each limit, 0 switches it off and null leaves it to the next rule, or to the settings';
COMMENT ON COLUMN session_guard.rule.idle_in_transaction_session_timeout IS
	'longest time to be idle in a transaction';
COMMENT ON COLUMN session_guard.rule.statement_timeout IS 'longest time for a statement to run';
COMMENT ON COLUMN session_guard.rule.transaction_timeout IS
	'longest time for a transaction to last';
COMMENT ON COLUMN session_guard.rule.maintenance_timeout IS
	'longest time of a statement for maintenance commands';
COMMENT ON COLUMN session_guard.rule.session_timeout IS 'longest time for a session to last';
COMMENT ON COLUMN session_guard.rule.idle_blocker_timeout IS
	'longest time to be idle while others wait for its locks';
COMMENT ON COLUMN session_guard.rule.blocker_timeout IS
	'longest time to keep others waiting for its locks';
COMMENT ON COLUMN session_guard.rule.max_horizon_age IS
	'largest number of transactions to hold back vacuum by';
COMMENT ON COLUMN session_guard.rule.max_memory IS
	'most memory for a session to use for itself, in bytes; pg_size_bytes(''2GB'')';
COMMENT ON COLUMN session_guard.rule.exempt IS
	'true spares the session from all limits; false keeps rules that come later from doing so, but lifts no exempt of the settings; null leaves it to the next rule, or to the settings';
COMMENT ON COLUMN session_guard.rule.mode IS
	'enforce, or log: what is over a limit of the rule is only written to the log and the history';
COMMENT ON COLUMN session_guard.rule.comment IS 'for people';

-- By rows, since the apply worker of logical replication fires no triggers by statements.
CREATE FUNCTION session_guard.note_rule_change()
RETURNS trigger
AS 'MODULE_PATHNAME', 'session_guard_note_rule_change'
LANGUAGE C;
REVOKE ALL ON FUNCTION session_guard.note_rule_change() FROM PUBLIC;
COMMENT ON FUNCTION session_guard.note_rule_change() IS
	'trigger: the guard reads the rules again when the transaction is committed';
CREATE TRIGGER change AFTER INSERT OR UPDATE OR DELETE ON session_guard.rule
	FOR EACH ROW EXECUTE FUNCTION session_guard.note_rule_change();
CREATE TRIGGER truncate AFTER TRUNCATE ON session_guard.rule
	FOR EACH STATEMENT EXECUTE FUNCTION session_guard.note_rule_change();

-- No error: rules are restored before their databases, and sometimes before their roles.
CREATE FUNCTION session_guard.warn_of_unknown_names()
RETURNS trigger
AS 'MODULE_PATHNAME', 'session_guard_warn_of_unknown_names'
LANGUAGE C;
REVOKE ALL ON FUNCTION session_guard.warn_of_unknown_names() FROM PUBLIC;
COMMENT ON FUNCTION session_guard.warn_of_unknown_names() IS
	'trigger: warns of databases and roles that do not exist';
CREATE TRIGGER unknown_names
	AFTER INSERT OR UPDATE OF enabled, databases, roles, except_roles ON session_guard.rule
	FOR EACH ROW EXECUTE FUNCTION session_guard.warn_of_unknown_names();

-- In replicas, too.
ALTER TABLE session_guard.rule
	ENABLE ALWAYS TRIGGER change,
	ENABLE ALWAYS TRIGGER truncate,
	ENABLE ALWAYS TRIGGER unknown_names;

-- What the functions return: one row per session.
CREATE TYPE session_guard.result AS (
	pid integer,
	backend_start timestamp with time zone,
	datname name,
	usename name,
	application_name text,
	client_addr inet,
	state text,
	query text,
	action text,
	outcome text,
	note text);
COMMENT ON TYPE session_guard.result IS 'what became of one session that a function was about';
COMMENT ON COLUMN session_guard.result.state IS 'its state when it was selected';
COMMENT ON COLUMN session_guard.result.query IS 'its query when it was selected';
COMMENT ON COLUMN session_guard.result.action IS 'cancel or terminate';
COMMENT ON COLUMN session_guard.result.outcome IS
	'canceled, terminated (both confirmed), signaled, gone, raced, spared, denied, survived or dry run';
COMMENT ON COLUMN session_guard.result.note IS 'more about the outcome';

-- An absent filter must differ from NULL.  The C code looks for the call itself, which
-- therefore must not be folded into a constant.
CREATE FUNCTION session_guard.not_given()
RETURNS text
AS 'MODULE_PATHNAME', 'session_guard_not_given'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION session_guard.not_given() IS 'the default of a filter: it is not given';

-- A text, or an array of texts, in an argument.  A literal is one text: '{a,b}' may be a name.
CREATE TYPE session_guard.one_or_many;
CREATE FUNCTION session_guard.one_or_many_in(cstring)
RETURNS session_guard.one_or_many
AS 'MODULE_PATHNAME', 'session_guard_one_or_many_in'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION session_guard.one_or_many_out(session_guard.one_or_many)
RETURNS cstring
AS 'MODULE_PATHNAME', 'session_guard_one_or_many_out'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
CREATE TYPE session_guard.one_or_many (
	INPUT = session_guard.one_or_many_in,
	OUTPUT = session_guard.one_or_many_out,
	LIKE = pg_catalog.text[]);
COMMENT ON TYPE session_guard.one_or_many IS
	'a text, or an array of texts: for the arguments of functions';
COMMENT ON FUNCTION session_guard.one_or_many_in(cstring) IS 'I/O';
COMMENT ON FUNCTION session_guard.one_or_many_out(session_guard.one_or_many) IS 'I/O';

CREATE FUNCTION session_guard.one_or_many(text)
RETURNS session_guard.one_or_many
AS 'MODULE_PATHNAME', 'session_guard_one_of_text'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION session_guard.one_or_many(name)
RETURNS session_guard.one_or_many
AS 'MODULE_PATHNAME', 'session_guard_one_of_name'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_guard.one_or_many(text) IS 'one text';
COMMENT ON FUNCTION session_guard.one_or_many(name) IS 'one name';
CREATE FUNCTION session_guard.one_or_many(text[])
RETURNS session_guard.one_or_many
AS 'MODULE_PATHNAME', 'session_guard_many_of_array'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_guard.one_or_many(text[]) IS 'many texts';
CREATE FUNCTION session_guard.one_or_many(varchar[])
RETURNS session_guard.one_or_many
AS 'MODULE_PATHNAME', 'session_guard_many_of_array'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_guard.one_or_many(varchar[]) IS 'many texts';
CREATE FUNCTION session_guard.one_or_many(name[])
RETURNS session_guard.one_or_many
AS 'MODULE_PATHNAME', 'session_guard_many_of_array'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_guard.one_or_many(name[]) IS 'many names';
CREATE CAST (text AS session_guard.one_or_many)
	WITH FUNCTION session_guard.one_or_many(text) AS IMPLICIT;
CREATE CAST (varchar AS session_guard.one_or_many)
	WITH FUNCTION session_guard.one_or_many(text) AS IMPLICIT;
CREATE CAST (name AS session_guard.one_or_many)
	WITH FUNCTION session_guard.one_or_many(name) AS IMPLICIT;
CREATE CAST (text[] AS session_guard.one_or_many)
	WITH FUNCTION session_guard.one_or_many(text[]) AS IMPLICIT;
CREATE CAST (varchar[] AS session_guard.one_or_many)
	WITH FUNCTION session_guard.one_or_many(varchar[]) AS IMPLICIT;
CREATE CAST (name[] AS session_guard.one_or_many)
	WITH FUNCTION session_guard.one_or_many(name[]) AS IMPLICIT;

-- The functions are in the schema chosen at CREATE EXTENSION.

CREATE FUNCTION terminate_db_sessions(
	dbname session_guard.one_or_many,
	except_self boolean DEFAULT true,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_db_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_db_sessions(session_guard.one_or_many, boolean, boolean, interval,
	text, boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'terminate the sessions of a database';

CREATE FUNCTION terminate_user_sessions(
	username session_guard.one_or_many,
	except_self boolean DEFAULT true,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_user_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_user_sessions(session_guard.one_or_many, boolean, boolean,
	interval, text, boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'terminate the sessions of a role';

CREATE FUNCTION terminate_all_sessions(
	except_self boolean DEFAULT true,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_dbname session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_all_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_all_sessions(boolean, boolean, interval, text, boolean,
	session_guard.one_or_many, session_guard.one_or_many, session_guard.one_or_many) IS
	'terminate the sessions of the whole server';

CREATE FUNCTION terminate_idle_sessions(
	idle_for interval,
	dbname session_guard.one_or_many DEFAULT session_guard.not_given(),
	include_sync_rep boolean DEFAULT false,
	include_spared boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_idle_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_idle_sessions(interval, session_guard.one_or_many, boolean,
	boolean, interval, text, boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'terminate sessions that have been idle for longer';

CREATE FUNCTION terminate_idle_in_transaction_sessions(
	idle_for interval,
	dbname session_guard.one_or_many DEFAULT session_guard.not_given(),
	include_sync_rep boolean DEFAULT false,
	include_spared boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_idle_in_transaction_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_idle_in_transaction_sessions(interval, session_guard.one_or_many,
	boolean, boolean, interval, text, boolean, session_guard.one_or_many,
	session_guard.one_or_many) IS
	'terminate sessions that have been idle in transaction for longer';

CREATE FUNCTION terminate_blocking_sessions(
	blocking_for interval DEFAULT '0',
	include_advisory boolean DEFAULT false,
	include_sync_rep boolean DEFAULT false,
	include_spared boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_blocking_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_blocking_sessions(interval, boolean, boolean, boolean, interval,
	text, boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'terminate the sessions at the root of lock waits that have lasted for longer';

CREATE FUNCTION terminate_session(
	pid integer,
	backend_start timestamp with time zone DEFAULT session_guard.not_given()::timestamp with time zone,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_session(integer, timestamp with time zone, interval, text,
	boolean) IS
	'terminate the process with this ID; with backend_start only if it is that session';

CREATE FUNCTION terminate_sessions(
	dbname session_guard.one_or_many DEFAULT session_guard.not_given(),
	username session_guard.one_or_many DEFAULT session_guard.not_given(),
	application_name session_guard.one_or_many DEFAULT session_guard.not_given(),
	client_addr inet DEFAULT session_guard.not_given()::inet,
	state session_guard.one_or_many DEFAULT session_guard.not_given(),
	query text DEFAULT session_guard.not_given(),
	longer_than interval DEFAULT session_guard.not_given()::interval,
	except_self boolean DEFAULT true,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_dbname session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_terminate_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION terminate_sessions(session_guard.one_or_many, session_guard.one_or_many,
	session_guard.one_or_many, inet, session_guard.one_or_many, text, interval, boolean,
	boolean, interval, text, boolean, session_guard.one_or_many, session_guard.one_or_many,
	session_guard.one_or_many) IS
	'terminate the sessions that pass all filters given';

CREATE FUNCTION cancel_db_queries(
	dbname session_guard.one_or_many,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_cancel_db_queries'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cancel_db_queries(session_guard.one_or_many, boolean, interval, text,
	boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'cancel the statements running in a database';

CREATE FUNCTION cancel_user_queries(
	username session_guard.one_or_many,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_cancel_user_queries'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cancel_user_queries(session_guard.one_or_many, boolean, interval, text,
	boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'cancel the statements running for a role';

CREATE FUNCTION cancel_long_queries(
	running_for interval,
	dbname session_guard.one_or_many DEFAULT session_guard.not_given(),
	include_sync_rep boolean DEFAULT false,
	include_spared boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_cancel_long_queries'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cancel_long_queries(interval, session_guard.one_or_many, boolean, boolean,
	interval, text, boolean, session_guard.one_or_many, session_guard.one_or_many) IS
	'cancel statements that have been running for longer';

CREATE FUNCTION cancel_query(
	pid integer,
	backend_start timestamp with time zone DEFAULT session_guard.not_given()::timestamp with time zone,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_cancel_query'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cancel_query(integer, timestamp with time zone, interval, text, boolean) IS
	'cancel the statement of the process with this ID; with backend_start only if it is that session';

CREATE FUNCTION cancel_queries(
	dbname session_guard.one_or_many DEFAULT session_guard.not_given(),
	username session_guard.one_or_many DEFAULT session_guard.not_given(),
	application_name session_guard.one_or_many DEFAULT session_guard.not_given(),
	client_addr inet DEFAULT session_guard.not_given()::inet,
	state session_guard.one_or_many DEFAULT session_guard.not_given(),
	query text DEFAULT session_guard.not_given(),
	longer_than interval DEFAULT session_guard.not_given()::interval,
	except_self boolean DEFAULT true,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false,
	except_username session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_application_name session_guard.one_or_many DEFAULT session_guard.not_given(),
	except_dbname session_guard.one_or_many DEFAULT session_guard.not_given())
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_cancel_queries'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cancel_queries(session_guard.one_or_many, session_guard.one_or_many,
	session_guard.one_or_many, inet, session_guard.one_or_many, text, interval, boolean,
	boolean, interval, text, boolean, session_guard.one_or_many, session_guard.one_or_many,
	session_guard.one_or_many) IS
	'cancel the statements of the sessions that pass all filters given';

CREATE FUNCTION stop_query(
	pid integer,
	grace interval DEFAULT '10 s',
	timeout interval DEFAULT '5 s',
	reason text DEFAULT NULL,
	dry_run boolean DEFAULT false)
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_stop_query'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION stop_query(integer, interval, interval, text, boolean) IS
	'cancel a statement, and terminate its session if the same statement still runs after the grace';

-- Connections

CREATE FUNCTION close_database(
	dbname session_guard.one_or_many,
	reason text DEFAULT NULL,
	for_time interval DEFAULT '1 h')
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'session_guard_close_database'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION close_database(session_guard.one_or_many, text, interval) IS
	'refuse new connections to a database for a time; returns until when';

CREATE FUNCTION open_database(dbname session_guard.one_or_many)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_guard_open_database'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION open_database(session_guard.one_or_many) IS
	'accept connections to a database again; returns whether it was closed';

CREATE FUNCTION close_role(
	username session_guard.one_or_many,
	reason text DEFAULT NULL,
	for_time interval DEFAULT '1 h')
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'session_guard_close_role'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION close_role(session_guard.one_or_many, text, interval) IS
	'refuse new connections as a role for a time; returns until when';

CREATE FUNCTION open_role(username session_guard.one_or_many)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_guard_open_role'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION open_role(session_guard.one_or_many) IS
	'accept connections as a role again; returns whether it was closed';

CREATE FUNCTION drain_database(
	dbname session_guard.one_or_many,
	deadline interval DEFAULT '1 min',
	keep_closed_for interval DEFAULT '1 min',
	reason text DEFAULT NULL,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	dry_run boolean DEFAULT false)
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_drain_database'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION drain_database(session_guard.one_or_many, interval, interval, text, boolean,
	interval, boolean) IS
	'close a database, and end its sessions after their transactions, at the deadline in any case';

CREATE FUNCTION drain_role(
	username session_guard.one_or_many,
	deadline interval DEFAULT '1 min',
	keep_closed_for interval DEFAULT '1 min',
	reason text DEFAULT NULL,
	include_sync_rep boolean DEFAULT false,
	timeout interval DEFAULT '5 s',
	dry_run boolean DEFAULT false)
RETURNS SETOF session_guard.result
AS 'MODULE_PATHNAME', 'session_guard_drain_role'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION drain_role(session_guard.one_or_many, interval, interval, text, boolean,
	interval, boolean) IS
	'close a role, and end its sessions after their transactions, at the deadline in any case';

CREATE FUNCTION session_guard.get_closed(
	OUT datname name,
	OUT usename name,
	OUT closed_by text,
	OUT reason text,
	OUT since timestamptz,
	OUT until timestamptz,
	OUT refused bigint,
	OUT drained_by integer,
	OUT sessions_left integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_closed'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_guard.get_closed() IS
	'what functions have closed to new connections';

CREATE VIEW session_guard.closed AS
	SELECT * FROM session_guard.get_closed()
	UNION ALL
	SELECT d.datname, r.rolname, NULL, 'pg_session_guard.accept_connections is off', NULL,
		'infinity', NULL, NULL, NULL
	FROM pg_catalog.pg_db_role_setting AS s
	LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
	LEFT JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole
	WHERE EXISTS (
		SELECT FROM pg_catalog.unnest(s.setconfig) AS c
		WHERE pg_catalog.lower(pg_catalog.split_part(c, '=', 1))
				OPERATOR(pg_catalog.=) 'pg_session_guard.accept_connections'
			AND pg_catalog.lower(pg_catalog.split_part(c, '=', 2))
				OPERATOR(pg_catalog.~) '^(0|n|no|of|off|f|fa|fal|fals|false)$');
GRANT SELECT ON session_guard.closed TO PUBLIC;
COMMENT ON VIEW session_guard.closed IS
	'databases and roles that are closed to new connections';
COMMENT ON COLUMN session_guard.closed.datname IS
	'the database; NULL if the role is closed in all';
COMMENT ON COLUMN session_guard.closed.usename IS
	'the role; NULL if the database is closed to all';
COMMENT ON COLUMN session_guard.closed.closed_by IS
	'who has closed it by a function; NULL if a setting does';
COMMENT ON COLUMN session_guard.closed.reason IS
	'what was given as the reason; of a setting its name';
COMMENT ON COLUMN session_guard.closed.since IS
	'since when; NULL of a setting';
COMMENT ON COLUMN session_guard.closed.until IS
	'until when; infinity of a setting, NULL while it is being drained';
COMMENT ON COLUMN session_guard.closed.refused IS
	'how many connections were refused since; NULL of a setting';
COMMENT ON COLUMN session_guard.closed.drained_by IS
	'the process that is draining it';
COMMENT ON COLUMN session_guard.closed.sessions_left IS
	'how many sessions that process still waits for';

CREATE FUNCTION session_guard.get_sessions(
	OUT pid integer,
	OUT is_self boolean,
	OUT backend_start timestamp with time zone,
	OUT datname name,
	OUT usename name,
	OUT application_name text,
	OUT client_addr inet,
	OUT state text,
	OUT state_age interval,
	OUT query_age interval,
	OUT transaction_age interval,
	OUT session_age interval,
	OUT wait_event_type text,
	OUT wait_event text,
	OUT blocked_by integer[],
	OUT root_blockers integer[],
	OUT blocks integer,
	OUT horizon_age integer,
	OUT parallel_workers integer,
	OUT memory bigint,
	OUT query text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_sessions'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION session_guard.get_sessions() IS 'sessions, as they are now';

CREATE VIEW session_guard.session AS SELECT * FROM session_guard.get_sessions();
GRANT SELECT ON session_guard.session TO PUBLIC;
COMMENT ON VIEW session_guard.session IS
	'sessions of clients, and of workers in background_workers, as they are now: what one needs to know to choose whom to end';
COMMENT ON COLUMN session_guard.session.pid IS 'process ID';
COMMENT ON COLUMN session_guard.session.is_self IS 'is it the session that asks?';
COMMENT ON COLUMN session_guard.session.backend_start IS
	'when it connected; with the pid it names the session';
COMMENT ON COLUMN session_guard.session.datname IS 'database';
COMMENT ON COLUMN session_guard.session.usename IS 'role that it logged in as';
COMMENT ON COLUMN session_guard.session.application_name IS 'what the client calls itself';
COMMENT ON COLUMN session_guard.session.client_addr IS
	'address of the client; null for a Unix-domain socket';
COMMENT ON COLUMN session_guard.session.state IS 'as in pg_stat_activity';
COMMENT ON COLUMN session_guard.session.state_age IS 'how long it has been in this state';
COMMENT ON COLUMN session_guard.session.query_age IS
	'how long its statement has been running; null if none is';
COMMENT ON COLUMN session_guard.session.transaction_age IS 'how long its transaction has been open';
COMMENT ON COLUMN session_guard.session.session_age IS 'how long it has been connected';
COMMENT ON COLUMN session_guard.session.wait_event_type IS 'kind of what it waits for';
COMMENT ON COLUMN session_guard.session.wait_event IS 'what it waits for';
COMMENT ON COLUMN session_guard.session.blocked_by IS
	'who holds the lock that it waits for, or else is ahead of it in the queue; 0 is a prepared transaction';
COMMENT ON COLUMN session_guard.session.root_blockers IS
	'who is at the end of the chain of waits that it is in, and waits for nobody: they decide when it goes on; 0 is a prepared transaction';
COMMENT ON COLUMN session_guard.session.blocks IS 'how many it blocks directly';
COMMENT ON COLUMN session_guard.session.horizon_age IS
	'transactions since the oldest that it keeps vacuum from cleaning up after; null if it does not';
COMMENT ON COLUMN session_guard.session.parallel_workers IS 'parallel workers that it leads';
COMMENT ON COLUMN session_guard.session.memory IS
	'bytes that it and its parallel workers have for themselves, without shared memory; null if /proc cannot be read';
COMMENT ON COLUMN session_guard.session.query IS 'its statement, or the last one';

CREATE FUNCTION session_guard.get_horizon(
	OUT kind text,
	OUT pid integer,
	OUT is_self boolean,
	OUT backend_start timestamp with time zone,
	OUT name text,
	OUT datname name,
	OUT usename name,
	OUT state text,
	OUT age integer,
	OUT holds_back text,
	OUT inherited boolean,
	OUT xid xid,
	OUT xmin xid,
	OUT catalog_xmin xid,
	OUT transaction_age interval,
	OUT query text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_horizon'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION session_guard.get_horizon() IS 'what vacuum waits for, as it is now';

CREATE VIEW session_guard.horizon AS SELECT * FROM session_guard.get_horizon();
GRANT SELECT ON session_guard.horizon TO PUBLIC;
COMMENT ON VIEW session_guard.horizon IS
	'what keeps vacuum from cleaning up, the oldest first: sessions and other processes, prepared transactions, standbys, replication slots';
COMMENT ON COLUMN session_guard.horizon.kind IS
	'session, prepared transaction, replication slot, standby, or what other process it is';
COMMENT ON COLUMN session_guard.horizon.pid IS
	'process ID; of a slot, of who uses it; null if there is no process';
COMMENT ON COLUMN session_guard.horizon.is_self IS 'is it the session that asks?';
COMMENT ON COLUMN session_guard.horizon.backend_start IS
	'when it connected; with the pid it names the session';
COMMENT ON COLUMN session_guard.horizon.name IS
	'what the client calls itself; the slot''s name, or the prepared transaction''s';
COMMENT ON COLUMN session_guard.horizon.datname IS
	'database; others are held back in the catalogs that all have in common only, but slots and standbys hold back all';
COMMENT ON COLUMN session_guard.horizon.usename IS
	'role that it logged in as, or that has prepared the transaction';
COMMENT ON COLUMN session_guard.horizon.state IS
	'as in pg_stat_activity; of a slot, active or inactive';
COMMENT ON COLUMN session_guard.horizon.age IS
	'transactions since the oldest of xid, xmin and catalog_xmin';
COMMENT ON COLUMN session_guard.horizon.holds_back IS
	'where vacuum is held back by that: in its database, all databases, catalogs, or shared catalogs';
COMMENT ON COLUMN session_guard.horizon.inherited IS
	'is it so old only by a snapshot, and a transaction of somebody else that is as old still runs?';
COMMENT ON COLUMN session_guard.horizon.xid IS 'its own transaction';
COMMENT ON COLUMN session_guard.horizon.xmin IS 'the oldest transaction that its snapshot needs';
COMMENT ON COLUMN session_guard.horizon.catalog_xmin IS
	'the oldest that a slot needs in catalogs; other tables are not held back by it';
COMMENT ON COLUMN session_guard.horizon.transaction_age IS
	'how long its transaction has been open, or prepared';
COMMENT ON COLUMN session_guard.horizon.query IS 'its statement, or the last one';

-- A query that a rule selects by is compared in a subtransaction, which a parallel query cannot have.
CREATE FUNCTION session_guard.get_schedule(
	OUT pid integer,
	OUT backend_start timestamp with time zone,
	OUT datname name,
	OUT usename name,
	OUT application_name text,
	OUT state text,
	OUT limit_name text,
	OUT threshold interval,
	OUT threshold_amount bigint,
	OUT source text,
	OUT since timestamp with time zone,
	OUT measured interval,
	OUT measured_amount bigint,
	OUT due_at timestamp with time zone,
	OUT action text,
	OUT spared text,
	OUT waits_for text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_schedule'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_guard.get_schedule() IS 'what the guard will do, if all goes on as it is';

CREATE VIEW session_guard.schedule AS SELECT * FROM session_guard.get_schedule();
GRANT SELECT ON session_guard.schedule TO PUBLIC;
COMMENT ON VIEW session_guard.schedule IS
	'who would be ended, when and why: one row per session and limit in force; of a session whose activity the caller may not see, only what the settings of its role and database say';
COMMENT ON COLUMN session_guard.schedule.pid IS 'process ID';
COMMENT ON COLUMN session_guard.schedule.backend_start IS
	'when it connected; with the pid it names the session';
COMMENT ON COLUMN session_guard.schedule.datname IS 'database';
COMMENT ON COLUMN session_guard.schedule.usename IS 'role that it logged in as';
COMMENT ON COLUMN session_guard.schedule.application_name IS 'what the client calls itself';
COMMENT ON COLUMN session_guard.schedule.state IS 'as in pg_stat_activity';
COMMENT ON COLUMN session_guard.schedule.limit_name IS 'the limit, as its setting is called';
COMMENT ON COLUMN session_guard.schedule.threshold IS
	'the limit''s value for this session; null if it does not measure time';
COMMENT ON COLUMN session_guard.schedule.threshold_amount IS
	'the same if it does not: transactions, or bytes';
COMMENT ON COLUMN session_guard.schedule.source IS 'where that value was set';
COMMENT ON COLUMN session_guard.schedule.since IS
	'from when it is measured; null while the session does nothing of the kind';
COMMENT ON COLUMN session_guard.schedule.measured IS 'how long that is by now';
COMMENT ON COLUMN session_guard.schedule.measured_amount IS
	'how much it is by now: transactions, or bytes';
COMMENT ON COLUMN session_guard.schedule.due_at IS
	'when it will be acted on if it goes on so (the jitter of session_timeout included), and at the earliest if it is spared for now; null if nothing is to come, or if it is spared for good or beyond that time';
COMMENT ON COLUMN session_guard.schedule.action IS 'what is done then: cancel, terminate or log';
COMMENT ON COLUMN session_guard.schedule.spared IS 'why it is spared at this moment; null if it is not';
COMMENT ON COLUMN session_guard.schedule.waits_for IS
	'who is at the end of the chain of waits for locks that it is in; null if it waits for none';

CREATE FUNCTION session_guard.rule_matches(
	rule name,
	OUT pid integer,
	OUT backend_start timestamp with time zone,
	OUT datname name,
	OUT usename name,
	OUT application_name text,
	OUT state text,
	OUT limit_name text,
	OUT threshold interval,
	OUT threshold_amount bigint,
	OUT decides boolean,
	OUT decided_by text,
	OUT since timestamp with time zone,
	OUT measured interval,
	OUT measured_amount bigint,
	OUT due_at timestamp with time zone,
	OUT action text,
	OUT spared text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_rule_matches'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_guard.rule_matches(name) IS
	'which sessions a rule means now, and what would happen to them if it were enabled and enforced';

CREATE FUNCTION session_guard.explain(
	pid integer,
	OUT limit_name text,
	OUT step integer,
	OUT source text,
	OUT threshold interval,
	OUT threshold_amount bigint,
	OUT exempt boolean,
	OUT decides boolean,
	OUT note text,
	OUT spared text,
	OUT due_at timestamp with time zone,
	OUT action text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'session_guard_explain'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_guard.explain(integer) IS
	'of one session, limit by limit: which rule or setting decides, what else was considered, and why it does not';

-- A function of the same name with better matching arguments would be called instead of ours, with
-- the rights of whoever calls.
DO LANGUAGE plpgsql $$
DECLARE
	schema_name pg_catalog.text;
	creators pg_catalog.text;
BEGIN
	SELECT n.nspname, pg_catalog.string_agg(
			CASE WHEN r.oid IS NULL THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END,
			', ' ORDER BY r.rolname)
		INTO schema_name, creators
		FROM pg_catalog.pg_namespace n
			CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
			LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
		WHERE n.nspname OPERATOR(pg_catalog.=) pg_catalog.current_schema()
			AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'
			AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
			AND r.rolsuper IS NOT TRUE
		GROUP BY n.nspname;
	IF FOUND THEN
		RAISE WARNING 'others may create functions in schema "%"', schema_name
			USING DETAIL = pg_catalog.concat('These may create in it, beside its owner: ', creators,
					'. A function of the same name that matches a call better is called instead of the extension''s.'),
				HINT = 'Revoke CREATE on the schema from them, or create the extension in a schema of its own: '
					'CREATE SCHEMA guard; CREATE EXTENSION pg_session_guard SCHEMA guard.';
	END IF;
END $$;
