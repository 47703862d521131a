//! The statement that finds texts of one kind.
//!
//! Each kind is a table with an expression index over its words. The expressions here are those of the indexes, letter
//! by letter.

use chrono::{DateTime, TimeDelta, Utc};

use crate::query::metrics::sql::statement::Statement;
use crate::query::range::TimeRange;
use crate::query::search::excerpt::MARKS;
use crate::query::search::filter::{HitKey, HitKind, SearchFilter};
use crate::query::search::terms::{LanguageQuery, WordQuery};

/// The session of a text, for its time.
const SESSION: &str = "
                  join core.sessions s on s.source_id = t.source_id and s.session_id = t.session_id";
/// Sessions that their provider no longer lists are few: an index finds them, and no other session is looked up.
const LISTED: &str = "
                   and not exists (select from core.sessions gone
                                    where gone.source_id = t.source_id and gone.session_id = t.session_id
                                      and gone.is_deleted_at_provider)";
/// Longest range whose days are part of the query, in days.
const MAX_DAYS: i64 = 40;

const FOUND: &str = "
select h.*, src.source_slug as source, src.provider, s.session_kind, s.provider_session_id,
       extract(epoch from h.at - s.started_at)::bigint as offset_seconds, p.participant_id,
       coalesce(h.speaker_id, p.person_id, case when h.sender_role = 'user' then s.person_id end) as found_speaker_id,
       coalesce(h.label, p.display_name) as found_label,
       ts_headline(('pg_catalog.' || {language})::regconfig,
                   lower(translate(h.body, '/-_@.:<>&+' || {marks}, '            ') collate core.letters),
                   {wanted}::text::tsquery, {options}) as marked
  from (select x.source_id, x.session_id, x.at, x.position, x.item, left(x.body, 50000) as body, x.sender_role,
               x.provider_participant_id, x.speaker_id, x.label
          from (select t.source_id, t.session_id, {at}::timestamptz as at, {columns}
                  from {table} t{session}
                 where {words} @@ {query}::text::tsquery and t.source_id = any({sources})
                   and {at} >= {from} and {at} < {to}{without_time}{listed}) x
         where true{after}{conditions}
         order by x.at desc, x.session_id desc, x.position desc, x.item collate \"C\" desc
         limit {limit}) h
  join core.sources src on src.source_id = h.source_id
  join core.sessions s on s.source_id = h.source_id and s.session_id = h.session_id
  left join core.participants p on p.source_id = s.source_id and p.session_id = s.session_id
                               and p.provider_participant_id = h.provider_participant_id";

impl HitKind {
    /// Returns the table of the texts.
    fn table(self) -> &'static str {
        match self {
            Self::Message => "core.messages",
            Self::Transcript => "core.transcript_segments",
            Self::Summary => "core.session_summaries",
            Self::Title => "analytics_pii.session_contacts",
        }
    }

    /// Returns the time of a text; `None`: it has that of its session.
    pub(super) fn time(self) -> Option<&'static str> {
        match self {
            Self::Message => Some("t.sent_at"),
            Self::Transcript => Some("t.started_at"),
            Self::Summary | Self::Title => None,
        }
    }

    /// Returns the indexed words, with the condition of the index.
    fn words(self) -> &'static str {
        match self {
            Self::Message => {
                "t.body is not null and core.search_words(t.search_language, t.body, t.source_id, t.sent_at)"
            }
            Self::Transcript => "core.search_words(t.search_language, t.body, t.source_id, t.started_at)",
            Self::Summary => "core.search_words(t.search_language, t.body, t.source_id, null)",
            Self::Title => "t.meeting_title is not null and core.search_words('simple', t.meeting_title)",
        }
    }

    fn columns(self) -> &'static str {
        match self {
            Self::Message => {
                "t.position, t.provider_message_id as item, t.body, t.sender_role, t.provider_participant_id,
                 null::text as speaker_id, null::text as label"
            }
            Self::Transcript => {
                "t.position, '' as item, t.body, null::text as sender_role, t.provider_participant_id, t.speaker_id,
                 t.speaker_label as label"
            }
            Self::Summary => {
                "0 as position, '' as item, t.body, null::text as sender_role, null::text as provider_participant_id,
                 null::text as speaker_id, null::text as label"
            }
            Self::Title => {
                "0 as position, '' as item, t.meeting_title as body, null::text as sender_role,
                 null::text as provider_participant_id, null::text as speaker_id, null::text as label"
            }
        }
    }
}

