create unlogged table attempt_counter (
  key bytea primary key,
  level double precision not null,
  counted_at timestamptz not null,
  blocked_until timestamptz not null,
  forgotten_at timestamptz not null
) with (fillfactor = 75);
comment on table attempt_counter is 'Attempts that limits count; unlogged, since to lose the counts in a crash of the database helps nobody and to write them twice costs everybody';
comment on column attempt_counter.key is 'Keyed hash of the limit and of what it counts by, such as an address; neither can be read from it';
comment on column attempt_counter.level is 'Attempts at counted_at, less those that time has forgiven';
comment on column attempt_counter.blocked_until is 'Until then no attempt is let through';
comment on column attempt_counter.forgotten_at is 'When nothing of it is left and the row can go';
create index attempt_counter_forgotten on attempt_counter (forgotten_at);

alter table account add column signed_up_from bytea;
comment on column account.signed_up_from is 'Keyed hash of the network that the sign-up came from, by which letters to one address are shared out';

alter table confirmation_letter drop constraint confirmation_letter_to_somebody;
update confirmation_letter letter set address = account.email from account where account.id = letter.account_id;
alter table confirmation_letter alter column address set not null;
comment on column confirmation_letter.address is 'Whom it is for, in canonical form';
comment on column confirmation_letter.account_id is 'Null until the worker has found the account of a letter that was asked for by address';
alter table confirmation_letter add column allowed_at timestamptz;
comment on column confirmation_letter.allowed_at is 'When the limits let it go; a letter of a sign-up waits for that, any other is dropped';
update confirmation_letter set allowed_at = requested_at;
create index confirmation_letter_allowed on confirmation_letter (address, allowed_at);
create index confirmation_letter_waiting on confirmation_letter (requested_at) where allowed_at is null;
