create table device_link (
  email text primary key,
  request_id uuid not null unique,
  requested_at timestamptz not null default auth_now(),
  link_id uuid unique,
  account_id uuid references account on delete cascade,
  sent_at timestamptz,
  expires_at timestamptz,
  used_at timestamptz,
  constraint device_link_of_account check ((link_id is null) = (account_id is null)),
  constraint device_link_sent_until check ((sent_at is null) = (expires_at is null))
);
comment on table device_link is 'One row per address at which a limit refused a sign-in: the link that lets its owner in, whatever strangers guess';
comment on column device_link.email is 'The address that was tried, in canonical form, whether or not anybody has it';
comment on column device_link.request_id is 'The latest request for an email, which its message names; an earlier message finds nothing';
comment on column device_link.requested_at is 'When that was; the next one is a minute later at the earliest, whoever has the address';
comment on column device_link.link_id is 'What the link''s token is derived from; null until the worker has found an account. An unused link is sent again as it is';
comment on column device_link.account_id is 'Whose device the link makes known';
comment on column device_link.sent_at is 'When the mail server last took an email with this link';
comment on column device_link.expires_at is 'Until when the link is good';
comment on column device_link.used_at is 'When the link made a device known; it does so once';
create index device_link_requested on device_link (requested_at);
create index device_link_account on device_link (account_id) where account_id is not null;

alter table session drop constraint session_end_reason_check;
alter table session add constraint session_end_reason_check check (end_reason in ('revoked', 'reused', 'displaced'));
comment on column session.end_reason is 'revoked: signed out or ended with its account; reused: a refresh token was stolen; displaced: newer sessions of the account took its place';
create index session_unended on session (account_id) where ended_at is null;
comment on index session_unended is 'An account''s live sessions, however many have ended; nothing in it changes while a session goes on (HOT)';
