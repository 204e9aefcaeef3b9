drop table if exists ships;
create table ships (name text);
insert into ships values ('wharf'), ('barge');
