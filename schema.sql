-- Generated from migrations/ by npm run schema; the test suite compares it with every database.
set check_function_bodies = off; -- some name tables that come later
CREATE OR REPLACE FUNCTION public.audit_kept_at_least()
 RETURNS interval
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select interval '1 day' $function$;
CREATE OR REPLACE FUNCTION public.auth_now()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select now() $function$;
CREATE OR REPLACE FUNCTION public.delete_old_audit_events(kept_for interval, at_most integer)
 RETURNS integer
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
      with deleted as (
        delete from audit_event where id in (
          select id from audit_event
          where at < auth_now() - greatest(kept_for, audit_kept_at_least())
          order by at limit at_most
        ) returning 1
      )
      select count(*)::integer from deleted
    $function$;
CREATE OR REPLACE FUNCTION public.end_sessions_of_inactive_account()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  new.revision := greatest(new.revision, old.revision + 1);
  update session set ended_at = auth_now(), end_reason = 'revoked' where account_id = old.id and ended_at is null;
  return new;
end
$function$;
CREATE OR REPLACE FUNCTION public.refuse_change_of_event()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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

create table account (
  id uuid not null,
  email text not null,
  status text not null default 'unconfirmed'::text,
  password_phc text not null,
  password_pepper text not null,
  password_version smallint not null,
  locale text not null,
  revision integer not null default 1,
  created_at timestamp with time zone not null default auth_now(),
  confirmed_at timestamp with time zone,
  superseded_at timestamp with time zone,
  signed_up_from bytea,
  constraint account_pkey PRIMARY KEY (id),
  constraint account_confirmed_when_usable CHECK (((status = 'unconfirmed'::text) = (confirmed_at IS NULL))),
  constraint account_status_check CHECK ((status = ANY (ARRAY['unconfirmed'::text, 'active'::text, 'disabled'::text]))),
  constraint account_superseded_only_unconfirmed CHECK (((superseded_at IS NULL) OR (status = 'unconfirmed'::text)))
);
CREATE UNIQUE INDEX account_confirmed_email ON public.account USING btree (email) WHERE (confirmed_at IS NOT NULL);
CREATE INDEX account_email ON public.account USING btree (email, created_at);
CREATE INDEX account_pepper ON public.account USING btree (password_pepper);
CREATE INDEX account_unconfirmed ON public.account USING btree (created_at) WHERE (confirmed_at IS NULL);
CREATE TRIGGER account_inactive BEFORE UPDATE OF status ON public.account FOR EACH ROW WHEN (((old.status = 'active'::text) AND (new.status <> 'active'::text))) EXECUTE FUNCTION end_sessions_of_inactive_account();
comment on table account is 'One row per sign-up; several unconfirmed ones may bear one address, one confirmed at the most';
comment on column account.email is 'In canonical form: answers, comparisons and RCPT TO use exactly this';
comment on column account.password_phc is 'argon2id over the peppered, NFKC-normalised password, as a PHC string';
comment on column account.password_pepper is 'Id of the pepper that the password was hashed with';
comment on column account.password_version is 'Version of the normalisation that the password went through';
comment on column account.locale is 'BCP 47 tag that letters follow';
comment on column account.revision is 'Raised by whatever must end sessions; a session starts only from the revision its password was verified against';
comment on column account.superseded_at is 'When another account of the same address was confirmed; this one never can be';
comment on column account.signed_up_from is 'Keyed hash of the network that the sign-up came from, by which letters to one address are shared out';

create table attempt_counter (
  key bytea not null,
  level double precision not null,
  counted_at timestamp with time zone not null,
  blocked_until timestamp with time zone not null,
  forgotten_at timestamp with time zone not null,
  constraint attempt_counter_pkey PRIMARY KEY (key)
) with (fillfactor=75);
CREATE INDEX attempt_counter_forgotten ON public.attempt_counter USING btree (forgotten_at);
comment on table attempt_counter is 'Attempts that limits count; unlogged, since to lose the counts in a crash of the database helps nobody and to write them twice costs everybody';
comment on column attempt_counter.key is 'Keyed hash of the limit and of what it counts by, such as an address; neither can be read from it';
comment on column attempt_counter.level is 'Attempts at counted_at, less those that time has forgiven';
comment on column attempt_counter.blocked_until is 'Until then no attempt is let through';
comment on column attempt_counter.forgotten_at is 'When nothing of it is left and the row can go';

