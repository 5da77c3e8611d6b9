-- A schedule is named by its workflow and its id within it: workflow/id. A row here pauses it.
create table schedule_pauses (
    schedule_id text primary key,
    reason      text not null,
    actor       text not null,
    paused_at   bigint not null
);

-- How far the fire times of a schedule in one zone have been dealt with.
create table schedule_clocks (
    schedule_id    text not null,
    zone           text not null,
    -- The times that are followed; a clock of other times begins anew.
    cron           text not null,
    followed_until bigint not null,
    primary key (schedule_id, zone)
);

-- One row per fire time, whatever the number of daemons. Until fanned_out_at is set, the tenants behind `cursor` are
-- still to be served.
create table schedule_fires (
    id            text primary key,
    schedule_id   text not null,
    -- Empty where the fire is for tenants of every zone.
    zone          text not null,
    fire_at       bigint not null,
    version       bigint not null,
    cause         text not null,
    cursor        text not null,
    tenants       bigint not null,
    actor         text not null,
    created_at    bigint not null,
    fanned_out_at bigint,
    unique (schedule_id, zone, fire_at)
);
create index schedule_fires_at_work on schedule_fires (created_at) where fanned_out_at is null;
create index schedule_fires_by_age on schedule_fires (schedule_id, created_at, id);

alter table health_checks add column fire_id text;
create index health_checks_open on health_checks (tenant_id) where finished_at is null;
-- Two fires that are served at once must not both have a tenant checked.
create unique index one_scheduled_check_per_tenant on health_checks (tenant_id)
    where fire_id is not null and finished_at is null;
create index health_checks_by_fire on health_checks (fire_id) where fire_id is not null and finished_at is null;

-- Without a tenant, a window is for all of them.
create table maintenance_windows (
    id         text primary key,
    tenant_id  text references tenants (id),
    starts_at  bigint not null,
    ends_at    bigint not null,
    reason     text not null,
    actor      text not null,
    created_at bigint not null
);
create index maintenance_windows_by_end on maintenance_windows (ends_at, id);

create index tenants_by_zone on tenants (time_zone, id);

-- 1 where nobody waits for the job: those that somebody waits for go to the queue first.
alter table jobs add column background bigint not null default 0;
create index jobs_in_the_foreground on jobs (run_at) where background = 0 and state in ('queued', 'retrying');
create index jobs_in_the_background on jobs (run_at) where background = 1 and state in ('queued', 'retrying');
