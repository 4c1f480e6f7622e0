\connect postgres
CREATE EXTENSION IF NOT EXISTS pg_session_guard;
