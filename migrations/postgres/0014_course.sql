-- Who takes the course, one row each. The state is JSON: it is read and written as a whole, by one person at a time, and the
-- log has every change of it.
create table course_learners (
    name       text primary key,
    state      text not null,
    -- Whether the course has left their menu, kept beside the state as every page asks for it.
    autonomous bigint not null,
    started_at bigint not null
);
create index course_learners_by_start on course_learners (started_at, name);
