-- Times are microseconds since the epoch, UTC. JSON is text. Columns that end in `_at` are times.

create table tenants (
    id                   text primary key,
    name                 text not null,
    country              text not null,
    kind                 text not null,
    time_zone            text not null,
    language             text not null,
    hierarchy_depth      bigint not null,
    platform_url         text,
    probe_user           text,
    -- A reference, env:WORKBENCH_PROBE_… or file:NAME, never the secret itself.
    probe_secret         text,
    -- Name and slug in small letters: SQLite's lower() knows ASCII only.
    search_name          text not null,
    -- Raised by every change to what health evidence rests on: configuration, imports, probe set.
    generation           bigint not null,
    changed_at           bigint not null,
    first_member_at      bigint,
    first_transaction_at bigint,
    live_at              bigint,
    created_at           bigint not null
);

create table workflows (
    name         text not null,
    version      bigint not null,
    content_hash text not null,
    source       text not null,
    loaded_at    bigint not null,
    primary key (name, version)
);

create table checklists (
    id                 text primary key,
    tenant_id          text not null references tenants (id),
    ordinal            bigint not null,
    workflow           text not null,
    version            bigint not null,
    opened_at          bigint not null,
    target_go_live     bigint not null,
    completed_at       bigint,
    first_completed_at bigint,
    live_at            bigint,
    revision           bigint not null,
    unique (tenant_id, ordinal),
    foreign key (workflow, version) references workflows (name, version)
);
create unique index one_open_checklist_per_tenant on checklists (tenant_id) where completed_at is null;
create index checklists_by_completion on checklists (completed_at, opened_at, id);

create table steps (
    checklist_id    text not null references checklists (id),
    id              text not null,
    position        bigint not null,
    status          text not null,
    assignee        text,
    blocking_reason text,
    due_at          bigint,
    started_at      bigint,
    completed_at    bigint,
    reopened_at     bigint,
    requested_at    bigint,
    attempts        bigint not null,
    revision        bigint not null,
    primary key (checklist_id, id)
);

-- Append-only. `hash` covers the row and its predecessor's hash, so that tampering shows.
create table events (
    seq          bigint primary key,
    at           bigint not null,
    actor        text not null,
    acting_as    text,
    kind         text not null,
    tenant_id    text,
    checklist_id text,
    payload      text not null,
    prev_hash    text not null,
    hash         text not null
);
create index events_by_tenant on events (tenant_id, seq);
create index events_by_checklist on events (checklist_id, seq);

-- One row: the end of the chain. Locked last in every writing transaction.
create table event_head (
    id   bigint primary key check (id = 1),
    seq  bigint not null,
    hash text not null
);
insert into event_head (id, seq, hash) values (1, 0, '');

create table jobs (
    id               text primary key,
    kind             text not null,
    tenant_id        text not null,
    checklist_id     text,
    step_id          text,
    subject_id       text,
    state            text not null,
    attempt          bigint not null,
    max_attempts     bigint not null,
    retry            text not null,
    run_at           bigint not null,
    -- When the relay last handed the job's id to the queue.
    handed_at        bigint,
    lease_until      bigint,
    worker           text,
    cancel_requested bigint not null,
    last_error       text,
    done             bigint not null,
    total            bigint,
    unit             text,
    actor            text not null,
    created_at       bigint not null,
    started_at       bigint,
    finished_at      bigint
);
create index jobs_due on jobs (state, run_at);
create index jobs_handed on jobs (handed_at) where state in ('queued', 'retrying') and handed_at is not null;
create index jobs_by_tenant on jobs (tenant_id, created_at);
create index jobs_by_age on jobs (created_at, id);
create index jobs_by_subject on jobs (subject_id, created_at);

create table job_attempts (
    job_id      text not null references jobs (id),
    attempt     bigint not null,
    worker      text not null,
    started_at  bigint not null,
    finished_at bigint,
    outcome     text,
    error       text,
    primary key (job_id, attempt)
);

