//! One session: its figures and where each comes from, its people as strips over time, and what was said.

use askama::Template;
use axum::response::Response;

use crate::api::parameters::path::SessionId;
use crate::api::problem::ApiError;
use crate::api::sessions::part::parts_of;
use crate::model::api_key::Scope;
use crate::model::stream::Stream;
use crate::query::availability::Parts;
use crate::query::provenance::{self, Change, Provenance};
use crate::query::sessions::{self, Session};
use crate::query::summaries;
use crate::query::{participants, transcripts};
use crate::web::file::FileKind;
use crate::web::layout::Section;
use crate::web::panel::{Panel, Shown, State};
use crate::web::reading::{Reading, Trouble};
use crate::web::sessions::events::{self, Events};
use crate::web::sessions::summary::{Block, Piece, blocks};
use crate::web::sessions::{facts, strips};
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

/// Most people and utterances that are drawn.
const MOST_PEOPLE: i64 = 500;
const MOST_UTTERANCES: i64 = 5_000;
/// Changes that are shown.
const CHANGES: i64 = 50;

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    title: String,
    subtitle: String,
    list: String,
    panels: [Panel; 4],
    content: Result<Content, Trouble>,
    /// Address of the texts as CSV.
    csv: String,
    /// Address of the events that follow.
    next: Option<String>,
    /// Address of the first events; `None`: they are shown.
    first: Option<String>,
    json: String,
    zone: &'static str,
}

/// What was said and written.
struct Content {
    events: Events,
    summary: Vec<Block>,
    lacks: Vec<String>,
}

/// Answers with one session.
pub(crate) async fn page(SessionId(session_id): SessionId, visit: Visit) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let shows_content = visit.state.caller.has_any(&[Scope::ContentRead]);
    let zoned = Zoned::of(&visit);
    let session = sessions::find(&visit.state.pool, session_id, shows_content).await?;
    let session = session.ok_or_else(|| ApiError::NotFound(format!("There is no session {session_id}.")))?;
    let (parts, _) = parts_of(&visit.state, session_id).await?;
    let people = people(&visit, &reading, &session, &parts, zoned).await;
    let content = reading.part(&[Scope::ContentRead], content(&visit, &parts, zoned)).await;
    if shows_content {
        reading.note_content();
    }
    let record = reading.part(&[Scope::SessionsRead], record(&visit, &session, &parts)).await;
    let figures = Panel::new("figures", "Figures", State::Table(facts::table(&session, zoned)));
    let (record, changes) = panels_of(record, zoned);
    let panels = [figures, record, changes, people].map(|panel| panel.with_files(&visit));
    let texts = content.as_ref().map(|content| State::Table(content.events.table()));
    let texts = Panel::new("texts", "What happened", texts.unwrap_or_else(|trouble| State::Trouble(trouble.clone())));
    if let Some(file) = visit.file(&reading, panels.iter().chain([&texts])) {
        return file;
    }
    let selection = &visit.selection;
    let next = content.as_ref().ok().and_then(|content| content.events.next.as_deref());
    let is_later = content.as_ref().is_ok_and(|content| content.events.is_later);
    let body = SessionPage {
        title: session.meeting_title.clone().unwrap_or_else(|| format!("Session {}", session.provider_session_id)),
        subtitle: format!("{} · {} · {}", session.source, session.session_kind, zoned.minute(session.started_at)),
        list: selection.link_beside_list("/sessions"),
        next: next.map(|cursor| selection.with("at", None).with("cursor", Some(cursor)).link_here(&visit.path)),
        first: is_later.then(|| selection.with("at", None).with("cursor", None).link_here(&visit.path)),
        json: format!("/v1/sessions/{session_id}"),
        zone: zoned.name(),
        csv: visit.file_link(&texts.id, FileKind::Csv),
        panels,
        content,
    };
    visit.respond_as(Section::Sessions, Some(body.title.clone()), &reading, &body)
}

/// Returns the panels of the record and of its changes.
fn panels_of(read: Result<(Option<Provenance>, Vec<Change>), Trouble>, zoned: Zoned) -> (Panel, Panel) {
    let (found, changes) = match read {
        Ok((found, changes)) => (
            found.map_or_else(
                || State::EmptyButUnknown("No record of it is stored.".to_owned()),
                |found| State::Table(facts::record(&found, zoned)),
            ),
            if changes.is_empty() {
                State::EmptyAndComplete("Nothing changed since it was first stored.".to_owned())
            } else {
                State::Table(facts::changes(&changes, zoned))
            },
        ),
        Err(trouble) => (State::Trouble(trouble.clone()), State::Trouble(trouble)),
    };
    (Panel::new("record", "Record", found), Panel::new("changes", "Changes", changes))
}

async fn people(visit: &Visit, reading: &Reading, session: &Session, parts: &Parts, zoned: Zoned) -> Panel {
    let pool = &visit.state.pool;
    let read = reading.part(&[Scope::ContentRead], async {
        let people = participants::list(pool, parts, None, MOST_PEOPLE).await?;
        Ok::<_, ApiError>((people, transcripts::segments(pool, parts, None, Some(MOST_UTTERANCES)).await?))
    });
    let panel = |state| Panel { is_wide: true, ..Panel::new("people", "People", state) };
    match read.await {
        Err(trouble) => panel(State::Trouble(trouble)),
        Ok((people, _)) if people.is_empty() => {
            let lack = events::lack("The list of participants", &parts.of(Stream::Participants), zoned);
            panel(match lack {
                Some(lack) => State::EmptyButUnknown(lack),
                None => State::EmptyAndComplete("This session has no list of participants.".to_owned()),
            })
        }
        Ok((people, spoken)) => {
            let Shown { state, caption, table } =
                strips::draw(session, &people, &spoken, visit.state.clock.now(), zoned);
            Panel { caption, table, ..panel(state) }
        }
    }
}

async fn content(visit: &Visit, parts: &Parts, zoned: Zoned) -> Result<Content, ApiError> {
    let events = events::read(visit, parts, zoned).await?;
    let summary = summaries::find(&visit.state.pool, parts).await?;
    let lacks = [
        ("The list of messages", parts.messages()),
        ("The transcript", parts.of(Stream::Transcript)),
        ("The summary", parts.of(Stream::Summary)),
    ];
    let lacks = lacks.iter().filter_map(|(part, known)| events::lack(part, known, zoned)).collect();
    Ok(Content { events, summary: summary.as_ref().map(blocks).unwrap_or_default(), lacks })
}

async fn record(
    visit: &Visit,
    session: &Session,
    parts: &Parts,
) -> Result<(Option<Provenance>, Vec<Change>), ApiError> {
    let pool = &visit.state.pool;
    let found = provenance::find(pool, parts).await?;
    Ok((found, provenance::changes(pool, parts, &session.provider_session_id, None, CHANGES).await?))
}
