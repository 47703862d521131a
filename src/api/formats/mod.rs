//! Tables: lists and figures as CSV, NDJSON or Parquet, for programs that want rows and no envelope.
//!
//! The three forms have the same columns, made from one row of [`cell::Cell`]s, so that a number is the same in each of
//! them and in JSON. What the envelope would say (freshness, version, warnings) stands in headers. A whole list is read
//! page by page while it is sent. What the rows mean is not known here.

#![cfg_attr(not(feature = "parquet"), expect(clippy::unnecessary_wraps, reason = "only Parquet can fail"))]

pub(crate) mod cell;
mod csv;
pub(crate) mod figures;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;
pub(crate) mod whole;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::accept::{JSON, chosen};
use crate::api::formats::cell::{Cell, Head};
use crate::api::parameters::Faults;
use crate::api::problem::ApiError;
use crate::query::freshness::Freshness;

/// State of what is stored; grows with each writing.
const DATA_VERSION: HeaderName = HeaderName::from_static("data-version");
/// Everything before this instant is stored.
const DATA_COMPLETE_THROUGH: HeaderName = HeaderName::from_static("data-complete-through");
/// When the state of what is stored was last seen.
const DATA_STATE_AS_OF: HeaderName = HeaderName::from_static("data-state-as-of");
/// Codes of what a reader should know.
const DATA_WARNINGS: HeaderName = HeaderName::from_static("data-warnings");

/// ISO 4217, of amounts of money.
const DATA_CURRENCY: HeaderName = HeaderName::from_static("data-currency");

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// With its envelope.
    Json,
    /// RFC 4180, with a line of names.
    Csv,
    /// An object a line.
    Ndjson,
    /// Typed columns.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Form {
    #[cfg(feature = "parquet")]
    const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::Ndjson, Self::Parquet];
    #[cfg(not(feature = "parquet"))]
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    /// Its name in an address.
    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    /// Its name in an `Accept` header.
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            other => other.media_type(),
        })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FormParameter {
    /// `json`, `csv`, `ndjson` or `parquet`, whatever the `Accept` header says. Default: the form the `Accept` header
    /// likes best. The last three have the same columns and no envelope: freshness, version and warnings stand in the
    /// headers `Data-Complete-Through`, `Data-Version` and `Data-Warnings`, the currency of money in `Data-Currency`.
    #[param(example = "json")]
    format: Option<String>,
}

impl FormParameter {
    /// The form that is wanted. `Err`: the `Accept` header takes none of those there are.
    pub(crate) fn read(&self, headers: &HeaderMap, faults: &mut Faults) -> Result<Form, ApiError> {
        if let Some(name) = &self.format {
            let form = Form::ALL.into_iter().find(|form| form.as_str() == name);
            if form.is_none() {
                faults.note_unknown("format", "unknown_value", name, Form::ALL.map(Form::as_str));
            }
            return Ok(form.unwrap_or(Form::Json));
        }
        let media_type = chosen(headers, &Form::ALL.map(Form::media_type))?;
        Ok(Form::ALL.into_iter().find(|form| form.media_type() == media_type).unwrap_or(Form::Json))
    }
}

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// The writer of Parquet refused the columns or a value.
    #[cfg(feature = "parquet")]
    #[error("a table could not be written as Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// A page of the list could not be read after the first.
    #[error("the rest of a list could not be read: {0}")]
    Read(#[from] crate::query::ReadError),
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Read(error) => Self::Read(error),
            #[cfg(feature = "parquet")]
            TableError::Parquet(_) => Self::Panicked(error.to_string()),
        }
    }
}

/// Writes a table, some rows at a time.
pub(crate) enum TableWriter {
    Csv,
    Ndjson(Head),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetTable>),
}

impl TableWriter {
    /// Begins a table in a form, and what stands before its rows. JSON is none: it counts as lines.
    pub(crate) fn begin(form: Form, head: Head) -> Result<(Self, Vec<u8>), TableError> {
        Ok(match form {
            Form::Csv => (Self::Csv, csv::head(&head)),
            Form::Json | Form::Ndjson => (Self::Ndjson(head), Vec::new()),
            #[cfg(feature = "parquet")]
            Form::Parquet => (Self::Parquet(Box::new(parquet::ParquetTable::begin(&head)?)), Vec::new()),
        })
    }

    /// The bytes that are ready once these rows are added.
    pub(crate) fn add(&mut self, rows: &[Vec<Cell>]) -> Result<Vec<u8>, TableError> {
        Ok(match self {
            Self::Csv => csv::rows(rows),
            Self::Ndjson(head) => ndjson::rows(head, rows),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.add(rows)?,
        })
    }

    /// What stands after the last row.
    pub(crate) fn end(self) -> Result<Vec<u8>, TableError> {
        match self {
            Self::Csv | Self::Ndjson(_) => Ok(Vec::new()),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.end(),
        }
    }
}

/// A table that is held whole.
pub(crate) fn table(form: Form, head: Head, rows: &[Vec<Cell>]) -> Result<Response, ApiError> {
    let (mut writer, mut bytes) = TableWriter::begin(form, head)?;
    bytes.extend(writer.add(rows)?);
    bytes.extend(writer.end()?);
    Ok(([(header::CONTENT_TYPE, form.content_type())], bytes).into_response())
}

/// Says in a header in which currency amounts of money are.
pub(crate) fn with_currency(mut response: Response, currency: Option<&str>) -> Response {
    if let Some(value) = currency.and_then(|currency| HeaderValue::from_str(currency).ok()) {
        response.headers_mut().insert(DATA_CURRENCY, value);
    }
    response
}

/// Says in headers what the envelope of JSON says.
pub(crate) fn describe<'a>(
    mut response: Response,
    freshness: &Freshness,
    warnings: impl IntoIterator<Item = &'a str>,
) -> Response {
    let warnings: Vec<&str> = warnings.into_iter().collect();
    let instant = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let headers = [
        (DATA_VERSION, Some(freshness.data_version.clone())),
        (DATA_COMPLETE_THROUGH, instant(freshness.complete_through)),
        (DATA_STATE_AS_OF, instant(freshness.state_as_of)),
        (DATA_WARNINGS, Some(warnings.join(", ")).filter(|text| !text.is_empty())),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}
