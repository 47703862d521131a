//! The texts that a search finds, as `/v1/search` answers it.

use rust_decimal::prelude::ToPrimitive;

use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::api::search::{self, SearchParameters};
use crate::model::api_key::Scope;
use crate::query::search::{Hit, HitKind};
use crate::web::file::FileKind;
use crate::web::reading::Reading;
use crate::web::selection::Selection;
use crate::web::sessions::list::empty;
use crate::web::sessions::shown::{FoundItem, PAGE, Read, Shown, address, question, words};
use crate::web::visit::Visit;
use crate::web::words::role;
use crate::web::zoned::Zoned;

const PATH: &str = "/v1/search";
const OWN: [&str; 9] =
    ["q", "kind", "preset_name", "country_code", "device_os", "network_type", "trail_step", "speaker_id", "cursor"];

/// Reads the requested page.
pub(super) async fn read(visit: &Visit, reading: &Reading) -> Read {
    let asked = question(visit, &OWN, PAGE);
    let shown = reading.part(&[Scope::ContentRead], async {
        let list = search::answer(&visit.state, Asked::<SearchParameters>::of(&address(PATH, &asked)?)?).await?;
        reading.note_content();
        let zoned = Zoned::of(visit);
        let shown = if list.items.is_empty() {
            let shown = empty("texts with these words", &list.freshness, visit);
            shown.lacking(pending(visit, reading).await?)
        } else {
            Shown::Texts(list.items.into_iter().map(|hit| item(hit, &visit.selection, zoned)).collect())
        };
        Ok::<_, ApiError>((shown, list.page.next))
    });
    Read { shown: Box::pin(shown).await, json: format!("{PATH}?{asked}"), csv: visit.file_link("list", FileKind::Csv) }
}

/// Returns the number of transcripts that the search may not have seen, since they are not there yet.
async fn pending(visit: &Visit, reading: &Reading) -> Result<i64, ApiError> {
    if visit.selection.get("kind").is_some_and(|kinds| !kinds.contains(HitKind::Transcript.as_str())) {
        return Ok(0);
    }
    let of_pending = visit.selection.with("transcript_state", Some("pending"));
    let answered = reading.answer_to(of_pending.question("metrics=sessions&granularity=none")).await?;
    let count = answered.answer.totals.get("sessions").and_then(|total| total.value?.0.to_i64());
    Ok(count.unwrap_or(0))
}

fn item(hit: Hit, selection: &Selection, zoned: Zoned) -> FoundItem {
    // the link has a query and a fragment already
    let state = selection.link_beside_list("").replacen('?', "&", 1);
    let role = hit.sender_role.as_deref().and_then(role);
    let person = hit.speaker.or(role.map(ToOwned::to_owned));
    FoundItem {
        instant: hit.at,
        at: zoned.second(hit.at),
        address: hit.page_link.replacen('#', &format!("{state}#"), 1),
        about: [Some(words(hit.kind.as_str())), Some(hit.source), person].into_iter().flatten().collect(),
        excerpt: hit.excerpt,
    }
}
