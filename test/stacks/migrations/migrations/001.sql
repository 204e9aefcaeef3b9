create table ships (name text);
insert into ships values ('wharf'), ('barge');
