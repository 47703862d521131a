//! The one way to files that a provider gives links to.
//!
//! A second client, which never had a credential. Knows no provider and no format.

use crate::connector::body;
use crate::connector::error::{PullError, PullErrorKind};

/// Fetches files by link.
#[derive(Debug, Clone)]
pub struct Downloader {
    /// A client without credentials.
    pub http: reqwest::Client,
    /// Most bytes of a file.
    pub max_file_bytes: usize,
}

/// A file that came whole, as far as HTTP can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The decoded bytes.
    pub body: Vec<u8>,
    /// What the host calls it, lower case, without parameters.
    pub content_type: Option<String>,
}

impl Downloader {
    /// Fetches `link`; `what` names the file in errors (`transcript file`), which never hold the link itself.
    /// A link that leads to no file (403, 404, 410) is an error of kind [`PullErrorKind::NotFound`].
    pub async fn fetch(&self, link: &str, what: &str) -> Result<Download, PullError> {
        let fail = |kind, detail: String, http_status| PullError { kind, call: what.to_owned(), detail, http_status };
        let response = self.http.get(link).send().await;
        let mut response =
            response.map_err(|error| fail(PullErrorKind::Transient, body::chain(&error.without_url()), None))?;
        let status = response.status().as_u16();
        match status {
            200 => {}
            403 | 404 | 410 => return Err(fail(PullErrorKind::NotFound, "the link is dead".to_owned(), Some(status))),
            _ => return Err(fail(PullErrorKind::Transient, format!("status {status}"), Some(status))),
        }
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type =
            content_type.and_then(|text| text.split(';').next()).map(|text| text.trim().to_ascii_lowercase());
        let body = body::read(&mut response, self.max_file_bytes).await;
        let body = body.map_err(|(kind, detail)| fail(kind, detail, Some(status)))?;
        Ok(Download { body, content_type })
    }
}
