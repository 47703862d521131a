//! What forms have in common: their fields, the page they lead to, and the refusal of forms that another site sent.

use axum::extract::Request;
use axum::http::HeaderMap;

use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::request_body;

/// Longest body of a form, bytes.
const MAX_BODY_BYTES: usize = 4_096;

/// The fields of a form that a page of this service sent.
pub(crate) struct Form {
    body: axum::body::Bytes,
}

impl Form {
    /// Reads a form.
    pub(crate) async fn read(policy: &AccessPolicy, arrival: &Arrival, request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        refuse_foreign(policy, arrival, &parts.headers)?;
        Ok(Self { body: request_body::read(body, &parts.extensions, MAX_BODY_BYTES).await? })
    }

    /// Returns a field; empty: there is none.
    pub(crate) fn field(&self, name: &str) -> String {
        let mut fields = form_urlencoded::parse(&self.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }
}

/// Refuses a form that another site sent.
pub(crate) fn refuse_foreign(policy: &AccessPolicy, arrival: &Arrival, headers: &HeaderMap) -> Result<(), ApiError> {
    if policy.is_permitted_origin(headers, arrival.host.as_deref()) {
        Ok(())
    } else {
        Err(ActionProblem::CrossSite.into())
    }
}

/// Returns an address of this page: a link from elsewhere must not lead away.
pub(crate) fn next_page(asked: Option<&str>) -> String {
    let is_here = |address: &&str| {
        address.starts_with('/') && !address.starts_with("//") && !address.contains(['\\', '\r', '\n', '\t'])
    };
    asked.filter(is_here).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::next_page;

    #[test]
    fn the_page_after_a_form_is_one_of_this_service() {
        for address in ["//evil.example", "https://evil.example", "/\\evil.example", "evil", ""] {
            assert_eq!(next_page(Some(address)), "/", "{address}");
        }
        assert_eq!(next_page(Some("/costs?range=today")), "/costs?range=today");
        assert_eq!(next_page(None), "/");
    }
}
