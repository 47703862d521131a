//! Konvo's envelope, in the vendor's spelling: `count` and `result`.
//!
//! It is split into records. No record is decoded, and a missing list is not an empty one: an error object with
//! status 200 has no list.

use crate::connector::http::Answer;
use crate::connector::record::{Fields, members};
use crate::providers::envelope;
use crate::providers::listing::{self, Listing};

/// Splits an answer; `None` where it holds no list, or states a failure beside it.
pub(super) fn sessions(answer: &Answer) -> Option<Listing> {
    let members = members(&answer.body)?;
    if envelope::states_failure(&members) {
        return None;
    }
    let (records, null) = listing::list_or_null(answer, members.get("result")?)?;
    let drift = listing::drift_of(answer);
    let paging = envelope::paging(&[&members]);
    let total = listing::envelope_count(&Fields::open(&answer.body, &drift).ok()?, "count").max(paging.total);
    Some(Listing { total, null, ..Listing::of(answer, paging, &records, drift) })
}
