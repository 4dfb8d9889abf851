-- The clock by which every stored lifetime is judged. Tests replace it to travel in time; nothing else does.
create function auth_now() returns timestamptz language sql stable parallel safe as $$ select now() $$;

create table account (
  id uuid primary key,
  email text not null,
  status text not null default 'unconfirmed' check (status in ('unconfirmed', 'active', 'disabled')),
  password_phc text not null,
  password_pepper text not null,
  password_version smallint not null,
  locale text not null,
  revision integer not null default 1,
  created_at timestamptz not null default auth_now(),
  confirmed_at timestamptz,
  superseded_at timestamptz,
  constraint account_confirmed_when_usable check ((status = 'unconfirmed') = (confirmed_at is null)),
  constraint account_superseded_only_unconfirmed check (superseded_at is null or status = 'unconfirmed')
);
comment on table account is 'One row per sign-up; several unconfirmed ones may bear one address, one confirmed at the most';
comment on column account.email is 'In canonical form: answers, comparisons and RCPT TO use exactly this';
comment on column account.password_phc is 'argon2id over the peppered, NFKC-normalised password, as a PHC string';
comment on column account.password_pepper is 'Id of the secret key that the pepper was derived from';
comment on column account.password_version is 'Version of the normalisation that the password went through';
comment on column account.locale is 'BCP 47 tag that letters follow';
comment on column account.revision is 'Raised by whatever must end sessions; a session starts only from the revision its password was verified against';
comment on column account.superseded_at is 'When another account of the same address was confirmed; this one never can be';
create unique index account_confirmed_email on account (email) where confirmed_at is not null;
create index account_email on account (email, created_at);
create index account_unconfirmed on account (created_at) where confirmed_at is null;
create index account_pepper on account (password_pepper);

create table session (
  id uuid primary key,
  account_id uuid not null references account on delete cascade,
  amr text not null,
  created_at timestamptz not null default auth_now(),
  expires_at timestamptz not null,
  idle_expires_at timestamptz not null,
  generation integer not null default 1,
  predecessor integer,
  rotated_at timestamptz not null default auth_now(),
  grace_floor integer not null default 1,
  grace_floor_recent integer not null default 1,
  token_key text not null,
  ended_at timestamptz,
  end_reason text check (end_reason in ('revoked', 'reused')),
  constraint session_ended_for_a_reason check ((ended_at is null) = (end_reason is null))
) with (fillfactor = 75);
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
create index session_account on session (account_id);
create index session_expires on session (expires_at);
create index session_ended on session (ended_at) where ended_at is not null;

create table signing_key (
  id text primary key,
  algorithm text not null check (algorithm in ('ES256', 'EdDSA', 'RS256')),
  public_jwk jsonb not null,
  sealed_private_key bytea not null,
  sealed_with text not null,
  created_at timestamptz not null default auth_now(),
  signs_from timestamptz
);
comment on table signing_key is 'The key with the latest signs_from that has come signs access tokens';
comment on column signing_key.id is 'kid: JWK thumbprint, RFC 7638';
comment on column signing_key.sealed_private_key is 'PKCS #8, sealed with AES-256-GCM';
comment on column signing_key.sealed_with is 'Id of the secret key that sealed it';
comment on column signing_key.signs_from is 'Null for the next key, which is published before its time';

create table secret_key (
  id text primary key,
  check_value bytea not null,
  seen_at timestamptz not null default auth_now()
);
comment on table secret_key is 'Which secret keys this database was used with; holds no key';
comment on column secret_key.check_value is 'Derived from the key, so that a wrong key of the same id is noticed at the start';

create table confirmation_letter (
  id uuid primary key,
  account_id uuid references account on delete cascade,
  address text,
  sign_up boolean not null,
  requested_at timestamptz not null default auth_now(),
  sent_at timestamptz,
  expires_at timestamptz,
  failed_at timestamptz,
  failure text,
  constraint confirmation_letter_to_somebody check ((account_id is null) <> (address is null)),
  constraint confirmation_letter_sent_until check ((sent_at is null) = (expires_at is null))
);
comment on table confirmation_letter is 'One row per letter that was asked for; its token is derived from its id and stored nowhere';
comment on column confirmation_letter.address is 'What was asked for, until the worker has found the account';
comment on column confirmation_letter.sign_up is 'The letter that the sign-up itself asked for';
comment on column confirmation_letter.sent_at is 'When the mail server took the letter';
comment on column confirmation_letter.expires_at is 'Until when its link is good';
comment on column confirmation_letter.failed_at is 'When delivery was given up';
comment on column confirmation_letter.failure is 'What the mail server said, without the address';
create unique index confirmation_letter_sign_up on confirmation_letter (account_id) where sign_up;
create index confirmation_letter_account on confirmation_letter (account_id, requested_at desc);
create index confirmation_letter_requested on confirmation_letter (requested_at);
create index confirmation_letter_failed on confirmation_letter (failed_at) where failed_at is not null;
