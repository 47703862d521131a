//! The events of one session in the order of time, with texts: joins and leaves, messages and utterances.

use axum::http::Uri;
use chrono::{DateTime, TimeDelta, Utc};

use crate::api::formats::cell::Cell as Exact;
use crate::api::page::{PageParameters, PageRequest};
use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::query::availability::{Availability, Parts};
use crate::query::timeline::{self, EventKey, TimelineEvent};
use crate::web::selection::escape;
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;
use crate::web::words;
use crate::web::zoned::Zoned;

/// Events on one page.
const PAGE: &str = "limit=200";
/// How far before a linked instant the events begin.
const BEFORE: TimeDelta = TimeDelta::minutes(2);

/// An event, as a reader sees it.
pub(super) struct EventItem {
    /// The local day, where it begins.
    pub(super) day: Option<String>,
    pub(super) at: String,
    instant: DateTime<Utc>,
    pub(super) name: String,
    /// What happened, where it is no text.
    pub(super) happened: Option<&'static str>,
    pub(super) text: Option<String>,
    /// Whether the address links to it; the first of these is the target.
    pub(super) is_linked: bool,
    pub(super) is_target: bool,
}

/// Events on a page.
pub(super) struct Events {
    pub(super) items: Vec<EventItem>,
    /// Cursor of the next page.
    pub(super) next: Option<String>,
    /// Whether earlier events are on other pages.
    pub(super) is_later: bool,
    /// Events without a time.
    pub(super) untimed: i64,
}

/// Reads a page of events: from the cursor on, or from a little before the linked instant.
pub(super) async fn read(visit: &Visit, parts: &Parts, zoned: Zoned) -> Result<Events, ApiError> {
    let cursor = visit.selection.get("cursor").map(|cursor| format!("&cursor={}", escape(cursor))).unwrap_or_default();
    let uri: Uri = format!("/?{PAGE}{cursor}").parse().map_err(|_| ApiError::NoSuchPath)?;
    let Asked { given, mut faults } = Asked::<PageParameters>::of(&uri)?;
    // a cursor of the API continues here, and the reverse
    let question = format!("timeline {}", parts.session_id);
    let mut page = PageRequest::<EventKey>::read(&given, question, &mut faults);
    page.check_instant(|key| key.at, &mut faults);
    faults.refuse()?;
    let linked = visit.selection.get("at").and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let linked = linked.filter(|at| crate::model::time::sane(*at).is_some());
    if let (None, Some(at)) = (&page.after, linked) {
        page.after = Some(EventKey::before(at - BEFORE));
    }
    let events = timeline::list(&visit.state.pool, parts, page.after.clone(), page.to_read()).await?;
    let is_later = page.after.is_some();
    let (events, next) = page.cut(events, TimelineEvent::key);
    let untimed = timeline::untimed_count(&visit.state.pool, parts).await?;
    let mut items: Vec<EventItem> = events.into_iter().map(|event| item(event, linked, zoned)).collect();
    let mut day = String::new();
    for item in &mut items {
        let own = zoned.day(item.instant);
        item.day = (own != day).then(|| own.clone());
        day = own;
    }
    if let Some(first) = items.iter_mut().find(|item| item.is_linked) {
        first.is_target = true;
    }
    Ok(Events { items, next: next.next, is_later, untimed })
}

fn item(event: TimelineEvent, linked: Option<DateTime<Utc>>, zoned: Zoned) -> EventItem {
    let happened = match event.event.as_str() {
        "created" => Some("The session was created."),
        "started" => Some("The session began."),
        "completed" => Some("The chat was completed."),
        "ended" if event.is_derived => Some("The session ended, by its length."),
        "ended" => Some("The session ended."),
        "joined" => Some("joined"),
        "left" if event.is_derived => Some("left, by the length of the presence"),
        "left" => Some("left"),
        "message" if event.body.is_none() => Some("sent media, or the text was erased"),
        _ => None,
    };
    let is_linked = linked.is_some_and(|at| at.timestamp() == event.at.timestamp()) && happened.is_none();
    // what is about the session alone has no name
    let is_of_person = !matches!(event.event.as_str(), "created" | "started" | "completed" | "ended");
    let role = event.sender_role.as_deref().and_then(words::role);
    let name = event.name.or(role.map(ToOwned::to_owned));
    EventItem {
        day: None,
        at: zoned.clock(event.at),
        instant: event.at,
        name: name.unwrap_or_else(|| if is_of_person { "unnamed" } else { "" }.to_owned()),
        happened,
        text: event.body,
        is_linked,
        is_target: false,
    }
}

impl Events {
    /// Returns the events as a table.
    pub(super) fn table(&self) -> Table {
        let text = |text: Option<&str>| Cell::text(text.unwrap_or_default());
        let row = |item: &EventItem| {
            let at = Cell::text(&item.at).exactly(Exact::Instant(item.instant.fixed_offset()));
            vec![at, Cell::text(&item.name), text(item.happened), text(item.text.as_deref())]
        };
        let head = ["Time", "Name", "Event", "Text"].map(Cell::text).into();
        Table { head, rows: self.items.iter().map(row).collect(), ends: None }
    }
}

/// Says why a part is missing; `None`: it is stored.
pub(super) fn lack(part: &str, known: &Availability, zoned: Zoned) -> Option<String> {
    use crate::query::availability::State;
    let why = match known.availability {
        State::Available | State::NotApplicable => return None,
        State::Empty => "exists and is empty",
        State::Pending => "is not there yet",
        State::NotEnabled => "was not made by the provider",
        State::Expired => "was deleted at the provider before it could be read",
        State::Failed => "could not be read and was given up",
        State::NotFetched => "is not fetched from this source",
        State::Unknown => "was not sent by the provider",
    };
    let next =
        known.next_try_at.map(|at| format!("; next try {} {}", zoned.minute(at), zoned.name())).unwrap_or_default();
    let reason = known.reason.as_deref().map(|reason| format!(" ({})", words::absence(reason))).unwrap_or_default();
    Some(format!("{part} {why}{reason}{next}."))
}
