alter table audit_event add column operator text;
comment on column audit_event.operator is 'Who asked for it on the command line: what --by says, else the login name; a claim, which nothing proves';

-- Sessions end with the account's being active, whoever changes the row: the service, a command or a person in psql.
-- The row is locked by then, so a sign-in under way has its session ended here, or finds a later revision.
create function end_sessions_of_inactive_account() returns trigger language plpgsql as $function$
begin
  new.revision := greatest(new.revision, old.revision + 1);
  update session set ended_at = auth_now(), end_reason = 'revoked' where account_id = old.id and ended_at is null;
  return new;
end
$function$;
create trigger account_inactive before update of status on account for each row
  when (old.status = 'active' and new.status <> 'active') execute function end_sessions_of_inactive_account();

-- An event is never changed, except that the count of those that share a row rises.
create function refuse_change_of_event() returns trigger language plpgsql as $function$
declare
  allowed audit_event := old;
begin
  allowed.count := new.count;
  if new is distinct from allowed or new.count < old.count then
    raise exception 'an audit event is never changed' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end
$function$;
create trigger audit_event_unchanged before update on audit_event for each row
  execute function refuse_change_of_event();

-- How long an event is kept at least, whatever the service asks for; its owner may replace the function.
create function audit_kept_at_least() returns interval language sql stable parallel safe as $$ select interval '1 day' $$;

-- The only way to delete events for a role that may not delete from the table; it runs with the rights of its owner.
do $do$ begin
  execute format($create$
    create function delete_old_audit_events(kept_for interval, at_most integer) returns integer
    language sql volatile security definer set search_path = %I, pg_temp as $function$
      with deleted as (
        delete from audit_event where id in (
          select id from audit_event
          where at < auth_now() - greatest(kept_for, audit_kept_at_least())
          order by at limit at_most
        ) returning 1
      )
      select count(*)::integer from deleted
    $function$
  $create$, current_schema());
end $do$;
revoke all on function delete_old_audit_events from public;
comment on function delete_old_audit_events is 'Deletes events that were kept for so long, at most so many; returns how many';
