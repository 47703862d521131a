//! *Sessions*: their list, the texts that a search finds, and one session with its parts.

mod by_id;
mod events;
mod facts;
mod found;
mod list;
pub(crate) mod one;
mod shown;
mod strips;
mod summary;

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::model::session::{SessionKind, SessionState};
use crate::model::session_outcome::SessionOutcome;
use crate::query::search::HitKind;
use crate::web::layout::Section;
use crate::web::reading::{Reading, Trouble};
use crate::web::sessions::by_id::Named;
use crate::web::sessions::shown::{Read, Shown, words};
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

/// A choice of a field: its value, its text, and whether it is chosen.
struct FieldOption {
    value: &'static str,
    text: String,
    is_chosen: bool,
}

/// A field with a closed list of values.
struct Field {
    name: &'static str,
    label: &'static str,
    options: Vec<FieldOption>,
}

impl Field {
    fn of(
        visit: &Visit,
        name: &'static str,
        label: &'static str,
        first: &str,
        values: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let chosen = visit.selection.get(name).unwrap_or_default();
        let option = |value: &'static str| FieldOption { value, text: words(value), is_chosen: value == chosen };
        let all = FieldOption { value: "", text: first.to_owned(), is_chosen: chosen.is_empty() };
        Self { name, label, options: std::iter::once(all).chain(values.into_iter().map(option)).collect() }
    }
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct Sessions {
    can_search: bool,
    text: String,
    fields: Vec<Field>,
    hidden: Vec<(String, String)>,
    heading: &'static str,
    shown: Shown,
    /// The period and the zone of the times.
    caption: String,
    /// Address of the next page.
    next: Option<String>,
    /// Address of the first page; `None`: it is shown.
    first: Option<String>,
    /// Path and query of the same answer of the API.
    json: String,
    /// Address of the same as CSV; `None`: there is nothing.
    csv: Option<String>,
}

/// Returns the period and the zone of the times.
fn caption(visit: &Visit) -> String {
    let zoned = Zoned::of(visit);
    Zoned::range(visit).map_or_else(String::new, |range| {
        format!("{} until {}, {}.", zoned.minute(range.from), zoned.minute(range.to), zoned.name())
    })
}

/// What the address asks for.
enum Found {
    /// One session, at this address.
    Leads(String),
    /// A list, with its heading.
    Lists(&'static str, Read),
}

async fn found_by(visit: &Visit, reading: &Reading, text: Option<&str>) -> Found {
    let Some(text) = text else { return Found::Lists("Sessions", list::read(visit, reading).await) };
    let can_search = visit.state.caller.has_any(&[Scope::ContentRead]);
    match by_id::read(visit, reading, text).await {
        Ok(Named::One(address)) => Found::Leads(address),
        Ok(Named::Several(read)) => Found::Lists("Sessions with this id", read),
        Ok(Named::None) if !can_search => Found::Lists("Sessions with this id", by_id::nothing(text)),
        Err(trouble) if !can_search => {
            Found::Lists("Sessions with this id", Read { shown: Err(trouble), ..by_id::nothing(text) })
        }
        Ok(Named::None) | Err(_) => Found::Lists("Texts", found::read(visit, reading).await),
    }
}

/// Answers with the section.
pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let selection = &visit.selection;
    let text = selection.get("q").map(ToOwned::to_owned);
    let (heading, read) = match found_by(&visit, &reading, text.as_deref()).await {
        Found::Leads(address) => return Ok(Redirect::to(&address).into_response()),
        Found::Lists(heading, read) => (heading, read),
    };
    let here = |cursor: Option<&str>| selection.with("cursor", cursor).link_here(&visit.path);
    let (shown, next) = match read.shown {
        Ok((shown, next)) => (shown, next.map(|cursor| here(Some(&cursor)))),
        Err(trouble) => (Shown::Trouble(trouble), None),
    };
    if let Some(file) = visit.file(&reading, shown.texts().as_ref()) {
        return file;
    }
    let csv = matches!(shown, Shown::Sessions(_) | Shown::Texts(_)).then_some(read.csv);
    let sorts = ["started_at", "-ended_at", "-minutes_consumed", "-message_count"];
    let fields = vec![
        Field::of(&visit, "kind", "In", "All texts", HitKind::ALL.map(HitKind::as_str)),
        Field::of(&visit, "session_kind", "Kind", "All kinds", SessionKind::ALL.map(SessionKind::as_str)),
        Field::of(&visit, "session_state", "State", "All states", SessionState::ALL.map(SessionState::as_str)),
        Field::of(&visit, "outcome", "Outcome", "All outcomes", SessionOutcome::ALL.map(SessionOutcome::as_str)),
        Field::of(&visit, "has_transcript", "Transcript", "With or without", ["true", "false"]),
        Field::of(&visit, "sort", "Order", "newest first", sorts),
    ];
    let can_search = visit.state.caller.has_any(&[Scope::ContentRead]);
    // the kind of a text is chosen where texts can be searched, the order where sessions are listed
    let is_shown = |field: &Field| match field.name {
        "kind" => can_search,
        "sort" | "has_transcript" => text.is_none(),
        _ => true,
    };
    let fields: Vec<Field> = fields.into_iter().filter(is_shown).collect();
    let named: Vec<&str> = fields.iter().map(|field| field.name).chain(["q"]).collect();
    let body = Sessions {
        can_search,
        hidden: selection.hidden(&named).into_iter().cloned().collect(),
        fields,
        heading,
        shown,
        caption: caption(&visit),
        next,
        first: selection.get("cursor").map(|_| here(None)),
        json: read.json,
        csv,
        text: text.unwrap_or_default(),
    };
    visit.respond(Section::Sessions, &reading, &body)
}
