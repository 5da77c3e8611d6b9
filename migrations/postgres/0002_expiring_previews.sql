-- Until when a preview can be confirmed, when that was over, and when its findings and its file had been removed.
alter table imports add column expires_at bigint;
alter table imports add column expired_at bigint;
alter table imports add column swept_at bigint;

-- Nobody was told so far that a preview expires: those that wait have thirty days from now.
update imports set expires_at = cast(extract(epoch from now()) as bigint) * 1000000 + 2592000000000 where state = 'preview';

create index previews_by_expiry on imports (expires_at) where state = 'preview';
create index imports_to_sweep on imports (expired_at) where expired_at is not null and swept_at is null;
