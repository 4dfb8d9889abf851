create table write_probe (
  id integer primary key
);
comment on table write_probe is 'One row, which /readyz locks to prove that the database accepts writes: that leaves no dead row behind';
insert into write_probe values (1);
