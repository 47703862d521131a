//! Normalization of Konvo records.
//!
//! A chat has two flags, completed and unresolved, and no duration: it is computed up to the completion or else to
//! the last message. An absent key was not requested or not sent; it never means "false" or "none". Messages and
//! trail may hold anything and are read one by one.
//! Pure functions; this module knows neither envelopes nor calls.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::connector::record::{DriftItems, Fields};
use crate::model::message::{Message, SenderRole, TrailStep};
use crate::model::page::{Page, Reject};
use crate::model::person::PersonRef;
use crate::model::session::{EndSource, Extension, ExtensionTable, Session, SessionKind, SessionState};
use crate::model::session_outcome::SessionOutcome;
use crate::providers::konvo::watched;
use crate::providers::message_list::MessageList;

/// Longest accepted name of a channel, in characters; a longer one would not fit an index entry.
const MAX_CHANNEL_CHARS: usize = 100;
/// Deepest accepted nesting of a trail step; the database refuses a page with much deeper ones.
const MAX_STEP_DEPTH: usize = 100;

/// A chat must be older than a window by this much to prove that its filter compares changes: a creation filter that
/// truncates instants to days must not look like one.
const FILTER_MARGIN: TimeDelta = TimeDelta::hours(25);

/// Konvo's own columns.
static EXTENSION: ExtensionTable = ExtensionTable {
    name: "konvo_sessions",
    columns: &[
        ("workspace_id", "text"),
        ("feed_id", "text"),
        ("contact_id", "text"),
        ("external_user_id", "text"),
        ("skill_type", "text"),
        ("sub_intent_type", "text"),
        ("trail_length", "int"),
    ],
};

/// All fields of a record, of its status, its state and its messages, used or not.
const FIELDS: [&str; 10] = [
    "channel",
    "contact_id",
    "created_at",
    "external_user_id",
    "feed_id",
    "id",
    "messages",
    "state",
    "status",
    "workspace_id",
];
const STATUS_FIELDS: [&str; 6] =
    ["completed", "completed_at", "last_message_date", "last_updated", "session_id", "unresolved"];
const STATE_FIELDS: [&str; 4] = ["session_id", "sub_intent_type", "trail", "type"];
const MESSAGE_FIELDS: [&str; 5] = ["created_at", "initiator_origin", "message", "message_id", "session_id"];

/// Number of chats that prove what the list's filter compares.
const PROVING_CHATS: usize = 3;

/// Reads one record.
pub(super) fn session(raw: &str, drift: &DriftItems) -> Result<Session, Reject> {
    let fields = Fields::open(raw, drift)?;
    fields.expect(&FIELDS);
    let provider_session_id = fields.required_id("id")?;
    let created_at = fields.required_instant("created_at", &provider_session_id)?;
    let status = fields.object("status");
    if let Some(status) = &status {
        status.expect(&STATUS_FIELDS);
    }
    let flag = |name| status.as_ref().and_then(|status| status.flag(name));
    let instant = |name| status.as_ref().and_then(|status| status.instant(name));
    let (completed, unresolved) = (flag("completed"), flag("unresolved"));
    let messages = messages(&fields, drift);
    let newest = messages.iter().flatten().filter_map(|message| message.sent_at).max();
    let last_message_at = instant("last_message_date").or(newest);
    let completed_at = instant("completed_at").filter(|_| completed == Some(true));
    let last_updated = instant("last_updated");
    let state = fields.object("state");
    if let Some(state) = &state {
        state.expect(&STATE_FIELDS);
    }
    let trail = state.as_ref().and_then(|state| trail(state, drift));
    let channel = channel(&fields, drift);
    let (identities, feed_id) = (identities(&fields), fields.text("feed_id"));
    let present = watched::fields(&watched::Read {
        has_person: !identities.is_empty(),
        has_feed: feed_id.is_some(),
        has_channel: channel.is_some(),
        status: status.is_some().then_some([completed.is_some(), unresolved.is_some(), last_updated.is_some()]),
        completed_at: (completed == Some(true)).then_some(completed_at.is_some()),
        state: state.as_ref().map(|state| [state.has("type"), trail.is_some()]),
        messages: messages.as_deref(),
    });
    Ok(Session {
        provider_session_id,
        kind: SessionKind::Chat,
        provider_status: None,
        state: match completed {
            Some(true) => SessionState::Ended,
            Some(false) => SessionState::Open,
            None => SessionState::Unknown,
        },
        outcome: SessionOutcome::from_flags(completed, unresolved),
        is_flagged_unresolved: unresolved,
        channel,
        identities,
        parent_provider_session_id: None,
        group_key: feed_id,
        created_at,
        started_at: created_at,
        ended_at: completed_at,
        ended_at_source: completed_at.map(|_| EndSource::Provider),
        completed_at,
        last_activity_at: last_updated.or(last_message_at),
        duration_seconds: duration_seconds(created_at, completed_at, last_message_at, drift),
        provider_minutes: None,
        max_concurrent_participants: None,
        provider_updated_at: last_updated,
        extension: Some(extension(&fields, state.as_ref(), trail.as_deref())),
        messages,
        trail,
        is_partial: false,
        fields: present,
    })
}

