alter table session add column resumed_generation integer, add column resumed_at timestamptz;
comment on column session.resumed_generation is 'Generation that came back because the answer to it was lost, and that is in grace since resumed_at; the one that was skipped then is not';
