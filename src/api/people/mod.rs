//! People: erasure and export of one person. A person is named in the body, since addresses stand in logs.

pub(crate) mod erasures;
pub(crate) mod export;

use serde_json::{Map, Value};

use crate::api::parameters::Faults;
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::state::ApiState;
use crate::api::sync::control::no_source;
use crate::model::request_body::{Given, RequestBody, request_body};
use crate::store::erasure::{ErasureError, IDENTITY_KINDS, Named, People};

/// Longest identity, characters.
const MAX_CHARS: usize = 500;

request_body! {
    /// A person at a source.
    pub(crate) struct PersonBody {
        /// Slug of the source.
        source: String,
        /// An identity of the person: id of the contact, id at the channel, own id or provider's id of a participant;
        /// or the pseudonym (`person_id`). At most 500 characters.
        identity: String,
        /// `contact`, `external_user`, `custom_participant`, `participant_user` or `person_id`. Default: any of them.
        identity_kind: Option<String>,
    }

    /// A person to be erased.
    pub(crate) struct ErasureBody {
        /// Slug of the source.
        source: String,
        /// An identity of the person, as in `/v1/people/exports`.
        identity: String,
        /// Kind of the identity. Default: any.
        identity_kind: Option<String>,
        /// `keep`, the default: sessions of the person stay as counted, without the person. `delete`: they are deleted,
        /// and are not stored again. Sessions with several people always stay.
        sessions: Option<String>,
    }
}

/// A person as a body names it.
struct PersonRead {
    source: String,
    identity: String,
    identity_kind: Option<String>,
}

impl PersonRead {
    fn named(&self) -> Named<'_> {
        Named { source: &self.source, identity: &self.identity, identity_kind: self.identity_kind.as_deref() }
    }
}

fn read_person(source: &Given, identity: &Given, kind: &Given, faults: &mut Faults) -> PersonRead {
    let mut text = |given: &Given| {
        let text = given.not_null().and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() || text.chars().count() > MAX_CHARS || text.contains('\0') {
            let detail = format!("`{}` must be a text of 1 to {MAX_CHARS} characters.", given.name);
            faults.note(given.name, "invalid_text", detail);
        }
        text.to_owned()
    };
    let (source, identity) = (text(source), text(identity));
    let identity_kind = choice(kind, &IDENTITY_KINDS, faults);
    PersonRead { source, identity, identity_kind }
}

/// Reads one of the `allowed` words; `None`: it is not given.
fn choice(given: &Given, allowed: &[&str], faults: &mut Faults) -> Option<String> {
    let value = given.not_null()?;
    let word = value.as_str().unwrap_or_default();
    if !allowed.contains(&word) {
        faults.note_unknown(given.name, "unknown_value", word, allowed.iter().copied());
    }
    Some(word.to_owned())
}

/// Returns the fields of a body, and notes unknown ones.
fn fields<T: RequestBody>(body: &Value, faults: &mut Faults) -> T {
    let nothing = Map::new();
    let object = body.as_object().unwrap_or(&nothing);
    faults.note_unknown_fields(object, T::FIELDS);
    T::of(object, "")
}

fn people(state: &ApiState, source: &str) -> Result<People, ApiError> {
    let changes = state.source_changes.as_ref();
    let changes = changes.ok_or_else(|| ActionProblem::NotConfigured { source: source.to_owned() })?;
    Ok(People { pool: changes.pool.clone(), person_key: changes.person_key.clone() })
}

async fn refused(state: &ApiState, error: ErasureError) -> ApiError {
    match error {
        ErasureError::NoSource(slug) => match state.catalog(None).await {
            Ok(catalog) => no_source(&slug, &catalog),
            Err(error) => error.into(),
        },
        ErasureError::TooMany(_) => {
            let mut faults = Faults::default();
            faults.note("identity", "not_one_person", format!("It cannot be exported: {error}."));
            ApiError::InvalidBody(faults.in_body(""))
        }
        ErasureError::Store(error) => error.into(),
    }
}
