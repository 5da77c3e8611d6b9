-- What tells an issue's row in another file with that row, wherever it stands there: a hash of its natural key, or of
-- its other values. Absent where there is nothing but the issue's value, and in what earlier versions stored.
alter table import_issues add column row_key bigint;