create table audit_event (
  id bigint not null,
  at timestamp with time zone not null default auth_now(),
  type text not null,
  outcome text not null,
  account_id uuid,
  email text,
  session_id uuid,
  network text,
  factor text,
  reason text,
  count integer not null default 1,
  minute timestamp with time zone,
  operator text,
  constraint audit_event_pkey PRIMARY KEY (id),
  constraint audit_event_counted_by_minute CHECK (((minute IS NULL) OR ((email IS NOT NULL) AND (network IS NOT NULL) AND (reason IS NOT NULL)))),
  constraint audit_event_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
);
CREATE INDEX audit_event_account ON public.audit_event USING btree (account_id, at) WHERE (account_id IS NOT NULL);
CREATE INDEX audit_event_at ON public.audit_event USING btree (at);
CREATE INDEX audit_event_email ON public.audit_event USING btree (email, at) WHERE (email IS NOT NULL);
CREATE UNIQUE INDEX audit_event_of_minute ON public.audit_event USING btree (minute, type, email, network, reason) WHERE (minute IS NOT NULL);
CREATE INDEX audit_event_operator ON public.audit_event USING btree (at, id) WHERE (operator IS NOT NULL);
CREATE TRIGGER audit_event_unchanged BEFORE UPDATE ON public.audit_event FOR EACH ROW EXECUTE FUNCTION refuse_change_of_event();
comment on table audit_event is 'Who did what, when, from where and with what outcome; written with what it tells of, never changed, deleted after AUTH_AUDIT_RETENTION';
comment on column audit_event.type is 'One of a stable vocabulary, see docs/audit.md';
comment on column audit_event.account_id is 'No reference: what is told of an account outlives it';
comment on column audit_event.email is 'The address, in canonical form, that it was about at that time';
comment on column audit_event.network is 'Where the request came from: an IPv4 address, or the /64 of an IPv6 one; null where no request asked for it';
comment on column audit_event.factor is 'How the person authenticated, RFC 8176';
comment on column audit_event.reason is 'Why it failed or happened, as a stable code';
comment on column audit_event.count is 'How often it happened, where events of one minute share a row';
comment on column audit_event.minute is 'The minute whose events share the row';
comment on column audit_event.operator is 'Who asked for it on the command line: what --by says, else the login name; a claim, which nothing proves';

create table confirmation_letter (
  id uuid not null,
  account_id uuid,
  address text not null,
  sign_up boolean not null,
  requested_at timestamp with time zone not null default auth_now(),
  sent_at timestamp with time zone,
  expires_at timestamp with time zone,
  failed_at timestamp with time zone,
  failure text,
  allowed_at timestamp with time zone,
  waits boolean not null default false,
  by_address boolean not null default false,
  mailbox text not null generated always as (regexp_replace(address, '^([^+@]+)[+][^@]*@'::text, '\1@'::text)) stored,
  extra boolean not null default false,
  deferred_at timestamp with time zone,
  shown_sent_at timestamp with time zone,
  shown_expires_at timestamp with time zone,
  shown_failed_at timestamp with time zone,
  constraint confirmation_letter_pkey PRIMARY KEY (id),
  constraint confirmation_letter_account_id_fkey FOREIGN KEY (account_id) REFERENCES account(id) ON DELETE CASCADE,
  constraint confirmation_letter_sent_until CHECK (((sent_at IS NULL) = (expires_at IS NULL))),
  constraint confirmation_letter_shown_once CHECK ((((shown_sent_at IS NULL) = (shown_expires_at IS NULL)) AND ((shown_sent_at IS NULL) OR (shown_failed_at IS NULL))))
);
CREATE INDEX confirmation_letter_account ON public.confirmation_letter USING btree (account_id, requested_at DESC);
CREATE INDEX confirmation_letter_failed ON public.confirmation_letter USING btree (failed_at) WHERE (failed_at IS NOT NULL);
CREATE INDEX confirmation_letter_held ON public.confirmation_letter USING btree (mailbox, address) WHERE (waits AND (allowed_at IS NULL));
CREATE INDEX confirmation_letter_mailbox ON public.confirmation_letter USING btree (mailbox, allowed_at);
CREATE INDEX confirmation_letter_requested ON public.confirmation_letter USING btree (requested_at);
CREATE UNIQUE INDEX confirmation_letter_sign_up ON public.confirmation_letter USING btree (account_id) WHERE sign_up;
comment on table confirmation_letter is 'One row per letter that was asked for; its token is derived from its id and stored nowhere';
comment on column confirmation_letter.account_id is 'Null until the worker has found the account of a letter that was asked for by address';
comment on column confirmation_letter.address is 'Whom it is for, in canonical form';
comment on column confirmation_letter.sign_up is 'The letter that the sign-up itself asked for';
comment on column confirmation_letter.sent_at is 'When the mail server took the letter';
comment on column confirmation_letter.expires_at is 'Until when its link is good';
comment on column confirmation_letter.failed_at is 'When delivery was given up';
comment on column confirmation_letter.failure is 'What the mail server said, without the address';
comment on column confirmation_letter.allowed_at is 'When the limits released it; a letter of a sign-up or of a ticket is held until then, one by address is deleted';
comment on column confirmation_letter.waits is 'Held: the message that was to send it has ended without doing so, and another one sends it when it is released';
comment on column confirmation_letter.by_address is 'Asked for by address; no ticket ever shows it, since whether it exists depends on whether there is an account';
comment on column confirmation_letter.mailbox is 'The address without its +tag, by which the daily limit counts; nothing else takes two addresses for one';
comment on column confirmation_letter.extra is 'Whether it was released beyond the regular places, as the newest sign-up from a network that had none that day';
comment on column confirmation_letter.deferred_at is 'When the mail server last did not take it, though it may later';
comment on column confirmation_letter.shown_sent_at is 'For a held letter: what its ticket shows as sent_at, for good, whenever it is sent';
comment on column confirmation_letter.shown_expires_at is 'For a held letter: what its ticket shows as expires_at; the link itself lives from the sending, and so never shorter';
comment on column confirmation_letter.shown_failed_at is 'For a held letter: since when its ticket shows it as undeliverable';

