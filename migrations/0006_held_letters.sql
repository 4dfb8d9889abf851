alter table confirmation_letter add column by_address boolean not null default false;
comment on column confirmation_letter.by_address is 'Asked for by address; no ticket ever shows it, since whether it exists depends on whether there is an account';
update confirmation_letter set by_address = true where account_id is null and not sign_up;

alter table confirmation_letter add column mailbox text not null
  generated always as (regexp_replace(address, '^([^+@]+)[+][^@]*@', '\1@')) stored;
comment on column confirmation_letter.mailbox is 'The address without its +tag, by which the daily limit counts; nothing else takes two addresses for one';

alter table confirmation_letter add column extra boolean not null default false;
comment on column confirmation_letter.extra is 'Whether it was released beyond the regular places, as the newest sign-up from a network that had none that day';

alter table confirmation_letter add column deferred_at timestamptz;
comment on column confirmation_letter.deferred_at is 'When the mail server last did not take it, though it may later';

alter table confirmation_letter add column shown_sent_at timestamptz;
alter table confirmation_letter add column shown_expires_at timestamptz;
alter table confirmation_letter add column shown_failed_at timestamptz;
comment on column confirmation_letter.shown_sent_at is 'For a held letter: what its ticket shows as sent_at, for good, whenever it is sent';
comment on column confirmation_letter.shown_expires_at is 'For a held letter: what its ticket shows as expires_at; the link itself lives from the sending, and so never shorter';
comment on column confirmation_letter.shown_failed_at is 'For a held letter: since when its ticket shows it as undeliverable';
alter table confirmation_letter add constraint confirmation_letter_shown_once check (
  (shown_sent_at is null) = (shown_expires_at is null) and (shown_sent_at is null or shown_failed_at is null)
);

comment on column confirmation_letter.allowed_at is 'When the limits released it; a letter of a sign-up or of a ticket is held until then, one by address is deleted';
comment on column confirmation_letter.waits is 'Held: the message that was to send it has ended without doing so, and another one sends it when it is released';

drop index confirmation_letter_allowed;
create index confirmation_letter_mailbox on confirmation_letter (mailbox, allowed_at);
drop index confirmation_letter_waiting;
create index confirmation_letter_held on confirmation_letter (mailbox, address) where waits and allowed_at is null;
