//! The page, as a browser without JavaScript sees it: figures, states, access.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod charts;
mod contributions;
mod files;
mod periods;
mod prices;
mod sections;

use crate::harness::router::*;

/// The 18th of November in Berlin, which most sources have proven.
pub(crate) const DAY: &str = "from=2026-11-18&to=2026-11-19&zone=Europe/Berlin";

/// Returns the page at an address.
pub(crate) async fn page(api: &Api, path: &str) -> String {
    let answer = api.send("GET", path, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    answer.text
}

/// Returns the element with this id, up to the next element with one, or to the end.
pub(crate) fn part<'h>(html: &'h str, id: &str) -> &'h str {
    let mark = format!(" id=\"{id}\"");
    let from = html.find(&mark).unwrap_or_else(|| panic!("no {id} in {html}"));
    let rest = &html[from..];
    let end = ["<section ", "<li class=\"card\"", "</main>"].iter().filter_map(|next| rest.find(next)).min();
    &rest[..end.unwrap_or(rest.len())]
}

/// Returns the state of a panel.
pub(crate) fn state<'h>(html: &'h str, id: &str) -> &'h str {
    let (_, rest) = part(html, id).split_once("data-state=\"").unwrap();
    rest.split('"').next().unwrap()
}

/// Returns the address of the link with this text.
pub(crate) fn link(html: &str, text: &str) -> String {
    let (before, _) = html.split_once(&format!(">{text}</a>")).unwrap();
    let (_, tag) = before.rsplit_once("href=\"").unwrap();
    htmlize::unescape(tag.split('"').next().unwrap()).into_owned()
}

/// Sends a form.
pub(crate) async fn post(api: &Api, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request =
        Request::builder().method("POST").uri(path).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = api.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes).unwrap() }
}
