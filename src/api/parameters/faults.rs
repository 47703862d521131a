//! The faults of a request, collected, so that all are reported at once.
//!
//! A fault has a location: a URL parameter, or a JSON pointer into the body. The same rules read both, so they
//! receive each text with its location. A refusal names the allowed words that are nearest to a mistyped one.

use serde_json::{Map, Value};

use crate::api::problem::{ApiError, Fault};
use crate::query::nearest;

pub(super) const UNKNOWN_PARAMETER: &str = "unknown_parameter";

/// A location in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FaultLocation {
    /// A parameter or header.
    Parameter(String),
    /// A JSON pointer into the body.
    Pointer(String),
}

/// Returns the JSON pointer to a field of the object at `pointer`.
pub(crate) fn pointer_to(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl From<&str> for FaultLocation {
    fn from(parameter: &str) -> Self {
        Self::Parameter(parameter.to_owned())
    }
}

impl From<&String> for FaultLocation {
    fn from(parameter: &String) -> Self {
        Self::Parameter(parameter.clone())
    }
}

impl From<&Self> for FaultLocation {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl std::fmt::Display for FaultLocation {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Parameter(text) | Self::Pointer(text)) = self;
        to.write_str(text)
    }
}

/// A text from a request, and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Location.
    pub(crate) at: FaultLocation,
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
    pub(crate) fn note(&mut self, at: impl Into<FaultLocation>, code: &'static str, detail: impl Into<String>) {
        self.push(at.into(), code, detail.into(), Vec::new(), Vec::new());
    }

    /// Notes a value that is not among the allowed ones.
    pub(crate) fn note_unknown<'a>(
        &mut self,
        at: impl Into<FaultLocation>,
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

    /// Notes the fields of an object that are not among the `known` ones.
    pub(crate) fn note_unknown_fields(&mut self, object: &Map<String, Value>, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            self.note_unknown(name, "unknown_field", name, known.iter().copied());
        }
    }

    /// Notes a value with too many allowed values to list; names the nearest ones.
    pub(crate) fn note_near(&mut self, at: &FaultLocation, code: &'static str, detail: String, near: Vec<String>) {
        self.push(at.clone(), code, detail, Vec::new(), near);
    }

    fn push(
        &mut self,
        at: FaultLocation,
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
            FaultLocation::Parameter(name) => (name, None),
            FaultLocation::Pointer(pointer) => (String::new(), Some(pointer)),
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
