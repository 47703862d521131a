//! *Overview*, *Conversations* and *Meetings and quality*: sections of metrics alone, as data.

use askama::Template;
use axum::response::Response;

use crate::api::problem::ApiError;
use crate::web::card::Card;
use crate::web::layout::Section;
use crate::web::panel::Panel;
use crate::web::reading::{Reading, Trouble};
use crate::web::section::{self, Drawing, Plan};
use crate::web::table::Cell;
use crate::web::visit::Visit;

/// Cards and panels.
#[derive(Template)]
#[template(path = "figures.html")]
struct Figures {
    cards: Vec<Card>,
    panels: Vec<Panel>,
}

async fn respond(visit: Visit, section: Section, cards: &[&str], plans: &[Plan]) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let (cards, panels) = section::read(&visit, &reading, cards, plans).await;
    visit.respond(section, &reading, &Figures { cards, panels })
}

/// Answers with *Overview*: what was consumed, what was resolved, and how far that is known.
pub(crate) async fn overview(visit: Visit) -> Result<Response, ApiError> {
    let cards = [
        "sessions",
        "minutes_consumed",
        "resolution_rate",
        "first_response_p50_seconds",
        "peak_concurrent_sessions",
        "estimated_cost",
    ];
    respond(visit, Section::Overview, &cards, &OVERVIEW).await
}

/// Answers with *Conversations*: outcomes, replies, durability and what is open.
pub(crate) async fn conversations(visit: Visit) -> Result<Response, ApiError> {
    let cards = [
        "completed_sessions",
        "resolution_rate",
        "first_response_p90_seconds",
        "time_to_resolution_p50_seconds",
        "durable_resolution_rate",
        "open_backlog",
    ];
    respond(visit, Section::Conversations, &cards, &CONVERSATIONS).await
}

/// Answers with *Meetings and quality*: people, speech, coverage and connections.
pub(crate) async fn meetings(visit: Visit) -> Result<Response, ApiError> {
    let cards = [
        "participants",
        "unique_people",
        "participants_per_session",
        "attendance_ratio",
        "transcript_coverage_rate",
        "quality_coverage_rate",
        "poor_audio_rate",
        "unexplained_minutes",
    ];
    respond(visit, Section::Meetings, &cards, &MEETINGS).await
}

pub(crate) const OVERVIEW: [Plan; 7] = [
    Plan {
        id: "minutes",
        title: "Minutes by provider",
        metrics: &["minutes_consumed"],
        asked: "&dimensions=provider",
        kind: None,
        what: "metered minutes",
        drawing: Drawing::Stacked,
        is_wide: true,
    },
    Plan {
        id: "resolution",
        title: "Resolution rate by channel",
        metrics: &["resolution_rate"],
        asked: "&dimensions=channel",
        kind: None,
        what: "completed chats with a known outcome",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "week",
        title: "Sessions by hour of the week",
        metrics: &["sessions"],
        asked: "&dimensions=local_weekday,local_hour",
        kind: None,
        what: "sessions",
        drawing: Drawing::Week,
        is_wide: false,
    },
    Plan {
        id: "channels",
        title: "Channels",
        metrics: &["sessions", "resolution_rate"],
        asked: "&dimensions=channel&top=8",
        kind: Some("chat"),
        what: "chats",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
    Plan {
        id: "avatars",
        title: "Top avatars",
        metrics: &["minutes_consumed", "sessions"],
        asked: "&dimensions=avatar_id&top=8",
        kind: Some("avatar"),
        what: "avatar sessions",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
    Plan {
        id: "skills",
        title: "Top skills",
        metrics: &["sessions", "resolution_rate"],
        asked: "&dimensions=skill_type&top=8",
        kind: Some("chat"),
        what: "chats",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
    Plan {
        id: "meetings",
        title: "Top meetings",
        metrics: &["minutes_consumed", "sessions"],
        asked: "&dimensions=meeting_id&top=8&titles=true",
        kind: Some("meeting"),
        what: "meetings",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
];

pub(crate) const CONVERSATIONS: [Plan; 7] = [
    Plan {
        id: "outcomes",
        title: "Outcomes of completed chats",
        metrics: &["resolved_sessions", "unresolved_sessions"],
        asked: "",
        kind: None,
        what: "completed chats",
        drawing: Drawing::Stacked,
        is_wide: true,
    },
    Plan {
        id: "first-response",
        title: "First reply: median and 90th percentile",
        metrics: &["first_response_p50_seconds", "first_response_p90_seconds"],
        asked: "",
        kind: None,
        what: "replies",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "time-to-resolution",
        title: "Time to resolution: median and 90th percentile",
        metrics: &["time_to_resolution_p50_seconds", "time_to_resolution_p90_seconds"],
        asked: "",
        kind: None,
        what: "resolved chats",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "durability",
        title: "Durable resolutions and repeat contacts",
        metrics: &["durable_resolution_rate", "repeat_contact_rate"],
        asked: "",
        kind: None,
        what: "resolved chats",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "backlog",
        title: "Open chats at the end of each bucket",
        metrics: &["open_backlog"],
        asked: "",
        kind: None,
        what: "open chats",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "messages",
        title: "Channels",
        metrics: &["sessions", "messages", "resolution_rate"],
        asked: "&dimensions=channel&top=8",
        kind: Some("chat"),
        what: "chats",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
    Plan {
        id: "intents",
        title: "Intents",
        metrics: &["sessions", "resolution_rate"],
        asked: "&dimensions=sub_intent_type&top=8",
        kind: Some("chat"),
        what: "chats",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
];

pub(crate) const MEETINGS: [Plan; 6] = [
    Plan {
        id: "participants",
        title: "Participants",
        metrics: &["participants"],
        asked: "",
        kind: None,
        what: "participants",
        drawing: Drawing::Stacked,
        is_wide: true,
    },
    Plan {
        id: "coverage",
        title: "Coverage of transcripts, summaries and quality reports",
        metrics: &["transcript_coverage_rate", "summary_coverage_rate", "quality_coverage_rate"],
        asked: "",
        kind: None,
        what: "meetings that ended",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "transcripts",
        title: "Meetings by state of the transcript",
        metrics: &["sessions", "elapsed_minutes"],
        asked: "&dimensions=transcript_state&top=8",
        kind: Some("meeting"),
        what: "meetings",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
    Plan {
        id: "speakers",
        title: "Talk share of the most frequent speakers",
        metrics: &["transcript_words", "talk_share"],
        asked: "&dimensions=speaker_id&order_by=-transcript_words&limit=8",
        kind: None,
        what: "spoken words",
        drawing: Drawing::Ranking,
        is_wide: false,
    },
    Plan {
        id: "mos",
        title: "Quality of sound (MOS, 1 to 5)",
        metrics: &["audio_mos_avg", "audio_in_mos_avg"],
        asked: "",
        kind: None,
        what: "quality reports",
        drawing: Drawing::Lines,
        is_wide: false,
    },
    Plan {
        id: "unexplained",
        title: "Unexplained minutes by reason",
        metrics: &["unexplained_minutes"],
        asked: "&dimensions=unexplained_minutes_class",
        kind: None,
        what: "unexplained minutes",
        drawing: Drawing::Stacked,
        is_wide: false,
    },
];
