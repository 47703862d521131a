//! A JSON body of a request that reads and starts nothing.
//!
//! The body must be declared as JSON. A page of another origin may send it, since the browser keeps the answer
//! from that page. Other modules read its content.

use std::fmt;

use axum::extract::{FromRequest, Request};
use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::api::parameters::{FaultLocation, Faults};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::request_body;

/// Largest body, bytes: a query names at most some hundred values.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A body of JSON.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if request_body::is_json(&parts.headers) != Some(true) {
            return Err(ActionProblem::NotJson.into());
        }
        let bytes = request_body::read(body, &parts.extensions, MAX_BODY_BYTES).await?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let read = Once.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        read.map(Self).map_err(|error| {
            let mut faults = Faults::default();
            let (line, column) = (error.line(), error.column());
            // the parser's message may quote the body
            let (code, detail) = if error.is_data() {
                ("repeated_member", format!("An object has a member twice: line {line}, column {column}."))
            } else {
                ("not_json", format!("The body is not valid JSON: line {line}, column {column}."))
            };
            faults.note(FaultLocation::Pointer(String::new()), code, detail);
            faults.into_error()
        })
    }
}

/// Reads a value whose objects have each member once, so that of two contradicting members none wins silently.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.insert(name, members.next_value_seed(Self)?).is_some() {
                return Err(de::Error::custom("repeated"));
            }
        }
        Ok(Value::Object(object))
    }
}
