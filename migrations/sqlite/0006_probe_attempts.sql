-- What a probe measured and the attempts before its verdict, JSON; absent where there was nothing of the kind, as in
-- results of earlier versions.
alter table probe_results add column measures text;
alter table probe_results add column earlier text;
