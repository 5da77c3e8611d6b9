-- Dated changes of how onboarding is done, as people noted them: the retrospective compares before and after.
create table process_changes (
    id         text primary key,
    changed_at bigint not null,
    title      text not null,
    -- Where the change is about one country's or one workflow's onboardings only.
    country    text,
    workflow   text,
    noted_by   text not null,
    noted_at   bigint not null
);
create index process_changes_by_age on process_changes (changed_at, id);
