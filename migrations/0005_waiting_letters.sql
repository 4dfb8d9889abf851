alter table confirmation_letter add column waits boolean not null default false;
comment on column confirmation_letter.waits is 'Whether the message that was to send it has ended without doing so, so that it needs another one when its turn has come';
update confirmation_letter set waits = true where sign_up and allowed_at is null;
