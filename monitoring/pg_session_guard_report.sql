-- What pg_session_guard has ended, as a page to be read in the morning.
--
--   psql -X -d postgres -f pg_session_guard_report.sql -o report.html
--
-- It is read from session_guard.history, so psql connects to the database that
-- pg_session_guard.database names, as a member of pg_monitor.  On a standby it is what
-- session_guard.event still has of that server.  psql's -v changes the period:
--
--   -v since='7 days'               how long it is; 1 day unless set
--   -v until='2026-07-01 07:00'     when it ends; now unless set
--
-- Whatever somebody else has chosen (names, queries, reasons) is written by psql, which escapes
-- it, and never by \qecho.
\set quiet_before :QUIET
\set stop_before :ON_ERROR_STOP
\set encoding_before :ENCODING
\set QUIET on
\set ON_ERROR_STOP on

-- All of it is read in one transaction, whose settings end with it.
SELECT pg_catalog.now() OPERATOR(pg_catalog.<>) pg_catalog.statement_timestamp() AS is_inside \gset
\if :is_inside
	DO $$ BEGIN RAISE 'the report cannot be written inside another transaction'
		USING HINT = 'Run psql without -1, and with AUTOCOMMIT on.'; END $$;
\endif
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL search_path = pg_catalog;
SET LOCAL intervalstyle = postgres;
SET LOCAL datestyle = iso;

\pset format html
\pset border 0
\pset expanded off
\pset footer off
\pset null ''
\pset numericlocale off
\pset tuples_only off
\pset title

\if :{?since} \else \set since '1 day' \endif
\if :{?until} \else \set until now \endif

-- Nothing can be converted from SQL_ASCII, nor block elements to most encodings.
SELECT current_setting('server_encoding') AS encoding,
	current_setting('server_encoding') = 'SQL_ASCII' AS is_ascii,
	current_setting('server_encoding') = 'UTF8' AS has_blocks
\gset
\if :is_ascii
	\encoding SQL_ASCII
\else
	\encoding UTF8
\endif
\if :has_blocks
	-- A full block, and the parts of one, by eighths.
	SELECT chr(9608) AS block, string_agg(chr(9616 - n), '' ORDER BY n) AS parts, 8 AS units
	FROM generate_series(1, 7) AS n \gset
\else
	\set block '#'
	\set parts ''
	\set units 1
\endif

-- Where to read, and of which time.
SELECT to_regclass('session_guard.history') IS NULL AS is_not_here,
	:'since'::interval <= '0' AS is_no_period,
	NOT (isfinite(:'since'::interval) AND isfinite(:'until'::timestamptz)) AS is_endless,
	pg_is_in_recovery() AS on_standby,
	NOT pg_is_in_recovery()
		AND current_database() <> current_setting('pg_session_guard.database', true) IS TRUE AS is_elsewhere
\gset
\if :is_no_period
	DO $$ BEGIN RAISE 'since must be more than 0'; END $$;
\endif
\if :is_endless
	DO $$ BEGIN RAISE 'since and until must be finite'; END $$;
\endif
\if :is_not_here
	DO $$ BEGIN RAISE 'the extension is not in database "%"', current_database(); END $$;
\endif
\if :is_elsewhere
	DO $$ BEGIN RAISE 'the history is in database "%"', current_setting('pg_session_guard.database'); END $$;
\endif
\if :on_standby
	\set relation session_guard.event
\else
	\set relation session_guard.history
\endif
SELECT :'until'::timestamptz AS until_time,
	:'until'::timestamptz - :'since'::interval AS since_time,
	:'until'::timestamptz - 2 * :'since'::interval AS before_time \gset

