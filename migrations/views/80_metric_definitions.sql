-- The service writes the definitions whenever it migrates.
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
                    when 'chat' then 'chat' = any(src.session_streams)
                    when 'summary' then 'summary' = any(src.session_streams)
                    when 'quality' then 'quality' = any(src.session_streams)
                    when 'avatars' then 'avatar' = any(src.session_kinds)
                    when 'chats' then 'chat' = any(src.session_kinds)
                    when 'meetings' then src.session_kinds && '{meeting,livestream}'
                    when 'human_steps' then 'chat' = any(src.session_kinds) and src.human_steps <> '{}'
                    when 'people'
                    then 'chat' = any(src.session_kinds) or 'participants' = any(src.session_streams)
                    else false end
              order by 1) as providers,
       d.dimensions,
       not exists (select from ingest.metric_definitions later
                    where later.metric_id = d.metric_id and later.definition_version > d.definition_version)
         as is_current,
       (select own.statement from ingest.metric_statements own
         where own.metric_id = d.metric_id and 'source' = any(own.dimensions)
           and not exists (select from ingest.metric_definitions later
                            where later.metric_id = d.metric_id and later.definition_version > d.definition_version))
         as sql
  from ingest.metric_definitions d;

comment on view analytics.metric_definitions is
  'Definitions of metrics, as the service computes them: one row per metric and version.';
comment on column analytics.metric_definitions.valid_from is 'Time since when this definition is in force.';
comment on column analytics.metric_definitions.metric_id is 'Name in queries and responses.';
comment on column analytics.metric_definitions.definition_version is
  'Increments when the meaning of the metric changes.';
comment on column analytics.metric_definitions.label is 'Name for people.';
comment on column analytics.metric_definitions.description is 'Meaning of the metric.';
comment on column analytics.metric_definitions.unit is 'Unit of its values.';
comment on column analytics.metric_definitions.additivity is
  'sum; ratio_of_sums (add numerators and denominators); maximum, percentile and distinct (values must not be added); '
  'state_as_of (adds over groups, not over time).';
comment on column analytics.metric_definitions.formula is 'Formula over the views of this schema.';
comment on column analytics.metric_definitions.null_rule is
  'Conditions under which it is null, beyond incomplete data.';
comment on column analytics.metric_definitions.anchor is 'The time that puts a row into a bucket.';
comment on column analytics.metric_definitions.applies_to is 'Requirement on the provider for the metric to apply.';
comment on column analytics.metric_definitions.providers is 'Configured providers that it applies to.';
comment on column analytics.metric_definitions.dimensions is 'Dimensions that it can be grouped by.';
comment on column analytics.metric_definitions.is_current is 'False: there is a later version.';
comment on column analytics.metric_definitions.sql is
  'The very statement of the metric; parameters as in metric_statements, which has those of further dimensions too. '
  'Null: a later version replaced it.';
