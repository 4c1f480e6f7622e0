-- Settings: defaults, units, what is refused, and who may set them.
SELECT name, setting, unit, context, vartype, boot_val, enumvals
FROM pg_settings WHERE name LIKE 'pg_session_guard.%' ORDER BY name COLLATE "C";
