//! The faults of a request, collected, so that all are reported at once.
//!
//! A fault has a place: a URL parameter, or a JSON pointer into the body. The same rules read both, so they
//! receive each text with its place.

use crate::api::parameters::nearest::nearest;
use crate::api::problem::{ApiError, Fault};

pub(super) const UNKNOWN_PARAMETER: &str = "unknown_parameter";

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A parameter or header.
    Parameter(String),
    /// A JSON pointer into the body.
    Pointer(String),
}

impl From<&str> for Place {
    fn from(parameter: &str) -> Self {
        Self::Parameter(parameter.to_owned())
    }
}

impl From<&String> for Place {
    fn from(parameter: &String) -> Self {
        Self::Parameter(parameter.clone())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Parameter(text) | Self::Pointer(text)) = self;
        to.write_str(text)
    }
}

/// A text from a request, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Place.
    pub(crate) at: Place,
    /// Text.
    pub(crate) text: String,
}

impl Said {
    /// Creates the text of a parameter.
    pub(crate) fn by_parameter(name: &str, text: &str) -> Self {
        Self { at: name.into(), text: text.to_owned() }
    }
}

/// The faults of a request.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

/// Most faults that are reported at once.
const MAX_FAULTS: usize = 100;

impl Faults {
    fn is_full(&self) -> bool {
        self.0.len() >= MAX_FAULTS
    }

    /// Notes a fault.
    pub(crate) fn note(&mut self, at: impl Into<Place>, code: &'static str, detail: impl Into<String>) {
        self.push(at.into(), code, detail.into(), Vec::new(), Vec::new());
    }

    /// Notes a value that is not among the allowed ones.
    pub(crate) fn note_unknown<'a>(
        &mut self,
        at: impl Into<Place>,
        code: &'static str,
        given: &str,
        allowed: impl IntoIterator<Item = &'a str>,
    ) {
        if self.is_full() {
            return;
        }
        let (at, allowed) = (at.into(), allowed.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>());
        let detail = match code {
            UNKNOWN_PARAMETER => format!("`{given}` is not a parameter of this endpoint."),
            "unknown_field" => format!("`{given}` is not a field of this object."),
            _ => format!("`{given}` is not a value of `{at}`."),
        };
        let near = nearest(given, &allowed);
        self.push(at, code, detail, allowed, near);
    }

    /// Notes a value with too many allowed values to list; names the nearest ones.
    pub(crate) fn note_near(&mut self, at: &Place, code: &'static str, detail: String, near: Vec<String>) {
        self.push(at.clone(), code, detail, Vec::new(), near);
    }

    fn push(
        &mut self,
        at: Place,
        code: &'static str,
        detail: String,
        mut allowed: Vec<String>,
        did_you_mean: Vec<String>,
    ) {
        if self.is_full() {
            return;
        }
        // allowed values are listed once
        if self.0.iter().any(|fault| fault.code == code && fault.allowed == allowed) {
            allowed.clear();
        }
        let (parameter, pointer) = match at {
            Place::Parameter(name) => (name, None),
            Place::Pointer(pointer) => (String::new(), Some(pointer)),
        };
        self.0.push(Fault { parameter, pointer, code, detail, allowed, did_you_mean });
    }

    /// Returns the faults, noted under names of fields, each with a pointer below `parent`.
    pub(crate) fn in_body(self, parent: &str) -> Vec<Fault> {
        let pointed = |fault: Fault| {
            let pointer = Some(format!("{parent}/{}", fault.parameter));
            Fault { parameter: String::new(), pointer, ..fault }
        };
        self.0.into_iter().map(pointed).collect()
    }

    /// Refuses the request if any fault was noted.
    pub(crate) fn refuse(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    /// Returns the error that refuses the request.
    pub(crate) fn into_error(self) -> ApiError {
        ApiError::Invalid(self.0)
    }
}
