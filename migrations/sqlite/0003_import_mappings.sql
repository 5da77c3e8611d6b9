-- How tables were mapped whose import somebody confirmed: tables with the same columns are mapped alike.
create table import_mappings (
    id           text primary key,
    tenant_id    text not null references tenants (id),
    entity       text not null,
    -- SHA-256 over the sorted names of the columns.
    fingerprint  text not null,
    -- A JSON array of the columns, each with the field that it fills or null.
    mapping      text not null,
    -- The latest import that was confirmed with it, when and by whom.
    import_id    text not null references imports (id),
    confirmed_at bigint not null,
    actor        text not null,
    unique (tenant_id, entity, fingerprint)
);
create index import_mappings_by_age on import_mappings (tenant_id, confirmed_at);
