//! The texts that a search finds, as `/v1/search` answers it.

use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::api::search::{self, SearchParameters};
use crate::model::api_key::Scope;
use crate::query::search::Hit;
use crate::web::file::FileKind;
use crate::web::reading::Reading;
use crate::web::selection::Selection;
use crate::web::sessions::list::empty;
use crate::web::sessions::shown::{FoundItem, PAGE, Read, Shown, address, question, words};
use crate::web::visit::Visit;
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
            empty("texts with these words", &list.freshness, zoned)
        } else {
            Shown::Texts(list.items.into_iter().map(|hit| item(hit, &visit.selection, zoned)).collect())
        };
        Ok::<_, ApiError>((shown, list.page.next))
    });
    Read { shown: shown.await, json: format!("{PATH}?{asked}"), csv: visit.file_link("list", FileKind::Csv) }
}

fn item(hit: Hit, selection: &Selection, zoned: Zoned) -> FoundItem {
    // the link has a query and a fragment already
    let state = selection.link_beside_list("").replacen('?', "&", 1);
    let person = hit.speaker.or(hit.sender_role);
    FoundItem {
        at: zoned.second(hit.at),
        address: hit.page_link.replacen('#', &format!("{state}#"), 1),
        about: [Some(words(hit.kind.as_str())), Some(hit.source), person].into_iter().flatten().collect(),
        excerpt: hit.excerpt,
    }
}
