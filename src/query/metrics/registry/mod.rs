//! The registry: what can be measured, and what each figure means.
//!
//! Everything that speaks of a metric is made from its line here: the list the API gives, the text of the
//! API's description, and the SQL. Each metric is three sums over the rows of a cell (sessions, messages,
//! presences, speakers): the value, what it rests on, and how many rows should have told it and did not.
//! Such sums may be added over sources and buckets that do not overlap, and a total is exactly the sum of
//! its parts; a ratio is made from sums at the very end and never averaged. A maximum is no sum: it is read
//! for each cell and for the total by itself.

mod depth;
mod money;
mod presence;
mod sessions;

use chrono::TimeDelta;

pub use self::money::COST_OF_SESSION;

use crate::model::session::SessionKind;
use crate::model::source::MessageSupport;
use crate::model::stream::Stream;
use crate::query::catalog::Source;
use crate::query::metrics::dimension::Dimension;

/// The column of time that puts a row into a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// When the session began.
    StartedAt,
    /// When the chat was completed.
    CompletedAt,
    /// When the message was sent.
    SentAt,
    /// When the presence began.
    JoinedAt,
    /// When the session ended.
    EndedAt,
}

impl Anchor {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::StartedAt, Self::CompletedAt, Self::SentAt, Self::JoinedAt, Self::EndedAt];

    /// The name of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartedAt => "started_at",
            Self::CompletedAt => "completed_at",
            Self::SentAt => "sent_at",
            Self::JoinedAt => "joined_at",
            Self::EndedAt => "ended_at",
        }
    }
}

/// How figures of different cells go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additivity {
    /// They may be added.
    Sum,
    /// Their parts may be added, never the figures.
    RatioOfSums,
    /// Nothing may be added: the most of a whole is not the sum of the most of its parts.
    Maximum,
    /// May be added over groups; over time it is weighted by the length of the buckets.
    TimeAverage,
}

impl Additivity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::RatioOfSums => "ratio_of_sums",
            Self::Maximum => "maximum",
            Self::TimeAverage => "time_average",
        }
    }

    /// Whether it is read along time and is no sum over rows.
    pub fn is_along_time(self) -> bool {
        matches!(self, Self::Maximum | Self::TimeAverage)
    }
}

/// What a provider must have for a metric to mean anything there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: every provider has sessions.
    Nothing,
    /// Metered minutes.
    Minutes,
    /// Outcomes.
    Outcomes,
    /// Messages.
    Messages,
    /// What is fetched session by session. Meetings and livestreams have it.
    PerSession(Stream),
    /// Avatars, which can be launched through this service.
    Launches,
}

/// What one row of a metric is: it decides what the metric can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Sessions.
    Sessions,
    /// Messages.
    Messages,
    /// Presences in sessions.
    Presences,
    /// Speakers of transcripts.
    Speakers,
}

/// Whether a metric means anything for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// It can be told.
    Applicable,
    /// The provider has no such notion.
    NotApplicable,
    /// The provider has it, but it is not read.
    NotFetched,
}

impl Needs {
    /// Whether a source has it.
    pub fn of(self, source: &Source) -> Applicability {
        let has = match self {
            Self::Nothing => true,
            Self::Minutes => source.minutes_basis.is_some(),
            Self::Outcomes => source.has_outcomes,
            Self::Messages if source.message_support == MessageSupport::NotFetched.as_str() => {
                return Applicability::NotFetched;
            }
            Self::Messages => source.message_support != MessageSupport::None.as_str(),
            Self::Launches => source.session_kinds.iter().any(|kind| kind == SessionKind::Avatar.as_str()),
            Self::PerSession(stream) => {
                let is_fetched = source.session_streams.iter().any(|name| name == stream.as_str());
                if !is_fetched && source.has_meetings() {
                    return Applicability::NotFetched;
                }
                is_fetched
            }
        };
        if has { Applicability::Applicable } else { Applicability::NotApplicable }
    }

    /// What it is, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "every provider",
            Self::Minutes => "providers that meter minutes",
            Self::Outcomes => "providers that say whether a conversation was resolved",
            Self::Messages => "providers whose messages are stored",
            Self::PerSession(Stream::Transcript) => "providers whose transcripts are fetched",
            Self::PerSession(Stream::Quality) => "providers whose quality reports are fetched",
            Self::PerSession(_) => "providers whose participants are fetched",
            Self::Launches => "providers of avatars",
        }
    }

    /// The warning about sources that have it and are not asked for it: its code, and what is missing.
    pub fn not_fetched(self) -> (&'static str, &'static str) {
        match self {
            Self::PerSession(Stream::Transcript) => ("transcripts_not_fetched", "Transcripts"),
            Self::PerSession(Stream::Quality) => ("quality_not_fetched", "Quality reports"),
            Self::PerSession(_) => ("participants_not_fetched", "Participants"),
            _ => ("messages_not_fetched", "Messages"),
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name in questions and answers.
    pub id: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// What it means.
    pub description: &'static str,
    /// How it is worked out, over the views of `analytics`.
    pub formula: &'static str,
    /// When a figure is null, beyond data that is not complete yet.
    pub null_rule: &'static str,
    /// Which time puts a row into a bucket.
    pub anchor: Anchor,
    /// How figures go together.
    pub additivity: Additivity,
    /// What a provider must have.
    pub needs: Needs,
    /// What its rows are.
    pub rows: Rows,
    /// SQL aggregate, numeric: the sum, or the ratio's numerator. Of a maximum: not used.
    pub value_sql: &'static str,
    /// SQL aggregate, a number: the rows the value rests on; the ratio's denominator.
    pub known_sql: &'static str,
    /// SQL aggregate, bigint: the rows that should have told the value and did not.
    pub unknown_sql: &'static str,
    /// SQL condition on a session: it should have told the value and did not.
    pub is_unknown_sql: &'static str,
    /// What is unknown is counted where sessions began, since rows that were never read have no time.
    pub is_unknown_by_start: bool,
}

impl Metric {
    /// Whether it can be grouped by `dimension`: a row must not fall into several groups.
    pub fn can_be_grouped_by(&self, dimension: Dimension) -> bool {
        dimension.rows().is_none_or(|rows| rows == self.rows)
    }

    /// Whether it is worked out from what sessions cost, which [`COST_OF_SESSION`] tells.
    pub fn is_of_money(&self) -> bool {
        money::METRICS.iter().any(|metric| metric.id == self.id)
    }
}

/// A transcript may come this long after its session ended without being missed.
pub const TRANSCRIPT_GRACE: TimeDelta = TimeDelta::hours(24);

/// All metrics.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    sessions::METRICS.iter().chain(&depth::METRICS).chain(&presence::METRICS).chain(&money::METRICS)
}

/// The metric of that name.
pub fn metric(id: &str) -> Option<&'static Metric> {
    metrics().find(|metric| metric.id == id)
}
