//! The registry: what can be measured, and what each figure means.
//!
//! Everything that speaks of a metric is made from its line here: the list the API gives, the text of the
//! API's description, and the SQL. Each metric is three sums over the sessions (or messages) of a cell:
//! the value, how many rows it rests on, and how many rows should have told it and did not. Such sums may
//! be added over sources and buckets that do not overlap, and a total is exactly the sum of its parts; a
//! ratio is made from sums at the very end and never averaged.

use crate::model::source::MessageSupport;
use crate::query::catalog::Source;

/// The column of time that puts a row into a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// When the session began.
    StartedAt,
    /// When the chat was completed.
    CompletedAt,
    /// When the message was sent.
    SentAt,
}

impl Anchor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::StartedAt, Self::CompletedAt, Self::SentAt];

    /// The name of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartedAt => "started_at",
            Self::CompletedAt => "completed_at",
            Self::SentAt => "sent_at",
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
}

impl Additivity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::RatioOfSums => "ratio_of_sums",
        }
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
            Self::Messages => source.message_support == MessageSupport::Inline.as_str(),
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
    /// How it is worked out, over the view `analytics.sessions` or `analytics.messages`.
    pub formula: &'static str,
    /// When a figure is null, beyond data that is not complete yet.
    pub null_rule: &'static str,
    /// Which time puts a row into a bucket.
    pub anchor: Anchor,
    /// How figures go together.
    pub additivity: Additivity,
    /// What a provider must have.
    pub needs: Needs,
    /// SQL aggregate, numeric: the sum, or the ratio's numerator.
    pub value_sql: &'static str,
    /// SQL aggregate, bigint: the rows the value rests on; the ratio's denominator.
    pub known_sql: &'static str,
    /// SQL aggregate, bigint: the rows that should have told the value and did not.
    pub unknown_sql: &'static str,
    /// SQL condition on a session: it should have told the value and did not.
    pub is_unknown_sql: &'static str,
    /// What is unknown is counted where sessions began, since rows that were never read have no time.
    pub is_unknown_by_start: bool,
}

const RESOLVED: &str = "(count(*) filter (where s.outcome = 'resolved'))::numeric";
const UNRESOLVED: &str = "(count(*) filter (where s.outcome = 'unresolved'))::numeric";
const DECIDED: &str = "count(*) filter (where s.outcome in ('resolved', 'unresolved'))";
const UNDECIDED: &str = "count(*) filter (where s.outcome = 'unknown')";
const IS_UNDECIDED: &str = "s.has_outcomes and s.outcome = 'unknown'";

/// A metric of resolution: they differ in one sum.
const fn resolution(metric: Metric) -> Metric {
    Metric {
        null_rule: "Only completed sessions with a known outcome count. Sessions whose outcome the provider did not say are in unknown_count; where none has one, the figure is null.",
        anchor: Anchor::CompletedAt,
        needs: Needs::Outcomes,
        known_sql: DECIDED,
        unknown_sql: UNDECIDED,
        is_unknown_sql: IS_UNDECIDED,
        ..metric
    }
}

/// What the others are made from.
const COUNT: Metric = Metric {
    id: "sessions",
    label: "Sessions",
    unit: "sessions",
    description: "Conversations, meetings and avatar streams that began in the range. Breakout rooms and sessions the provider deleted are left out, here and everywhere.",
    formula: "count(*)",
    null_rule: "Never null for complete data.",
    anchor: Anchor::StartedAt,
    additivity: Additivity::Sum,
    needs: Needs::Nothing,
    value_sql: "count(*)::numeric",
    known_sql: "count(*)",
    unknown_sql: "0::bigint",
    is_unknown_sql: "false",
    is_unknown_by_start: false,
};

/// All metrics.
pub static METRICS: [Metric; 7] = [
    COUNT,
    Metric {
        id: "minutes_consumed",
        label: "Minutes consumed",
        unit: "minutes",
        description: "What the providers meter. A meeting counts every participant's time (basis participant_time), an avatar stream its own length (basis session_time); every answer lists the bases it added. Chats are not metered: not applicable, never 0.",
        formula: "sum(minutes_consumed)",
        null_rule: "Sessions without minutes are in unknown_count and not in the sum; where no session has any, the figure is null.",
        needs: Needs::Minutes,
        value_sql: "round(sum(s.minutes_consumed), 12)",
        known_sql: "count(s.minutes_consumed)",
        unknown_sql: "count(*) - count(s.minutes_consumed)",
        is_unknown_sql: "s.minutes_basis is not null and s.minutes_consumed is null",
        ..COUNT
    },
    Metric {
        id: "elapsed_minutes",
        label: "Elapsed minutes",
        unit: "minutes",
        description: "Wall-clock length of sessions of all providers; an open chat up to its last message.",
        formula: "sum(duration_seconds) / 60",
        null_rule: "Sessions whose length is not known are in unknown_count and not in the sum; where none is known, the figure is null.",
        value_sql: "round(sum(s.duration_seconds) / 60, 12)",
        known_sql: "count(s.duration_seconds)",
        unknown_sql: "count(*) - count(s.duration_seconds)",
        is_unknown_sql: "s.duration_seconds is null",
        ..COUNT
    },
    resolution(Metric {
        id: "resolution_rate",
        label: "Resolution rate",
        unit: "ratio",
        description: "Resolved sessions among those completed in the range with a known outcome, from 0 to 1. Both parts come with it.",
        formula: "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved'))",
        additivity: Additivity::RatioOfSums,
        value_sql: RESOLVED,
        ..COUNT
    }),
    resolution(Metric {
        id: "resolved_sessions",
        label: "Resolved sessions",
        description: "Sessions completed in the range and not flagged unresolved.",
        formula: "count(outcome = 'resolved')",
        value_sql: RESOLVED,
        ..COUNT
    }),
    resolution(Metric {
        id: "unresolved_sessions",
        label: "Unresolved sessions",
        description: "Sessions completed in the range and flagged unresolved.",
        formula: "count(outcome = 'unresolved')",
        value_sql: UNRESOLVED,
        ..COUNT
    }),
    Metric {
        id: "messages",
        label: "Messages",
        unit: "messages",
        description: "Messages sent in the range, of either side.",
        formula: "count(*) of analytics.messages",
        null_rule: "Null where the provider has messages that are not read. Sessions that began in the range and came without their messages are in unknown_count. A message whose time the provider did not give is in no range.",
        anchor: Anchor::SentAt,
        needs: Needs::Messages,
        is_unknown_by_start: true,
        is_unknown_sql: "s.message_support = 'not_fetched' or (s.message_support = 'inline' and s.message_count is null)",
        ..COUNT
    },
];

/// The metric of that name.
pub fn metric(id: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.id == id)
}

/// What figures can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Kind of platform.
    Provider,
    /// Slug of the source.
    Source,
    /// Way of contact.
    Channel,
    /// What became of the session.
    Outcome,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Provider, Self::Source, Self::Channel, Self::Outcome];

    /// The name in questions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Outcome => "outcome",
        }
    }

    /// The dimension of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }
}
