-- Raised when a preview is stored and when it is given up: whoever confirms says which one was seen.
alter table imports add column preview_revision bigint not null default 0;
update imports set preview_revision = 1 where previewed_at is not null;

-- Saved mappings that a confirmed import has replaced, as they were, so that undoing the import brings them back.
create table replaced_mappings (
    import_id       text primary key references imports (id),
    mapping_id      text not null,
    mapping         text not null,
    previous_import text not null,
    confirmed_at    bigint not null,
    actor           text not null
);
create index replaced_mappings_by_previous on replaced_mappings (previous_import);
create index replaced_mappings_by_mapping on replaced_mappings (mapping_id);
create index import_mappings_by_import on import_mappings (import_id);
