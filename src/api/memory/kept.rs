//! A kept answer: headers, and the body compressed once.
//!
//! Nearly all callers accept gzip and get the kept bytes as they are; for others they are unpacked.

use std::io::{Read, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::api::etag::is_held;
use crate::api::problem::ApiError;

/// Bytes that a kept answer takes besides its body.
const OVERHEAD_BYTES: usize = 1_024;

/// A kept answer with status 200 and an entity tag.
#[derive(Debug)]
pub(crate) struct Kept {
    headers: HeaderMap,
    /// Compressed by gzip.
    body: Bytes,
}

impl Kept {
    /// Keeps an answer whose body is in memory.
    pub(super) async fn of(response: Response) -> Result<Arc<Self>, ApiError> {
        let (parts, body) = response.into_parts();
        let failed =
            |error: &dyn std::fmt::Display| ApiError::Panicked(format!("an answer could not be kept: {error}"));
        let body = to_bytes(body, usize::MAX).await.map_err(|error| failed(&error))?;
        let packed = tokio::task::spawn_blocking(move || {
            let mut packer = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
            packer.write_all(&body)?;
            packer.finish()
        });
        let packed = packed.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let mut headers = parts.headers;
        headers.remove(header::CONTENT_LENGTH);
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        Ok(Arc::new(Self { headers, body: packed.into() }))
    }

    /// Returns the bytes that it takes in memory.
    pub(super) fn size(&self) -> u32 {
        u32::try_from(self.body.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
    }

    /// Answers a request with these headers: 304 where its caller holds the answer.
    pub(super) fn respond(&self, asked: &HeaderMap) -> Response {
        let tag = self.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let mut response = Response::new(Body::empty());
        if tag.is_some_and(|tag| is_held(asked, tag)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
                for value in self.headers.get_all(&name) {
                    response.headers_mut().append(&name, value.clone());
                }
            }
            return response;
        }
        *response.headers_mut() = self.headers.clone();
        if accepts_gzip(asked) {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(self.body.clone());
        } else {
            let mut body = Vec::with_capacity(self.body.len() * 4);
            // it was packed here, so it can be unpacked
            let _ = GzDecoder::new(&self.body[..]).read_to_end(&mut body);
            *response.body_mut() = Body::from(body);
        }
        response
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = lists.flat_map(|list| list.split(',')).map(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        (name.trim(), parameters.trim().strip_prefix("q=").is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0)))
    });
    codings.any(|(name, is_accepted)| name.eq_ignore_ascii_case("gzip") && is_accepted)
}
