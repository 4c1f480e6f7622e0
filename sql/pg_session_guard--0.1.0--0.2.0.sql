/* pg_session_guard 0.1.0 to 0.2.0; a new installation of 0.2.0 runs this after 0.1.0, too */

\echo Use "ALTER EXTENSION pg_session_guard UPDATE TO '0.2.0'" to load this file. \quit
