-- Which programs of a checklist have ended well.
create index commands_of_checklists on jobs (checklist_id, step_id) where kind = 'command';