/// Returns the statement for the newest texts of a kind in a range after a key. `is_timed`: texts with a time of their
/// own, else those that have the time of their session.
pub(super) fn of(
    filter: &SearchFilter,
    language: &LanguageQuery,
    words: &WordQuery,
    (kind, is_timed): (HitKind, bool),
    range: TimeRange,
    after: Option<&HitKey>,
    limit: i64,
) -> Statement {
    let own_time = kind.time().filter(|_| is_timed);
    let without_time = kind.time().filter(|_| !is_timed).map(|time| format!(" and {time} is null"));
    let sql = |text: &str| Statement::new(text);
    let listed = if filter.sessions.conditions.includes_deleted { "" } else { LISTED };
    let is_title = kind == HitKind::Title;
    let (marks, options) =
        (String::from_iter(MARKS), format!("HighlightAll=true,StartSel={},StopSel={}", MARKS[0], MARKS[1]));
    Statement::fill(
        FOUND,
        [
            ("language", Statement::value(if is_title { "simple" } else { language.language.as_str() })),
            ("marks", Statement::value(marks)),
            ("wanted", Statement::value(words.wanted.as_str())),
            ("options", Statement::value(options)),
            ("at", sql(own_time.unwrap_or("s.started_at"))),
            ("session", sql(if own_time.is_some() { "" } else { SESSION })),
            ("columns", sql(kind.columns())),
            ("table", sql(kind.table())),
            ("words", sql(kind.words())),
            ("query", Statement::value(query(language, words, (kind, is_timed), range))),
            ("sources", Statement::value(language.source_ids.clone())),
            ("from", Statement::value(range.from)),
            ("to", Statement::value(range.to)),
            ("without_time", sql(&without_time.unwrap_or_default())),
            ("listed", sql(listed)),
            ("after", after.map(|key| below(kind, key)).unwrap_or_default()),
            ("conditions", conditions(filter)),
            ("limit", Statement::value(limit)),
        ],
    )
}

/// Returns the query with the sources and days that the index knows.
fn query(language: &LanguageQuery, words: &WordQuery, (kind, is_timed): (HitKind, bool), range: TimeRange) -> String {
    let any = |prefix: char, numbers: &mut dyn Iterator<Item = i64>| {
        numbers.map(|number| format!("'{prefix}{number}'")).collect::<Vec<_>>().join(" | ")
    };
    let mut query = words.whole.clone();
    if kind != HitKind::Title {
        let sources = any('@', &mut language.source_ids.iter().map(|id| i64::from(*id)));
        query = format!("{query} & ({sources})");
    }
    let day = |at: DateTime<Utc>| at.timestamp().div_euclid(86_400);
    let (first, last) = (day(range.from), day(range.to - TimeDelta::microseconds(1)));
    if kind.time().is_some() && !is_timed {
        query.push_str(" & '#0'");
    } else if kind.time().is_some() && last - first < MAX_DAYS {
        let days = any('#', &mut (first..=last));
        query = format!("{query} & ({days})");
    }
    query
}

fn below(kind: HitKind, key: &HitKey) -> Statement {
    let mut sql = Statement::new(" and (x.at, x.session_id, ");
    sql.push(format!("{}, x.position, x.item collate \"C\") < (", kind as i32));
    sql.push_bind(key.at).push(", ").push_bind(key.session_id).push(", ");
    sql.push(format!("{}, ", key.kind as i32)).push_bind(key.position).push(", ").push_bind(key.item.as_str());
    sql.push(")");
    sql
}

fn conditions(filter: &SearchFilter) -> Statement {
    let conditions = filter.sessions.conditions();
    if conditions.is_empty() {
        return conditions;
    }
    let mut sql = Statement::new(
        " and exists (select from analytics.sessions s where s.source_id = x.source_id and s.session_id = x.session_id",
    );
    sql.append(conditions).push(")");
    sql
}
