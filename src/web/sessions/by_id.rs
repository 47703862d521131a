//! Sessions looked up by an id: the provider's own, or the number that this service gave.
//!
//! An id names a session in any period and with any filter, so those of the page do not count here. A text in
//! quotation marks is no id.

use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::query::metrics::filter::MetricFilter;
use crate::query::sessions::list::{SessionFilter, SessionOrder, SortField, list};
use crate::query::sessions::{self, Session};
use crate::web::reading::{Reading, Trouble};
use crate::web::selection::escape;
use crate::web::sessions::list::table;
use crate::web::sessions::shown::{PAGE, Read, Shown};
use crate::web::visit::Visit;

/// Most sessions that are listed: each source has at most one of an id.
const MOST: i64 = 100;

/// What a text names.
pub(super) enum Named {
    /// One session: its address.
    One(String),
    /// Several sessions.
    Several(Read),
    /// None that the caller may see.
    None,
}

/// Looks up the text of the search. One that is about texts alone, or about their next page, is not looked up.
pub(super) async fn read(visit: &Visit, reading: &Reading, text: &str) -> Result<Named, Trouble> {
    let selection = &visit.selection;
    let is_of_texts = selection.get("kind").or(selection.get("cursor")).or(selection.get("file")).is_some();
    if text.contains('\0') || (is_of_texts && visit.state.caller.has_any(&[Scope::ContentRead])) {
        return Ok(Named::None);
    }
    let found = reading.part(&[Scope::SessionsRead], find(visit, reading, text.trim())).await?;
    Ok(match found.as_slice() {
        [] => Named::None,
        [one] => {
            let path = format!("/sessions/{}", one.session_id);
            Named::One(selection.with("q", None).link_beside_list(&path))
        }
        several => {
            let asked = |more: &str| format!("/v1/sessions?provider_session_id={}&{more}", escape(text.trim()));
            let shown = Ok((table(several, visit), None));
            Named::Several(Read { shown, json: asked(PAGE), csv: asked("format=csv") })
        }
    })
}

async fn find(visit: &Visit, reading: &Reading, text: &str) -> Result<Vec<Session>, ApiError> {
    let pool = &visit.state.pool;
    let shows_titles = visit.state.caller.has_any(&[Scope::ContentRead]);
    let filter = SessionFilter {
        // the index of provider ids begins with the source
        source_ids: Some(reading.catalog().sources.iter().map(|source| source.source_id).collect()),
        conditions: MetricFilter { includes_deleted: true, ..MetricFilter::default() },
        provider_session_ids: vec![text.to_owned()],
        ..SessionFilter::default()
    };
    let order = SessionOrder { by: SortField::StartedAt, is_descending: true };
    let mut found = list(pool, &filter, order, None, MOST, shows_titles).await?;
    if let Ok(number) = text.parse::<i64>()
        && let Some(session) = sessions::find(pool, number, shows_titles).await?
        && visit.state.caller.sources.allows(&session.source)
        && found.iter().all(|other| other.session_id != number)
    {
        found.push(session);
    }
    if found.iter().any(|session| session.meeting_title.is_some()) {
        reading.note_content();
    }
    Ok(found)
}

/// Says that nothing has this id, to a caller who may not search texts.
pub(super) fn nothing(text: &str) -> Read {
    let sentence = "No stored session has this id. Words in texts are searched with the scope content:read.".to_owned();
    let shown = Ok((Shown::Empty { sentence, is_known: true }, None));
    let json = format!("/v1/sessions?provider_session_id={}&{PAGE}", escape(text.trim()));
    Read { shown, json, csv: String::new() }
}