-- What the queries below have in common.  "Before" is the period of the same length before it.
\set events '(SELECT * FROM :relation WHERE acted_at >= :''since_time'' AND acted_at < :''until_time'') AS e'
\set both '(SELECT *, acted_at >= :''since_time'' AS is_now FROM :relation WHERE acted_at >= :''before_time'' AND acted_at < :''until_time'') AS e'
\set all '(SELECT *, acted_at >= :''since_time'' AS is_now FROM :relation WHERE acted_at < :''until_time'') AS e'
\set is_end 'outcome IN (''terminated'', ''canceled'')'
\set is_trouble '(outcome IN (''survived'', ''denied'', ''signaled'') OR gone_after > ''5 s'')'
\set now 'count(*) FILTER (WHERE is_now)'
\set before 'count(*) FILTER (WHERE NOT is_now)'
\set share 'ceil(24.0 * :units * :now / greatest(max(:now) OVER (), 1))::integer AS share'
\set bar 'repeat(:''block'', share / :units) || substr(:''parts'', share % :units, 1) AS " "'
\set time 'to_char(acted_at, ''YYYY-MM-DD HH24:MI'')'
\set application 'coalesce(nullif(application_name, ''''), ''(no name)'')'
\set cause 'coalesce(limit_name, function_name, action)'
\set longest 'CASE WHEN longest < ''10 s'' THEN date_trunc(''milliseconds'', longest) ELSE date_trunc(''second'', longest) END'
SELECT count(*) > 0 AS has_events,
	count(*) FILTER (WHERE :is_end) > 0 AS has_ends,
	count(*) FILTER (WHERE :is_end AND actor = 'guard') > 0 AS has_ends_by_limit,
	count(*) FILTER (WHERE :is_end AND measured IS NOT NULL) > 0 AS has_measured,
	count(*) FILTER (WHERE function_name IS NOT NULL) > 0 AS has_calls,
	count(*) FILTER (WHERE :is_trouble) > 0 AS has_trouble,
	count(*) FILTER (WHERE outcome = 'dry run') > 0 AS has_dry_runs
FROM :events \gset
-- What there is of older times tells whether nothing was done in the period before, or nothing is
-- left of it; and without any, everything would be new.
SELECT EXISTS (SELECT FROM :both WHERE NOT is_now) AS has_before,
	EXISTS (SELECT FROM :all WHERE NOT is_now) AS has_older \gset
\set has_new false
\if :has_older
	SELECT EXISTS (SELECT FROM :all WHERE :is_end
		GROUP BY :cause, usename, application_name HAVING bool_and(is_now)) AS has_new \gset
\endif

\qecho '<!DOCTYPE html>'
\qecho '<html lang="en">'
\qecho '<head>'
\if :is_ascii
\else
	\qecho '<meta charset="utf-8">'
\endif
\qecho '<meta name="viewport" content="width=device-width">'
\qecho '<title>What pg_session_guard has ended</title>'
\qecho '<style>'
\qecho 'body { font: 15px/1.4 "Segoe UI", Roboto, Helvetica, Arial, sans-serif; color: #222; background: #fff;'
\qecho '  max-width: 68em; margin: 1.5em auto; padding: 0 1em }'
\qecho 'h1 { font-size: 1.6em; margin: 0 0 .4em }'
\qecho 'h2 { font-size: 1.15em; margin: 1.8em 0 .4em }'
\qecho 'table { border-collapse: collapse }'
\qecho 'th { color: #666; font-weight: normal; font-size: .9em; text-align: left; border-bottom: 1px solid #bbb }'
\qecho 'th, td { padding: .15em 1.2em .15em 0; vertical-align: top }'
\qecho 'table.bars td:last-child { color: #336791; white-space: nowrap; letter-spacing: -.02em; line-height: 1; vertical-align: middle }'
\qecho 'table.facts td:first-child { color: #666 }'
\qecho 'table.list { font-size: .92em }'
\qecho 'table.list td:first-child { white-space: nowrap }'
\qecho 'table.queries td:last-child { min-width: 13em }'
\qecho 'p.none { font-size: 1.15em; margin: 1.5em 0 }'
\qecho '.trouble { color: #b00020 }'
\qecho '</style>'
\qecho '</head>'
\qecho '<body>'
\qecho '<h1>What pg_session_guard has ended</h1>'

\pset tuples_only on
\pset tableattr 'class="facts"'
SELECT fact, value FROM (VALUES
	(1, 'server', concat_ws(', ', nullif(current_setting('cluster_name'), ''),
		'port ' || current_setting('port'), 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1))),
	(2, 'from', to_char(:'since_time'::timestamptz, 'FMDay, YYYY-MM-DD HH24:MI')),
	(3, 'to', to_char(:'until_time'::timestamptz, 'FMDay, YYYY-MM-DD HH24:MI')
		|| ' (' || current_setting('TimeZone') || ')'),
	(4, 'before', CASE WHEN :'has_before'::boolean THEN 'the time of the same length before that'
		WHEN :'has_older'::boolean THEN 'nothing was done in the time of the same length before that'
		ELSE 'nothing of it is left' END),
	(5, CASE WHEN pg_is_in_recovery() THEN 'standby' END,
		'what its memory still has; it writes no history')) AS facts (place, fact, value)
WHERE fact IS NOT NULL ORDER BY place;
\pset tuples_only off

\if :has_ends
\else
	\qecho '<p class="none">Nothing was ended.</p>'
\endif

\if :has_events
	\qecho '<h2>In all</h2>'
	\pset tableattr 'class="bars"'
	SELECT outcome, CASE outcome
			WHEN 'terminated' THEN 'sessions that have ended'
			WHEN 'canceled' THEN 'statements that have ended'
			WHEN 'survived' THEN 'still there after they should have ended'
			WHEN 'signaled' THEN 'not known to have ended'
			WHEN 'raced' THEN 'left alone, since they had moved on'
			WHEN 'gone' THEN 'had ended by themselves'
			WHEN 'spared' THEN 'left alone, for a reason to spare them'
			WHEN 'denied' THEN 'whoever has called the function may not'
			WHEN 'dry run' THEN 'would have ended, had mode not been log'
		END AS " ", number, before, :bar
	FROM (SELECT outcome, :now AS number, :before AS before, :share FROM :both GROUP BY outcome) AS t
	ORDER BY array_position(ARRAY['terminated', 'canceled', 'survived', 'signaled', 'raced', 'gone',
		'spared', 'denied', 'dry run'], outcome);
\endif

\if :has_trouble
	\qecho '<h2 class="trouble">What did not go, or took more than 5 seconds</h2>'
	\pset tableattr 'class="list queries"'
	SELECT :time AS time, pid, concat_ws('@', usename, datname) AS role, :application AS application,
		:cause AS "for", outcome, date_trunc('second', gone_after) AS "gone after", note,
		left(query, 80) AS query
	FROM :events WHERE :is_trouble
	ORDER BY gone_after DESC NULLS FIRST, acted_at DESC LIMIT 20;
\endif

\if :has_new
	\qecho '<h2>New: none of these had ended before</h2>'
	\pset tableattr 'class="list"'
	SELECT :cause AS "for", usename AS role, :application AS application, :now AS ended,
		to_char(min(acted_at), 'YYYY-MM-DD HH24:MI') AS first
	FROM :all WHERE :is_end
	GROUP BY :cause, usename, application_name HAVING bool_and(is_now)
	ORDER BY :now DESC, min(acted_at) LIMIT 15;
\endif

\pset tableattr 'class="bars"'
\if :has_ends_by_limit
	\qecho '<h2>By limit</h2>'
	SELECT limit_name AS "limit", sessions, statements, before,
		coalesce((:longest)::text, CASE limit_name
			WHEN 'max_memory' THEN pg_size_pretty(largest)
			WHEN 'max_horizon_age' THEN largest || ' transactions' END) AS most, :bar
	FROM (SELECT limit_name, :now AS number, :before AS before,
			count(*) FILTER (WHERE is_now AND outcome = 'terminated') AS sessions,
			count(*) FILTER (WHERE is_now AND outcome = 'canceled') AS statements,
			max(measured) FILTER (WHERE is_now) AS longest,
			max(measured_amount) FILTER (WHERE is_now) AS largest, :share
		FROM :both WHERE :is_end AND actor = 'guard' GROUP BY limit_name) AS t
	ORDER BY number DESC, before DESC, limit_name;
\endif

\if :has_ends
	\qecho '<h2>By hour of the day</h2>'
	SELECT to_char(hour, 'FM00') || ':00' AS hour, ended, before, :bar
	FROM (SELECT hour, :now AS ended, :before AS before, :share
		FROM generate_series(0, 23) AS hour
			LEFT JOIN :both ON :is_end AND extract(hour FROM acted_at) = hour
		GROUP BY hour) AS t
	ORDER BY hour;

	\qecho '<h2>By application, the 15 with most</h2>'
	SELECT application, ended, before, mostly AS "mostly by", :bar
	FROM (SELECT :application AS application, :now AS ended, :before AS before, :share,
			mode() WITHIN GROUP (ORDER BY :cause) FILTER (WHERE is_now) AS mostly
		FROM :both WHERE :is_end GROUP BY :application HAVING :now > 0) AS t
	ORDER BY ended DESC, application LIMIT 15;

	\qecho '<h2>By role and database, the 15 with most</h2>'
	SELECT role, database, ended, before, mostly AS "mostly by", :bar
	FROM (SELECT usename AS role, datname AS database, :now AS ended, :before AS before, :share,
			mode() WITHIN GROUP (ORDER BY :cause) FILTER (WHERE is_now) AS mostly
		FROM :both WHERE :is_end GROUP BY usename, datname HAVING :now > 0) AS t
	ORDER BY ended DESC, role, database LIMIT 15;
\endif

\if :has_ends_by_limit
	\qecho '<h2>By rule or setting</h2>'
	SELECT source AS "set by", "limit", ended, before, :bar
	FROM (SELECT source, limit_name AS "limit", :now AS ended, :before AS before, :share
		FROM :both WHERE :is_end AND actor = 'guard' GROUP BY source, limit_name HAVING :now > 0) AS t
	ORDER BY ended DESC, source, "limit" LIMIT 30;
\endif

\pset tableattr 'class="list"'
\if :has_calls
	\qecho '<h2>By functions</h2>'
	SELECT actor AS "called by", function_name AS function, reason, sum(number) AS sessions,
		string_agg(number || ' ' || outcome, ', ' ORDER BY number DESC, outcome) AS outcomes,
		to_char(max(latest), 'YYYY-MM-DD HH24:MI') AS latest
	FROM (SELECT actor, function_name, reason, outcome, count(*) AS number, max(acted_at) AS latest
		FROM :events WHERE function_name IS NOT NULL
		GROUP BY actor, function_name, reason, outcome) AS t
	GROUP BY actor, function_name, reason
	ORDER BY sessions DESC, max(latest) DESC LIMIT 30;
\endif

\if :has_measured
	\qecho '<h2>The longest of each limit</h2>'
	\pset tableattr 'class="list queries"'
	SELECT time, (:longest)::text AS measured, limit_name AS "limit", threshold AS "limit was",
		role, application, outcome, query
	FROM (SELECT measured AS longest, limit_name, threshold, :time AS time,
			concat_ws('@', usename, datname) AS role, :application AS application, outcome,
			left(query, 80) AS query,
			row_number() OVER (PARTITION BY limit_name ORDER BY measured DESC, acted_at) AS place
		FROM :events WHERE :is_end AND measured IS NOT NULL) AS t
	WHERE place <= 2
	ORDER BY longest DESC, time;
\endif

\if :has_dry_runs
	\qecho '<h2>Would have ended, had mode not been log</h2>'
	\pset tableattr 'class="list"'
	SELECT limit_name AS "limit", source AS "set by", usename AS role, application, number,
		(:longest)::text AS longest
	FROM (SELECT limit_name, source, usename, :application AS application, count(*) AS number,
			max(measured) AS longest
		FROM :events WHERE outcome = 'dry run'
		GROUP BY limit_name, source, usename, :application) AS t
	ORDER BY number DESC, limit_name, source, role, application LIMIT 30;
\endif

-- Without the library preloaded there is no guard to tell of, and its settings are any texts.  Who
-- may read the history only is told nothing of it.
SELECT count(*) > 0 AND has_table_privilege('session_guard.stats', 'SELECT')
	AND has_function_privilege('session_guard.get_stats()', 'EXECUTE') AS shows_guard
FROM pg_settings WHERE name = 'pg_session_guard.mode' AND vartype = 'enum' \gset
\if :shows_guard
	\qecho '<h2>The guard itself</h2>'
	\pset tuples_only on
	\pset tableattr 'class="facts"'
	SELECT fact, value FROM session_guard.stats CROSS JOIN LATERAL (VALUES
		(1, 'guard', coalesce('mode ' || mode || ', runs since '
			|| to_char(worker_start, 'YYYY-MM-DD HH24:MI'), 'DOES NOT RUN')),
		(2, 'limits', array_to_string(limits, ', ')),
		(3, 'history', CASE WHEN pg_is_in_recovery() THEN 'is not written on a standby'
			ELSE coalesce('its writer runs since ' || to_char(history_start, 'YYYY-MM-DD HH24:MI'),
				'IS NOT WRITTEN') END),
		(4, 'events lost', nullif(events_lost, 0)::text),
		(5, 'late, 99 of 100', extract(epoch FROM late_p99) * 1000 || ' ms at most'),
		(6, 'last error', to_char(last_error_at, 'YYYY-MM-DD HH24:MI') || ': ' || last_error)
	) AS facts (place, fact, value)
	WHERE value <> '' ORDER BY place;
	\pset tuples_only off
\endif

\qecho '</body>'
\qecho '</html>'
COMMIT;
\encoding :encoding_before
\set ON_ERROR_STOP :stop_before
\set QUIET :quiet_before