/// Returns what the list's time filter compares, where several chats of this page prove it: one stray chat proves
/// nothing. Only a filter on changes lists chats created before `from` and changed since; only one on creation lists
/// chats that changed after `to`. If chats are listed that lie before `from` in both, the filter is ignored.
pub(super) fn filter_meaning(page: &Page, from: DateTime<Utc>, to: Option<DateTime<Utc>>) -> Option<&'static str> {
    let sessions = || page.records.iter().map(|record| &record.session);
    let older = || sessions().filter(|session| session.created_at < from - FILTER_MARGIN);
    let changed_later =
        |session: &&Session| to.is_some_and(|to| session.provider_updated_at > Some(to + FILTER_MARGIN));
    if older().next().is_none() && sessions().filter(changed_later).count() >= PROVING_CHATS {
        return Some("created");
    }
    let is_change =
        older().count() >= PROVING_CHATS && older().all(|session| session.provider_updated_at >= Some(from));
    is_change.then_some("updated")
}

fn identities(fields: &Fields<'_>) -> Vec<PersonRef> {
    let named = |(identity_kind, name)| fields.identity(name).map(|identity| PersonRef { identity_kind, identity });
    [("contact", "contact_id"), ("external_user", "external_user_id")].into_iter().filter_map(named).collect()
}

fn channel(fields: &Fields<'_>, drift: &DriftItems) -> Option<String> {
    let channel = fields.text("channel")?;
    if channel.chars().count() > MAX_CHANNEL_CHARS {
        drift.count("unreadable_value", "/channel", "too long");
        return None;
    }
    Some(channel)
}

/// Returns the time from creation to completion, else to the last message. An end before the beginning is counted and
/// gives no duration.
fn duration_seconds(
    created_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    last_message_at: Option<DateTime<Utc>>,
    drift: &DriftItems,
) -> Option<Decimal> {
    let (end, path) = match completed_at {
        Some(end) => (end, "/status/completed_at"),
        None => (last_message_at?, "/status/last_message_date"),
    };
    let micros = (end - created_at).num_microseconds()?;
    if micros < 0 {
        drift.count("unreadable_value", path, "before created_at");
        return None;
    }
    Some(Decimal::new(micros, 6).normalize())
}

fn extension(fields: &Fields<'_>, state: Option<&Fields<'_>>, trail: Option<&[TrailStep]>) -> Extension {
    let of_state = |name| state.and_then(|state| state.text(name));
    let values = vec![
        fields.text("workspace_id"),
        fields.text("feed_id"),
        fields.text("contact_id"),
        fields.text("external_user_id"),
        of_state("type"),
        of_state("sub_intent_type"),
        trail.map(|steps| steps.len().to_string()),
    ];
    Extension { table: &EXTENSION, values }
}

