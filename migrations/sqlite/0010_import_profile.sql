-- The format profile that an upload names, with its text: a profile that changes later must not change how an import
-- that has been previewed is read.
alter table imports add column profile text;
alter table imports add column profile_source text;
