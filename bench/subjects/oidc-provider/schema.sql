create table oidc_model (
  model text not null,
  id text not null,
  payload jsonb not null,
  grant_id text,
  user_code text,
  uid text,
  expires_at timestamptz,
  consumed_at timestamptz,
  primary key (model, id)
);

create index oidc_model_grant_id on oidc_model (grant_id) where grant_id is not null;
create index oidc_model_user_code on oidc_model (user_code) where user_code is not null;
create index oidc_model_uid on oidc_model (uid) where uid is not null;