create table device_link (
  email text not null,
  request_id uuid not null,
  requested_at timestamp with time zone not null default auth_now(),
  link_id uuid,
  account_id uuid,
  sent_at timestamp with time zone,
  expires_at timestamp with time zone,
  used_at timestamp with time zone,
  pending_since timestamp with time zone,
  failed_at timestamp with time zone,
  constraint device_link_pkey PRIMARY KEY (email),
  constraint device_link_account_id_fkey FOREIGN KEY (account_id) REFERENCES account(id) ON DELETE CASCADE,
  constraint device_link_link_id_key UNIQUE (link_id),
  constraint device_link_of_account CHECK (((link_id IS NULL) = (account_id IS NULL))),
  constraint device_link_request_id_key UNIQUE (request_id),
  constraint device_link_sent_until CHECK (((sent_at IS NULL) = (expires_at IS NULL)))
);
CREATE INDEX device_link_account ON public.device_link USING btree (account_id) WHERE (account_id IS NOT NULL);
CREATE INDEX device_link_requested ON public.device_link USING btree (requested_at);
comment on table device_link is 'One row per address at which a limit refused a sign-in: the link that lets its owner in, whatever strangers guess';
comment on column device_link.email is 'The address that was tried, in canonical form, whether or not anybody has it';
comment on column device_link.request_id is 'The request for an email that is dealt with, or was last, which its message names; messages of others find nothing';
comment on column device_link.requested_at is 'When that was; the next one is a minute later at the earliest, whoever has the address';
comment on column device_link.link_id is 'What the link''s token is derived from; null until the worker has found an account. An unused link is sent again as it is';
comment on column device_link.account_id is 'Whose device the link makes known';
comment on column device_link.sent_at is 'When the mail server last took an email with this link';
comment on column device_link.expires_at is 'Until when the link is good';
comment on column device_link.used_at is 'When the link made a device known; it does so once';
comment on column device_link.pending_since is 'When the request of request_id was noted that is to be dealt with; null when it was. Further ones leave it in its place';
comment on column device_link.failed_at is 'When delivery of the last email was given up; null while one is tried and once one was sent';

create table migration (
  number integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now(),
  constraint migration_pkey PRIMARY KEY (number)
);

create table pepper (
  id text not null,
  sealed_key bytea not null,
  sealed_with text not null,
  created_with text not null,
  created_at timestamp with time zone not null default auth_now(),
  constraint pepper_pkey PRIMARY KEY (id)
);
comment on table pepper is 'Keys that passwords are hashed with; the newest makes, all verify';
comment on column pepper.id is 'What account.password_pepper names; the id of a secret key where it was derived from that key';
comment on column pepper.sealed_key is '32 bytes, sealed with AES-256-GCM';
comment on column pepper.sealed_with is 'Id of the secret key that sealed it';
comment on column pepper.created_with is 'Id of the secret key that sealed it first: once that one is retired, a new pepper is made';

