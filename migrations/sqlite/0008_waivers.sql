-- Warnings that two people have agreed to overlook at a gate for a time. Rows are never removed.
create table waivers (
    id                text primary key,
    checklist_id      text not null references checklists (id),
    step_id           text not null,
    -- The place among the checklist's waivers, from 0.
    position          bigint not null,
    -- A JSON array of the probes' names.
    probes            text not null,
    reason            text not null,
    check_id          text not null,
    proposed_by       text not null,
    proposed_at       bigint not null,
    expires_at        bigint not null,
    granted_by        text,
    granted_at        bigint,
    withdrawn_by      text,
    withdrawn_at      bigint,
    withdrawal_reason text,
    expired_at        bigint,
    unique (checklist_id, position)
);
