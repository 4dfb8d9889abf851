-- Whoever changes an account's row may look for tables elsewhere first; the trigger must not.
do $do$ begin
  execute format('alter function end_sessions_of_inactive_account() set search_path = %I, pg_temp', current_schema());
end $do$;
