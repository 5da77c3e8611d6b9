-- The fields are stored in one canonical form, so that their text itself tells whether two records are the same.
-- What an earlier version stored in another order is taken for changed once, when it is imported again.
alter table records drop column content_hash;
alter table record_changes drop column content_hash;
