create table audit_event (
  id bigint generated always as identity primary key,
  at timestamptz not null default auth_now(),
  type text not null,
  outcome text not null check (outcome in ('success', 'failure')),
  account_id uuid,
  email text,
  session_id uuid,
  network text,
  factor text,
  reason text,
  count integer not null default 1,
  minute timestamptz,
  constraint audit_event_counted_by_minute check (minute is null or (email is not null and network is not null and reason is not null))
);
comment on table audit_event is 'Who did what, when, from where and with what outcome; written with what it tells of, never changed, deleted after AUTH_AUDIT_RETENTION';
comment on column audit_event.type is 'One of a stable vocabulary, see docs/audit.md';
comment on column audit_event.account_id is 'No reference: what is told of an account outlives it';
comment on column audit_event.email is 'The address, in canonical form, that it was about at that time';
comment on column audit_event.network is 'Where the request came from: an IPv4 address, or the /64 of an IPv6 one; null where no request asked for it';
comment on column audit_event.factor is 'How the person authenticated, RFC 8176';
comment on column audit_event.reason is 'Why it failed or happened, as a stable code';
comment on column audit_event.count is 'How often it happened, where events of one minute share a row';
comment on column audit_event.minute is 'The minute whose events share the row';
create unique index audit_event_of_minute on audit_event (minute, type, email, network, reason) where minute is not null;
create index audit_event_at on audit_event (at);
create index audit_event_account on audit_event (account_id, at) where account_id is not null;
create index audit_event_email on audit_event (email, at) where email is not null;
