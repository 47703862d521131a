-- One branch for each kind, so that a query for one kind reads nothing of the others. No row: not applicable. A row
-- without minutes: unknown.
create or replace view analytics.session_minutes as
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'consumed' as minutes_kind, s.minutes_basis, s.minutes_consumed as minutes, s.is_provisional,
       s.is_part_of_session, s.is_deleted_at_provider, true as is_billable, s.is_counted,
       s.changed_at
  from analytics.sessions s
 where s.minutes_basis is not null
union all
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'wall_clock', 'elapsed', s.elapsed_minutes, s.is_provisional,
       s.is_part_of_session, s.is_deleted_at_provider, false, s.is_counted,
       s.changed_at
  from analytics.sessions s
union all
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'participant', 'participant_time', s.participant_minutes, s.is_provisional,
       s.is_part_of_session, s.is_deleted_at_provider, false, s.is_counted,
       s.changed_at
  from analytics.sessions s
 where s.session_kind in ('meeting', 'livestream')
union all
select s.started_at, s.session_id, s.source_id, s.source, s.provider, s.session_kind, s.session_state, s.channel,
       'active', 'activity',
       round(s.active_seconds / 60.000000000000000000, 18),
       s.is_provisional, s.is_part_of_session, s.is_deleted_at_provider, false, s.is_counted,
       s.changed_at
  from analytics.sessions s
 where s.session_kind = 'chat';

comment on view analytics.session_minutes is
  'The ledger of minutes: one row per session and kind of minutes that applies to it. No row: not applicable. Null '
  'minutes: not known.';
comment on column analytics.session_minutes.started_at is 'Time when the session began.';
comment on column analytics.session_minutes.session_id is 'Number of the session.';
comment on column analytics.session_minutes.source_id is 'Number of its source.';
comment on column analytics.session_minutes.source is 'Slug of the source.';
comment on column analytics.session_minutes.provider is 'Provider of the source.';
comment on column analytics.session_minutes.session_kind is 'avatar, chat, meeting or livestream.';
comment on column analytics.session_minutes.session_state is 'As in sessions.';
comment on column analytics.session_minutes.channel is 'As in sessions.';
comment on column analytics.session_minutes.minutes_kind is
  'consumed (metered by the provider), wall_clock (from start to end), participant (sum of the presences in a '
  'meeting) or active (chats: the gaps between messages, at most five minutes of each).';
comment on column analytics.session_minutes.minutes_basis is
  'The time that the minutes measure: participant_time, session_time, elapsed or activity. A sum over different bases '
  'or kinds must say so.';
comment on column analytics.session_minutes.minutes is 'Minutes, at most 18 digits after the point; null: not known.';
comment on column analytics.session_minutes.is_provisional is 'True while the session runs or is open.';
comment on column analytics.session_minutes.is_part_of_session is 'True for a breakout room; metrics leave it out.';
comment on column analytics.session_minutes.is_deleted_at_provider is
  'True once the provider no longer lists the session.';
comment on column analytics.session_minutes.is_billable is 'True for minutes that a provider sells: the kind consumed.';
comment on column analytics.session_minutes.is_counted is
  'Whether metrics count the session: no breakout room, and not deleted at the provider.';
comment on column analytics.session_minutes.changed_at is
  'Time when a row of its session last changed, in any view; see changes_complete_through.';
