alter table device_link add column failed_at timestamptz;
comment on column device_link.failed_at is 'When delivery of the last email was given up; null while one is tried and once one was sent';
