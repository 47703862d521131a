//! Parameters: read once, before the handler runs, with all faults reported at once.
//!
//! A group of parameters is a struct of texts whose fields are documented. The same struct documents the
//! endpoint and lists the known names, so that an unknown name is a fault and never ignored. Functions
//! interpret the texts; they note a fault and continue.

pub(crate) mod duration;
mod faults;
pub(crate) mod path;
pub(crate) mod time;
pub(crate) mod values;

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::api::description::types::takes_several;
pub(crate) use crate::api::parameters::faults::{FaultLocation, Faults, Said, pointer_to};
pub(crate) use crate::query::nearest;

use crate::api::parameters::faults::UNKNOWN_PARAMETER;
use crate::api::problem::ApiError;

/// The parameters of a request, and the faults found so far.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    /// Texts of the parameters.
    pub(crate) given: T,
    /// Unknown and repeated names.
    pub(crate) faults: Faults,
}

/// For endpoints without parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct NoParameters {}

impl IntoParams for NoParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<utoipa::openapi::path::Parameter> {
        Vec::new()
    }
}

impl<S: Sync, T: IntoParams + DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

impl<T: IntoParams + DeserializeOwned> Asked<T> {
    /// Reads the parameters of an address.
    pub(crate) fn of(uri: &Uri) -> Result<Self, ApiError> {
        let mut faults = Faults::default();
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
            faults.note("query", "unreadable", "The query string cannot be read.");
            return Err(faults.into_error());
        };
        let known = T::into_params(|| Some(ParameterIn::Query));
        let is_required = |name: &str| known.iter().any(|known| known.name == name && known.required == Required::True);
        let names: Vec<String> = known.iter().map(|known| known.name.clone()).collect();
        let mut given = BTreeMap::new();
        for (name, value) in pairs {
            if !names.contains(&name) {
                faults.note_unknown(&name, UNKNOWN_PARAMETER, &name, names.iter().map(String::as_str));
            } else if value.trim_matches([',', ' ']).is_empty() && is_required(&name) {
                // its reader says that it is missing
            } else if value.trim_matches([',', ' ']).is_empty() || value.contains('\0') {
                faults.note(&name, "empty_value", format!("`{name}` has no usable value; omit it instead."));
            } else if let Some(before) = given.insert(name.clone(), value.clone()) {
                // of a list, generated clients repeat the parameter
                if takes_several(&name) && !before.starts_with('[') && !value.starts_with('[') {
                    given.insert(name, format!("{before},{value}"));
                    continue;
                }
                let how = if takes_several(&name) { ", with comma-separated values" } else { "" };
                faults.note(&name, "repeated_parameter", format!("`{name}` is given twice; give it once{how}."));
            }
        }
        let object = given.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect();
        match serde_json::from_value(serde_json::Value::Object(object)) {
            Ok(given) => Ok(Self { given, faults }),
            // unreachable: groups consist of optional texts
            Err(_) => Err(faults.into_error()),
        }
    }
}

/// Defines a struct of documented parameter groups, each a field of its own.
macro_rules! parameter_groups {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $group:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize)]
        pub(crate) struct $name { $(#[serde(flatten)] pub(crate) $field: $group),+ }

        impl utoipa::IntoParams for $name {
            fn into_params(
                within: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                let mut all = Vec::new();
                $(all.extend(<$group as utoipa::IntoParams>::into_params(&within));)+
                all
            }
        }
    };
}
pub(crate) use parameter_groups;
