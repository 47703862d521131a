-- Which steps mean that a human took over: no provider says it, so whoever runs the service does.

alter table core.sources add column human_steps text[] not null default '{}';

create or replace view analytics.sources as
select source_id, source_slug as source, provider, minutes_basis, has_outcomes, message_support,
       session_kinds, history_from::timestamptz as history_from, is_enabled, session_streams, human_steps
  from core.sources;
comment on column analytics.sources.human_steps is 'Kinds of trail step, skills and origins of messages that mean a human took over, as configured. Empty: nobody has said it, and is_handed_off is null.';

-- A column at the end of the view, whatever it has by now. Its sub-select costs only those who ask for it.
do $$
begin
  execute 'create or replace view analytics.sessions as select s.*,
                  case when s.session_kind = ''chat'' then
                    (select case when src.human_steps = ''{}'' then null
                                 when s.skill_type = any(src.human_steps)
                                   or exists (select from core.konvo_trail_steps t
                                               where t.source_id = s.source_id and t.session_id = s.session_id
                                                 and t.step_type = any(src.human_steps))
                                   or exists (select from core.messages m
                                               where m.source_id = s.source_id and m.session_id = s.session_id
                                                 and m.provider_origin = any(src.human_steps)) then true
                                 when s.trail_length is not null then false end
                       from core.sources src where src.source_id = s.source_id) end as is_handed_off
             from (' || rtrim(pg_get_viewdef('analytics.sessions'::regclass), '; ') || ') s';
end $$;
comment on column analytics.sessions.is_handed_off is 'Konvo: whether a human took part, by the human_steps of its source. Null: these are not configured, or the way of the chat was not fetched; other providers.';
