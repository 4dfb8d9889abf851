alter table device_link add column pending_since timestamptz;
comment on column device_link.pending_since is 'When the request of request_id was noted that is to be dealt with; null when it was. Further ones leave it in its place';
comment on column device_link.request_id is 'The request for an email that is dealt with, or was last, which its message names; messages of others find nothing';
