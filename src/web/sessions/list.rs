//! The list of sessions, as `/v1/sessions` answers it.

use rust_decimal::Decimal;

use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::api::sessions::list::{Listing, SessionParameters};
use crate::model::api_key::Scope;
use crate::query::freshness::{Freshness, FreshnessState};
use crate::query::sessions::Session;
use crate::web::figure::{grouped, short};
use crate::web::reading::Reading;
use crate::web::selection::Selection;
use crate::web::sessions::facts::length;
use crate::web::sessions::shown::{PAGE, Read, Shown, address, question};
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

const PATH: &str = "/v1/sessions";
/// The columns; a phone has room for the first four.
const HEAD: [(&str, bool); 9] = [
    ("Began", false),
    ("About", false),
    ("State", false),
    ("Length", true),
    ("Kind", false),
    ("Source", false),
    ("Minutes", true),
    ("Messages", true),
    ("People", true),
];
const OWN: [&str; 10] = [
    "sort",
    "has_transcript",
    "preset_name",
    "country_code",
    "device_os",
    "network_type",
    "trail_step",
    "speaker_id",
    "provider_session_id",
    "cursor",
];

/// Reads the requested page.
pub(super) async fn read(visit: &Visit, reading: &Reading) -> Read {
    let shows_titles = visit.state.caller.has_any(&[Scope::ContentRead]);
    let titles = |asked: String| if shows_titles { format!("{asked}&titles=true") } else { asked };
    let with_titles = titles(question(visit, &OWN, PAGE));
    let shown = reading.part(&[Scope::SessionsRead], async {
        let Asked { given, faults } = Asked::<SessionParameters>::of(&address(PATH, &with_titles)?)?;
        let list = Listing::understand(&visit.state, &given, faults).await?.page().await?;
        if list.items.iter().any(|session| session.meeting_title.is_some()) {
            reading.note_content();
        }
        let shown =
            if list.items.is_empty() { empty("sessions", &list.freshness, visit) } else { table(&list.items, visit) };
        Ok::<_, ApiError>((shown, list.page.next))
    });
    // the file has all sessions, not one page of them
    let of_all: Vec<&str> = OWN.into_iter().filter(|name| *name != "cursor").collect();
    let csv = format!("{PATH}?{}", titles(question(visit, &of_all, "format=csv")));
    Read { shown: shown.await, csv, json: format!("{PATH}?{with_titles}") }
}

/// Says that there is nothing, and whether that is known.
pub(super) fn empty(what: &str, freshness: &Freshness, visit: &Visit) -> Shown {
    let zoned = Zoned::of(visit);
    if Zoned::range(visit).is_some_and(|range| range.from >= visit.state.clock.now()) {
        return Shown::Empty { sentence: "The period has not begun.".to_owned(), is_known: true };
    }
    let is_known = freshness.range.is_none_or(|range| range.is_proven) || freshness.state == FreshnessState::Fresh;
    let through =
        freshness.complete_through.map(|at| format!("data complete to {} {}", zoned.minute(at), zoned.name()));
    let through = through.unwrap_or_else(|| "a source has no proven data yet".to_owned());
    // no source has a history that reaches into the range
    if freshness.range.is_none() && !freshness.streams.is_empty() {
        let sentence = format!("The period lies before the history of the sources; {through}.");
        return Shown::Empty { sentence, is_known: false };
    }
    Shown::Empty { sentence: format!("No {what} in this period; {through}."), is_known }
}

/// Returns the list of sessions.
pub(super) fn table(sessions: &[Session], visit: &Visit) -> Shown {
    let head = HEAD.iter().map(|(name, is_number)| if *is_number { Cell::number(*name) } else { Cell::text(*name) });
    let rows = sessions.iter().map(|session| row(session, &visit.selection, Zoned::of(visit))).collect();
    Shown::Sessions(Table { head: head.collect(), rows, ends: None })
}

fn row(session: &Session, selection: &Selection, zoned: Zoned) -> Vec<Cell> {
    let about = [
        &session.meeting_title,
        &session.skill_type,
        &session.channel,
        &session.avatar_id,
        &session.session_type,
        &session.meeting_id,
    ];
    let about = about.into_iter().flatten().next().cloned().unwrap_or_default();
    let state = match session.outcome.as_str() {
        "not_applicable" | "open" => session.session_state.clone(),
        outcome => format!("{}, {outcome}", session.session_state),
    };
    let minutes = match (session.minutes_consumed, &session.minutes_basis) {
        (Some(minutes), _) => short(minutes.0),
        (None, Some(_)) => "unknown".to_owned(),
        (None, None) => "not metered".to_owned(),
    };
    let count = |count: Option<i32>| count.map_or_else(|| "–".to_owned(), |count| grouped(Decimal::from(count), 0));
    let address = selection.link_beside_list(&format!("/sessions/{}", session.session_id));
    vec![
        Cell::link(zoned.minute(session.started_at), address),
        Cell::text(about),
        Cell::text(state.replace('_', " ")),
        Cell::number(length(session, zoned)),
        Cell::text(&session.session_kind),
        Cell::text(&session.source),
        Cell::number(minutes),
        Cell::number(count(session.message_count)),
        Cell::number(count(session.person_count)),
    ]
}
