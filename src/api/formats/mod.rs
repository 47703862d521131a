//! Tables: lists and metric values as CSV, NDJSON or Parquet, for programs that want rows without an envelope.
//!
//! The three forms have the same columns, made from the same row of [`cell::Cell`]s, so that a number is the
//! same in each of them and in JSON. Headers replace the envelope (freshness, version, warnings). A whole list
//! is read page by page while it is sent. This module does not know what the rows mean.

#![cfg_attr(not(feature = "parquet"), expect(clippy::unnecessary_wraps, reason = "only Parquet can fail"))]

pub(crate) mod cell;
mod csv;
pub(crate) mod figures;
pub(crate) mod list;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::content_negotiation::{JSON, chosen};
use crate::api::formats::cell::{Cell, Head, Numbers};
use crate::api::parameters::Faults;
use crate::api::problem::ApiError;
use crate::query::freshness::Freshness;

/// Version of the stored data; grows with each write.
const DATA_VERSION: HeaderName = HeaderName::from_static("data-version");
/// All data before this instant is stored.
const DATA_COMPLETE_THROUGH: HeaderName = HeaderName::from_static("data-complete-through");
/// Time up to which changes of stored sessions are known.
const DATA_STATE_AS_OF: HeaderName = HeaderName::from_static("data-state-as-of");
/// The instant up to which the read replica behind it held everything.
const DATA_REPLICA_AS_OF: HeaderName = HeaderName::from_static("data-replica-as-of");
/// Codes of warnings.
const DATA_WARNINGS: HeaderName = HeaderName::from_static("data-warnings");

/// Currency of amounts of money, ISO 4217.
const DATA_CURRENCY: HeaderName = HeaderName::from_static("data-currency");

/// The headers that state what the JSON envelope states.
pub(crate) const STATED: [HeaderName; 6] =
    [DATA_VERSION, DATA_COMPLETE_THROUGH, DATA_STATE_AS_OF, DATA_REPLICA_AS_OF, DATA_WARNINGS, DATA_CURRENCY];

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, with its envelope.
    Json,
    /// CSV after RFC 4180, with a header line.
    Csv,
    /// NDJSON, an object a line.
    Ndjson,
    /// Parquet, with typed columns.
    #[cfg(feature = "parquet")]
    Parquet(Numbers),
}

impl Form {
    #[cfg(feature = "parquet")]
    const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::Ndjson, Self::Parquet(Numbers::Double)];
    #[cfg(not(feature = "parquet"))]
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Ndjson];

    /// Name of the form in the `format` parameter.
    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => "parquet",
        }
    }

    /// Name of the form in an `Accept` header.
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => "application/vnd.apache.parquet",
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
    /// Overrides the `Accept` header, which chooses the form by default. The last three have the same columns and no
    /// envelope: the headers `Data-Complete-Through`, `Data-Version`, `Data-Warnings` and `Data-Currency` state it.
    #[param(example = "json")]
    format: Option<String>,
    /// Type of numbers with digits after the point in Parquet: `double` (default), or `decimal`, which is exact. The
    /// other forms are exact.
    #[param(example = "double")]
    numbers: Option<String>,
}

impl FormParameter {
    /// Returns the requested form. `Err`: the `Accept` header accepts none of the forms.
    pub(crate) fn read(&self, headers: &HeaderMap, faults: &mut Faults) -> Result<Form, ApiError> {
        #[cfg_attr(not(feature = "parquet"), expect(unused_variables, reason = "the other forms are exact"))]
        let numbers = match self.numbers.as_deref() {
            None | Some("double") => Numbers::Double,
            Some("decimal") => Numbers::Decimal,
            Some(other) => {
                faults.note_unknown("numbers", "unknown_value", other, ["double", "decimal"]);
                Numbers::Double
            }
        };
        Ok(match self.form(headers, faults)? {
            #[cfg(feature = "parquet")]
            Form::Parquet(_) => Form::Parquet(numbers),
            form => form,
        })
    }

    fn form(&self, headers: &HeaderMap, faults: &mut Faults) -> Result<Form, ApiError> {
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

/// Reason why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// The Parquet writer refused the columns or a value.
    #[cfg(feature = "parquet")]
    #[error("a table could not be written as Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// A page after the first could not be read.
    #[error("a later page of a list could not be read: {0}")]
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

/// A writer of a table, some rows at a time.
pub(crate) enum TableWriter {
    Csv,
    Ndjson(Head),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetTable>),
}

impl TableWriter {
    /// Begins a table and returns the bytes before its rows. JSON is not a table form; it counts as NDJSON.
    pub(crate) fn begin(form: Form, head: Head) -> Result<(Self, Vec<u8>), TableError> {
        Ok(match form {
            Form::Csv => (Self::Csv, csv::head(&head)),
            Form::Json | Form::Ndjson => (Self::Ndjson(head), Vec::new()),
            #[cfg(feature = "parquet")]
            Form::Parquet(numbers) => {
                (Self::Parquet(Box::new(parquet::ParquetTable::begin(&head, numbers)?)), Vec::new())
            }
        })
    }

    /// Adds rows and returns the bytes that are ready.
    pub(crate) fn add(&mut self, rows: &[Vec<Cell>]) -> Result<Vec<u8>, TableError> {
        Ok(match self {
            Self::Csv => csv::rows(rows),
            Self::Ndjson(head) => ndjson::rows(head, rows),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.add(rows)?,
        })
    }

    /// Returns the bytes after the last row.
    pub(crate) fn end(self) -> Result<Vec<u8>, TableError> {
        match self {
            Self::Csv | Self::Ndjson(_) => Ok(Vec::new()),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => Ok(table.end()?),
        }
    }
}

/// Writes a table that fits in memory.
pub(crate) fn table(form: Form, head: Head, rows: &[Vec<Cell>]) -> Result<Response, ApiError> {
    let (mut writer, mut bytes) = TableWriter::begin(form, head)?;
    bytes.extend(writer.add(rows)?);
    bytes.extend(writer.end()?);
    Ok(([(header::CONTENT_TYPE, form.content_type())], bytes).into_response())
}

/// Adds a header that names the currency of amounts of money.
pub(crate) fn with_currency(mut response: Response, currency: Option<&str>) -> Response {
    if let Some(value) = currency.and_then(|currency| HeaderValue::from_str(currency).ok()) {
        response.headers_mut().insert(DATA_CURRENCY, value);
    }
    response
}

/// Adds headers that state what the JSON envelope states.
pub(crate) fn describe<'a>(
    mut response: Response,
    freshness: &Freshness,
    warnings: impl IntoIterator<Item = &'a str>,
) -> Response {
    let warnings: BTreeSet<&str> = warnings.into_iter().collect();
    let warnings = warnings.into_iter().collect::<Vec<_>>().join(", ");
    let instant = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let headers = [
        (DATA_VERSION, Some(freshness.data_version.clone())),
        (DATA_COMPLETE_THROUGH, instant(freshness.complete_through)),
        (DATA_STATE_AS_OF, instant(freshness.state_as_of)),
        (DATA_REPLICA_AS_OF, instant(freshness.replica_as_of)),
        (DATA_WARNINGS, Some(warnings).filter(|text| !text.is_empty())),
    ];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}
