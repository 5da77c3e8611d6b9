-- A tenant's health from where it failed until it no longer did.
create table incidents (
    id              text primary key,
    tenant_id       text not null references tenants (id),
    opened_at       bigint not null,
    opened_by_check text not null,
    closed_at       bigint,
    closed_by_check text
);
create unique index one_open_incident_per_tenant on incidents (tenant_id) where closed_at is null;
create index incidents_by_age on incidents (opened_at, id);
create index open_incidents_by_age on incidents (opened_at, id) where closed_at is null;
create index incidents_by_tenant on incidents (tenant_id, opened_at, id);

-- What there is to tell, written with what it tells of.
create table notifications (
    id          text primary key,
    incident_id text not null references incidents (id),
    tenant_id   text not null references tenants (id),
    kind        text not null,
    payload     text not null,
    created_at  bigint not null
);
create index notifications_by_incident on notifications (incident_id, created_at, id);

-- A notification on its way through one channel; its job says how far it is.
create table deliveries (
    id              text primary key,
    notification_id text not null references notifications (id),
    channel         text not null,
    job_id          text not null references jobs (id),
    delivered_at    bigint,
    created_at      bigint not null,
    unique (notification_id, channel)
);