create table secret_key (
  id text not null,
  check_value bytea not null,
  seen_at timestamp with time zone not null default auth_now(),
  made_at timestamp with time zone,
  retired_at timestamp with time zone,
  constraint secret_key_pkey PRIMARY KEY (id)
);
comment on table secret_key is 'Which secret keys this database was used with; holds no key';
comment on column secret_key.check_value is 'Derived from the key, so that a wrong key of the same id is noticed at the start';
comment on column secret_key.seen_at is 'When a process was first started with it';
comment on column secret_key.made_at is 'When a process last made with it, to the minute; null while it has only been accepted';
comment on column secret_key.retired_at is 'From when MACs made with it are refused, as the operator has declared; null while they are accepted';

create table session (
  id uuid not null,
  account_id uuid not null,
  amr text not null,
  created_at timestamp with time zone not null default auth_now(),
  expires_at timestamp with time zone not null,
  idle_expires_at timestamp with time zone not null,
  generation integer not null default 1,
  predecessor integer,
  rotated_at timestamp with time zone not null default auth_now(),
  grace_floor integer not null default 1,
  grace_floor_recent integer not null default 1,
  token_key text not null,
  ended_at timestamp with time zone,
  end_reason text,
  resumed_generation integer,
  resumed_at timestamp with time zone,
  constraint session_pkey PRIMARY KEY (id),
  constraint session_account_id_fkey FOREIGN KEY (account_id) REFERENCES account(id) ON DELETE CASCADE,
  constraint session_end_reason_check CHECK ((end_reason = ANY (ARRAY['revoked'::text, 'reused'::text, 'displaced'::text]))),
  constraint session_ended_for_a_reason CHECK (((ended_at IS NULL) = (end_reason IS NULL)))
) with (fillfactor=75);
CREATE INDEX session_account ON public.session USING btree (account_id);
CREATE INDEX session_ended ON public.session USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX session_expires ON public.session USING btree (expires_at);
CREATE INDEX session_unended ON public.session USING btree (account_id) WHERE (ended_at IS NULL);
comment on table session is 'One row per sign-in; a refresh updates it in place, so nothing it updates may be in an index (HOT)';
comment on column session.amr is 'How the person authenticated, RFC 8176 values separated by spaces';
comment on column session.expires_at is 'The absolute end';
comment on column session.idle_expires_at is 'The end unless the session is used before';
comment on column session.generation is 'Generation of the current refresh token';
comment on column session.predecessor is 'Generation that was traded in for the current one';
comment on column session.rotated_at is 'When the current refresh token was made';
comment on column session.grace_floor is 'Lowest generation in grace during the grace period in which rotated_at lies';
comment on column session.grace_floor_recent is 'Lowest generation traded in during that same period, in grace during the next';
comment on column session.token_key is 'Id of the secret key that the current refresh token was made with';
comment on column session.end_reason is 'revoked: signed out or ended with its account; reused: a refresh token was stolen; displaced: newer sessions of the account took its place';
comment on column session.resumed_generation is 'Generation that came back because the answer to it was lost, and that is in grace since resumed_at; the one that was skipped then is not';

create table signing_key (
  id text not null,
  algorithm text not null,
  public_jwk jsonb not null,
  sealed_private_key bytea not null,
  sealed_with text not null,
  created_at timestamp with time zone not null default auth_now(),
  signs_from timestamp with time zone,
  constraint signing_key_pkey PRIMARY KEY (id),
  constraint signing_key_algorithm_check CHECK ((algorithm = ANY (ARRAY['ES256'::text, 'EdDSA'::text, 'RS256'::text])))
);
comment on table signing_key is 'The key with the latest signs_from that has come signs access tokens';
comment on column signing_key.id is 'kid: JWK thumbprint, RFC 7638';
comment on column signing_key.sealed_private_key is 'PKCS #8, sealed with AES-256-GCM';
comment on column signing_key.sealed_with is 'Id of the secret key that sealed it';
comment on column signing_key.signs_from is 'Null for the next key, which is published before its time';

create table write_probe (
  id integer not null,
  constraint write_probe_pkey PRIMARY KEY (id)
);
comment on table write_probe is 'One row, which /readyz locks to prove that the database accepts writes: that leaves no dead row behind';
