create table pepper (
  id text primary key,
  sealed_key bytea not null,
  sealed_with text not null,
  created_with text not null,
  created_at timestamptz not null default auth_now()
);
comment on table pepper is 'Keys that passwords are hashed with; the newest makes, all verify';
comment on column pepper.id is 'What account.password_pepper names; the id of a secret key where it was derived from that key';
comment on column pepper.sealed_key is '32 bytes, sealed with AES-256-GCM';
comment on column pepper.sealed_with is 'Id of the secret key that sealed it';
comment on column pepper.created_with is 'Id of the secret key that sealed it first: once that one is retired, a new pepper is made';
comment on column account.password_pepper is 'Id of the pepper that the password was hashed with';

alter table secret_key add column made_at timestamptz, add column retired_at timestamptz;
-- Which of the keys of before made is not known: each may have.
update secret_key set made_at = seen_at;
comment on column secret_key.seen_at is 'When a process was first started with it';
comment on column secret_key.made_at is 'When a process last made with it, to the minute; null while it has only been accepted';
comment on column secret_key.retired_at is 'From when MACs made with it are refused, as the operator has declared; null while they are accepted';
