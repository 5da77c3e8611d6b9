-- The fields are stored in one canonical form, so that their text itself tells whether two records are the same.
-- What an earlier version stored in another order is taken for changed once, when it is imported again.
alter table records drop column content_hash;
alter table record_changes drop column content_hash;

-- A record belongs to an import, and that to a tenant: asking for the tenant again with every record doubles the time of
-- a load.
alter table records drop constraint records_tenant_id_fkey;