/// Returns the messages in the provider's order. An element that is no object counts as a message of which nothing is
/// known. `None` where the record holds no list of them.
fn messages(fields: &Fields<'_>, drift: &DriftItems) -> Option<Vec<Message>> {
    let all: Vec<_> = fields.list("messages")?.into_iter().map(|raw| (raw, fields.element("messages", raw))).collect();
    let ids: Vec<String> = all.iter().filter_map(|(_, element)| element.as_ref()?.text("message_id")).collect();
    let mut list = MessageList::new("/messages/message_id", &ids.iter().map(String::as_str));
    for (position, (raw, element)) in (0_i32..).zip(all) {
        let message = match element {
            Some(element) => message(&element, position, &mut list, drift),
            None => unread(raw, position, &mut list),
        };
        list.add(message, drift);
    }
    let mut messages = list.into_messages();
    messages.sort_by_key(|message| message.position);
    Some(messages)
}

/// Returns the message of an element that is no object.
fn unread(raw: &RawValue, position: i32, list: &mut MessageList) -> Message {
    Message {
        provider_message_id: list.derived_id(&[raw.get()]),
        position,
        sent_at: None,
        sender_role: SenderRole::Unknown,
        provider_origin: None,
        provider_participant_id: None,
        payload_type: None,
        body: None,
        is_text_unknown: true,
    }
}

fn message(element: &Fields<'_>, position: i32, list: &mut MessageList, drift: &DriftItems) -> Message {
    element.expect(&MESSAGE_FIELDS);
    let sent_at = element.instant("created_at");
    let provider_origin = element.text("initiator_origin");
    // Not `text`, because a customer may write "null".
    let body = element.full_text("message");
    let at = sent_at.map(|at| at.to_rfc3339()).unwrap_or_default();
    let content = [provider_origin.as_deref().unwrap_or_default(), &at, body.as_deref().unwrap_or_default()];
    let id = list.id_of(element.text("message_id").as_deref(), &content, drift);
    let provider_message_id = id.unwrap_or_else(|_| {
        drift.count("unreadable_value", "/messages/message_id", "unusable");
        list.derived_id(&content)
    });
    let sender_role = sender_role(provider_origin.as_deref());
    if sender_role == SenderRole::Unknown {
        element.unknown_value("initiator_origin", provider_origin.as_deref().unwrap_or_default());
    }
    Message {
        provider_message_id,
        position,
        sent_at,
        sender_role,
        provider_origin,
        provider_participant_id: None,
        payload_type: None,
        is_text_unknown: body.is_none() && element.is_some("message"),
        body,
    }
}

/// Returns the role of a sender. Only `RECIPIENT`, the customer, is documented. The other known words denote the
/// serving side, including human agents.
fn sender_role(origin: Option<&str>) -> SenderRole {
    match origin.map(|origin| origin.trim().to_ascii_uppercase()).as_deref() {
        Some("RECIPIENT") => SenderRole::User,
        Some("AI" | "ASSISTANT" | "BOT" | "AGENT") => SenderRole::Assistant,
        _ => SenderRole::Unknown,
    }
}

/// Returns the trail, where the state has one.
fn trail(state: &Fields<'_>, drift: &DriftItems) -> Option<Vec<TrailStep>> {
    let steps = state.list("trail")?.into_iter().map(|raw| {
        if nesting(raw.get()) > MAX_STEP_DEPTH {
            drift.count("unreadable_value", "/state/trail", "too deep");
            return TrailStep { step_type: None, step: "null".to_owned() };
        }
        let fields = state.element("trail", raw);
        let named = |name| fields.as_ref().filter(|fields| fields.has(name)).and_then(|fields| fields.text(name));
        // The form of a step is not documented; these are plausible names of the field for its kind.
        let step_type = ["type", "skill_type", "name"].into_iter().find_map(named);
        TrailStep { step_type, step: raw.get().to_owned() }
    });
    Some(steps.collect())
}

/// Returns the depth of nested lists and objects.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
