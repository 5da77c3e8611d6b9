-- Median days from opening to completion, by quarter of completion in UTC, out of nothing but events.
with completed as (
    select o.checklist_id,
           (c.at - o.at) / 86400000000.0 as days,
           strftime('%Y', c.at / 1000000, 'unixepoch') || '-Q'
               || ((cast(strftime('%m', c.at / 1000000, 'unixepoch') as integer) + 2) / 3) as quarter
    from events o
    join events c on c.checklist_id = o.checklist_id and c.kind = 'checklist_completed'
    where o.kind = 'checklist_opened'
      and not exists (
          select 1 from events later
          where later.checklist_id = c.checklist_id and later.seq > c.seq
            and later.kind in ('checklist_completed', 'checklist_reopened'))
),
ranked as (
    select quarter, days,
           row_number() over (partition by quarter order by days) as place,
           count(*) over (partition by quarter) as n
    from completed
)
select quarter, n, round(avg(days), 3) as median_days
from ranked
where place in ((n + 1) / 2, (n + 2) / 2)
group by quarter, n
order by quarter;
