-- What tells an issue's row in another file with that row, wherever it stands there: a hash of its natural key, or of
-- its other values. Absent where there is nothing but the issue's value, and in what earlier versions stored.
alter table import_issues add column row_key bigint;

-- What loading found of the records, counted with each chunk: another import may have come in since the preview.
alter table imports add column loaded_new bigint not null default 0;
alter table imports add column loaded_changed bigint not null default 0;
alter table imports add column loaded_unchanged bigint not null default 0;

-- The newer import whose preview took the place of this one's.
alter table imports add column superseded_by text;
