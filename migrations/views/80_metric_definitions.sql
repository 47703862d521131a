create or replace view analytics.metric_definitions as
select d.valid_from::timestamptz as valid_from, d.metric_id, d.definition_version, d.label, d.description, d.unit,
       d.additivity, d.formula, d.null_rule, d.anchor, d.applies_to,
       array(select distinct src.provider from core.sources src
              where case d.needs
                    when 'nothing' then true
                    when 'minutes' then src.minutes_basis is not null
                    when 'outcomes' then src.has_outcomes
                    when 'messages' then src.message_support in ('inline', 'per_session')
                    when 'participants' then 'participants' = any(src.session_streams)
                    when 'transcript' then 'transcript' = any(src.session_streams)
                    when 'summary' then 'summary' = any(src.session_streams)
                    when 'quality' then 'quality' = any(src.session_streams)
                    when 'avatars' then 'avatar' = any(src.session_kinds)
                    when 'chats' then 'chat' = any(src.session_kinds)
                    when 'people'
                    then 'chat' = any(src.session_kinds) or 'participants' = any(src.session_streams)
                    else false end
              order by 1) as providers,
       d.dimensions,
       not exists (select from ingest.metric_definitions later
                    where later.metric_id = d.metric_id and later.definition_version > d.definition_version) as is_current
  from ingest.metric_definitions d;

comment on view analytics.metric_definitions is
  'What each figure means, as the service works it out; one row per figure and version.';
comment on column analytics.metric_definitions.valid_from is 'Since when it is worked out so.';
comment on column analytics.metric_definitions.metric_id is 'Its name in questions and answers.';
comment on column analytics.metric_definitions.definition_version is 'Grows when the figure changes its meaning.';
comment on column analytics.metric_definitions.label is 'Its name for people.';
comment on column analytics.metric_definitions.description is 'What it means.';
comment on column analytics.metric_definitions.unit is 'What is counted.';
comment on column analytics.metric_definitions.additivity is
  'sum; ratio_of_sums (add the parts); maximum, percentile and distinct (nothing may be added); state_as_of (adds '
  'over groups, not over time).';
comment on column analytics.metric_definitions.formula is 'How it is worked out, over the views of this schema.';
comment on column analytics.metric_definitions.null_rule is 'When it is null, beyond data that is not complete yet.';
comment on column analytics.metric_definitions.anchor is 'The time that puts a row into a bucket.';
comment on column analytics.metric_definitions.applies_to is 'What a provider must have for it to mean anything.';
comment on column analytics.metric_definitions.providers is 'Providers here for which it can be told.';
comment on column analytics.metric_definitions.dimensions is 'What it can be grouped by.';
comment on column analytics.metric_definitions.is_current is 'False: a later version is there.';
