-- What operators did is a few rows among millions, which "events list --operators" would otherwise read to find them.
create index audit_event_operator on audit_event (at, id) where operator is not null;