create table imports (
    id             text primary key,
    tenant_id      text not null references tenants (id),
    state          text not null,
    mode           text not null,
    format         text,
    entity         text,
    mapping        text not null,
    file_name      text,
    object_key     text not null,
    size           bigint not null,
    sha256         text not null,
    detected       text,
    sample         text,
    rows_read      bigint not null,
    rows_valid     bigint not null,
    rows_warned    bigint not null,
    rows_rejected  bigint not null,
    records        bigint not null,
    records_new    bigint not null,
    records_changed   bigint not null,
    records_unchanged bigint not null,
    -- Rows of the file that are stored for good; loading resumes behind them.
    checkpoint     bigint not null,
    loaded         bigint not null,
    failure        text,
    actor          text not null,
    created_at     bigint not null,
    previewed_at   bigint,
    confirmed_at   bigint,
    completed_at   bigint,
    -- When it was asked to be undone, and when it was.
    rollback_at    bigint,
    rolled_back_at bigint,
    -- The import that this one corrects, and what became of that one's issues.
    supersedes     text,
    difference     text,
    -- The format profile that it was uploaded with: its name, and its text as it was then.
    profile        text,
    profile_source text
);
create index imports_by_object on imports (object_key);
create index imports_by_tenant on imports (tenant_id, created_at);

create table import_issues (
    import_id   text not null references imports (id),
    ordinal     bigint not null,
    severity    text not null,
    code        text not null,
    line        bigint not null,
    column_name text,
    value       text,
    message     text not null,
    hint        text not null,
    primary key (import_id, ordinal)
);
create index import_issues_by_code on import_issues (import_id, code, ordinal);

-- What imports have stored, one row per natural key.
create table records (
    tenant_id    text not null references tenants (id),
    kind         text not null,
    natural_key  text not null,
    fields       text not null,
    content_hash text not null,
    import_id    text not null,
    stored_at    bigint not null,
    primary key (tenant_id, kind, natural_key)
);

-- What imports have replaced: one row per record that an import changed, as the record was before.
create table record_changes (
    import_id       text not null references imports (id),
    kind            text not null,
    natural_key     text not null,
    fields          text not null,
    content_hash    text not null,
    previous_import text not null,
    stored_at       bigint not null,
    primary key (import_id, kind, natural_key)
);
create index record_changes_by_previous on record_changes (previous_import);

create table health_checks (
    id          text primary key,
    tenant_id   text not null references tenants (id),
    job_id      text not null,
    aggregate   text,
    checked_at  bigint,
    -- The tenant's generation that the check saw.
    generation  bigint,
    finished_at bigint,
    actor       text not null,
    created_at  bigint not null
);
create index health_checks_by_tenant on health_checks (tenant_id, created_at, id);
create index health_checks_by_evidence on health_checks (tenant_id, checked_at, id);

create table probe_results (
    check_id    text not null references health_checks (id),
    position    bigint not null,
    probe       text not null,
    status      text not null,
    message     text not null,
    hint        text not null,
    started_at  bigint not null,
    duration_ms bigint not null,
    attempts    bigint not null,
    trace       text not null,
    primary key (check_id, position)
);

-- Secrets are stored as SHA-256 of a random 256-bit value: nothing here can be used to log in.
create table tokens (
    id         text primary key,
    name       text not null,
    role       text not null,
    hash       text not null unique,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);

create table login_links (
    hash       text primary key,
    actor      text not null,
    role       text not null,
    expires_at bigint not null,
    used_at    bigint
);

create table sessions (
    hash       text primary key,
    actor      text not null,
    role       text not null,
    created_at bigint not null,
    expires_at bigint not null
);

create table idempotency_keys (
    actor       text not null,
    key         text not null,
    fingerprint text not null,
    -- Filled before the transaction that takes the key commits.
    status      bigint,
    headers     text,
    body        text,
    created_at  bigint not null,
    primary key (actor, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- What daemons that share a store must agree on.
create table settings (
    key   text primary key,
    value text not null
);

-- The sandbox platform's own memory.
create table sandbox_tenants (
    tenant_id text primary key,
    settings  text not null
);
create table sandbox_calls (
    id        text primary key,
    tenant_id text not null,
    call      text not null,
    at        bigint not null
);
create index sandbox_calls_by_tenant on sandbox_calls (tenant_id, at, id);
