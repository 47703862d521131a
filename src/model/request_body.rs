//! Request bodies: a type names each field once, for the API's description and for the reader of the body.
//!
//! A field keeps its value as it was given: the reader judges it, so that all faults of a body are reported at once.

use serde_json::{Map, Value};

/// A field of a body, as it was given.
#[derive(Debug, Clone)]
pub struct Given {
    /// Name of the field.
    pub name: &'static str,
    /// JSON pointer (RFC 6901) to the object that may have the field; empty: the body itself.
    pub within: String,
    /// The value; `None`: the object has no such field.
    pub value: Option<Value>,
}

impl Given {
    /// Returns the JSON pointer to the field.
    pub fn pointer(&self) -> String {
        format!("{}/{}", self.within, self.name)
    }

    /// Returns the value, where it is not null.
    pub fn not_null(&self) -> Option<&Value> {
        self.value.as_ref().filter(|value| !value.is_null())
    }
}

/// An object of a body.
pub trait RequestBody {
    /// Names of its fields, in the order of the description.
    const FIELDS: &'static [&'static str];

    /// Takes the fields of the object at the pointer `within`.
    fn of(object: &Map<String, Value>, within: &str) -> Self;
}

/// Defines types of the objects of a body: their documented fields, each with the type that the description states.
macro_rules! request_body {
    ($($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $documented:ty),+ $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, utoipa::ToSchema)]
        $visibility struct $name {
            $($(#[$field_meta])* #[schema(value_type = $documented)]
            $visibility $field: $crate::model::request_body::Given),+
        }

        impl $crate::model::request_body::RequestBody for $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];

            fn of(object: &serde_json::Map<String, serde_json::Value>, within: &str) -> Self {
                let given = |name| $crate::model::request_body::Given {
                    name,
                    within: within.to_owned(),
                    value: object.get(name).cloned(),
                };
                Self { $($field: given(stringify!($field))),+ }
            }
        }
    )+};
}
pub(crate) use request_body;
