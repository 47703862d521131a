//! KonPro: samples, both forms of response, both ways of paging.

use rust_decimal::Decimal;
use tributary::connector::error::PullErrorKind;
use tributary::model::page::PageRequest;
use tributary::model::session::{EndSource, SessionKind, SessionState};
use tributary::model::session_outcome::SessionOutcome;
use tributary::model::time::Window;

use super::scripted_server::{Server, json};
use super::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../src/providers/konpro/samples/", $name, ".json"))
    };
}

const TOKEN_2: &str = "eyJwIjoyfQ==";
const TOKEN_3: &str = "eyJwIjozfQ==";

async fn token_server() -> Server {
    Server::start(|call| match call.query("token") {
        None => json(sample!("history.page1.token")),
        Some(TOKEN_2) => json(sample!("history.page2.token")),
        Some(TOKEN_3) => json(sample!("history.page3.last")),
        Some(_) => json(sample!("history.empty")),
    })
    .await
}

async fn one_page(body: &'static str, now: &str) -> Page {
    let server = Server::start(move |_| json(body)).await;
    fetch_at(&*connect("konpro", &server.url), &window(), None, now).await.unwrap()
}

#[tokio::test]
async fn token_walk_gives_the_values_computed_by_hand() {
    let server = token_server().await;
    let pages = walk(&*connect_with("konpro", &server.url, |settings| settings.page_size = Some(2))).await;
    assert_eq!(short_ids(&pages), ["9fdd3ad1", "84cb656c", "f194a8e1", "4eb41c06", "fc30eb76"]);
    let sessions = sessions(&pages);
    let states: Vec<_> = sessions.iter().map(|session| session.state).collect();
    let (ended, never) = (SessionState::Ended, SessionState::NeverStarted);
    assert_eq!(states, [ended, ended, never, never, ended]);
    let first = sessions[0];
    assert_eq!(first.kind, SessionKind::Avatar);
    assert_eq!(first.outcome, SessionOutcome::NotApplicable);
    assert_eq!(first.created_at, at("2026-03-02T14:00:00Z"));
    assert_eq!(first.ended_at, Some(at("2026-03-02T14:10:12Z")));
    assert_eq!(first.ended_at_source, Some(EndSource::Duration));
    assert_eq!((first.duration_seconds, first.provider_minutes), (Some(dec("612")), Some(dec("10.2"))));
    assert_eq!(first.group_key.as_deref(), Some("Anna_public_3"));
    assert_eq!(first.provider_status.as_deref(), Some("connected"));
    let text = |text: &str| Some(text.to_owned());
    let extension = first.extension.as_ref().unwrap();
    assert_eq!(extension.table.name, "konpro_sessions");
    assert_eq!(extension.values, [text("Anna_public_3"), text("Warm Female EN"), text("TRIAL")]);
    assert_eq!(sessions[2].extension.as_ref().unwrap().values[1], None);
    assert_eq!(sessions[2].duration_seconds, Some(Decimal::ZERO));
    assert_eq!((sessions[2].ended_at, sessions[2].provider_minutes), (None, Some(Decimal::ZERO)));
    assert_eq!(sessions[4].ended_at, Some(at("2026-03-02T15:10:00.500Z")));
    // 600.5 / 60, a quotient that is rounded at the division
    assert_eq!(sessions[4].provider_minutes, Some(dec("10.008333333333333333")));
    assert_eq!(pages[0].total, Some(5));
    assert!(pages[0].provider_now.is_some());
    let calls = server.calls();
    assert_eq!(calls.len(), 3);
    for call in &calls {
        assert_eq!(call.path, "/v1/streaming/sessions");
        assert_eq!(call.headers["x-api-key"], KEY);
        assert_eq!(call.query("page_size"), Some("2"));
        assert_eq!(call.query("date_from"), Some("2025-12-31T23:59:59Z"));
        assert_eq!(call.query("date_to"), Some("2026-04-01T00:00:01Z"));
    }
    assert_eq!((calls[0].query("page"), calls[1].query("page")), (Some("1"), None));
}

#[tokio::test]
async fn raw_records_are_the_bytes_as_sent() {
    let server = token_server().await;
    let page = first_page(&*connect("konpro", &server.url)).await.unwrap();
    for record in page.records {
        assert!(sample!("history.page1.token").contains(std::str::from_utf8(&record.raw).unwrap()));
    }
}

#[tokio::test]
async fn young_sessions_are_live() {
    // Five minutes after two sessions began: one connects, one has lasted longer than it is old.
    let page = one_page(sample!("history.page2.token"), "2026-03-02T15:05:00Z").await;
    assert_eq!(page.records[1].session.state, SessionState::Live);
    let page = one_page(sample!("history.page3.last"), "2026-03-02T15:15:00.500Z").await;
    let session = &page.records[0].session;
    assert_eq!((session.state, session.ended_at, session.duration_seconds), (SessionState::Live, None, None));
    assert!(session.provider_minutes.is_some());
    let page = one_page(sample!("history.page3.last"), "2026-03-02T15:15:00.501Z").await;
    assert_eq!(page.records[0].session.state, SessionState::Ended);
    let page = one_page(sample!("history.late-update"), NOW).await;
    let session = &page.records[1].session;
    assert_eq!((session.state, session.duration_seconds), (SessionState::Ended, Some(dec("431"))));
}

#[tokio::test]
async fn connected_without_duration_is_live_for_a_day() {
    const BODY: &str = r#"{"total":1,"data":[{"session_id":"a","status":"connected","created_at":1772460000000}]}"#;
    let page = one_page(BODY, "2026-03-03T13:59:59Z").await;
    let session = &page.records[0].session;
    assert_eq!((session.state, session.created_at), (SessionState::Live, at("2026-03-02T14:00:00Z")));
    let page = one_page(BODY, "2026-03-03T14:00:00Z").await;
    let session = &page.records[0].session;
    assert_eq!((session.state, session.ended_at, session.provider_minutes), (SessionState::Ended, None, None));
}

#[tokio::test]
async fn an_unknown_status_is_kept_and_counted() {
    let page = one_page(sample!("history.unknown-status"), NOW).await;
    let session = &page.records[0].session;
    assert_eq!((session.state, session.provider_status.as_deref()), (SessionState::Unknown, Some("closed")));
    assert_eq!(session.duration_seconds, Some(dec("612")));
    assert_eq!(drift(&page, "unknown_value", "/status", "closed"), 1);
}

#[tokio::test]
async fn pages_go_by_number_without_a_token_although_the_page_size_is_cut() {
    let record = |n: u32| format!(r#"{{"session_id":"s{n}","status":"new","created_at":1772460000}}"#);
    let server = Server::start(move |call| {
        let page: u32 = call.query("page").unwrap().parse().unwrap();
        let rows: Vec<String> = (1..=5).map(record).collect();
        let rows: Vec<String> = rows.into_iter().skip((page as usize - 1) * 2).take(2).collect();
        json(format!(r#"{{"total":"5","next_pagination_token":null,"data":[{}]}}"#, rows.join(",")))
    })
    .await;
    let pages = walk(&*connect("konpro", &server.url)).await;
    assert_eq!((pages.len(), sessions(&pages).len(), server.calls().len()), (3, 5, 3));
    assert_eq!(server.calls()[2].query("page_size"), Some("100"));
}

#[tokio::test]
async fn the_envelope_is_the_same_list() {
    let page = one_page(sample!("history.wrapped.code-100"), NOW).await;
    assert_eq!((page.len(), page.total, page.unprovable), (2, Some(5), None));
    assert!(page.next.is_some(), "2 of 5");
    let page = one_page(sample!("history.empty"), NOW).await;
    assert_eq!((page.len(), page.total, page.next), (0, Some(0), None));
}

#[tokio::test]
async fn the_active_list_is_partial_and_proves_nothing() {
    for body in [
        sample!("active.sessions-shape"),
        r#"{"code":100,"data":{"sessions":[{"session_id":"4eb41c06","created_at":1772463600}]}}"#,
    ] {
        let page = one_page(body, "2026-03-02T15:05:00Z").await;
        assert!(page.records[0].session.is_partial);
        assert!(page.unprovable.is_some());
        assert_eq!(page.next, None);
    }
    assert_eq!(
        one_page(sample!("active.sessions-shape"), "2026-03-02T15:05:00Z").await.records[0].session.state,
        SessionState::Live
    );
}

#[tokio::test]
async fn ranges_are_whole_seconds_and_lose_nothing() {
    let server = token_server().await;
    let window = Window { from: at("2026-03-01T00:00:00.900Z"), to: at("2026-03-02T00:00:00.000001Z") };
    fetch_at(&*connect("konpro", &server.url), &window, None, NOW).await.unwrap();
    let call = &server.calls()[0];
    assert_eq!(call.query("date_from"), Some("2026-02-28T23:59:59Z"));
    assert_eq!(call.query("date_to"), Some("2026-03-02T00:00:02Z"));
}

#[tokio::test]
async fn error_codes_with_status_200_are_failures() {
    let cases = [
        (sample!("error.200-with-error-code"), PullErrorKind::Auth),
        (sample!("error.401.sdk-envelope"), PullErrorKind::Auth),
        (r#"{"code":400175,"message":"Invalid parameter","data":null}"#, PullErrorKind::Contract),
        (r#"{"code":400175,"data":[]}"#, PullErrorKind::Contract),
        (r#"{"code":100,"data":null}"#, PullErrorKind::Contract),
        (r#"{"total":0}"#, PullErrorKind::Contract),
    ];
    for (body, kind) in cases {
        let server = Server::start(move |_| json(body)).await;
        let error = first_page(&*connect("konpro", &server.url)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{body}");
        assert_eq!((error.http_status, server.calls().len()), (Some(200), 1));
    }
}

#[tokio::test]
async fn check_reports_shape_and_total() {
    let server = token_server().await;
    let window = window();
    let request = PageRequest { window: &window, cursor: None, now: at(NOW) };
    let report = connect("konpro", &server.url).check(request).await.unwrap();
    let finding = |name: &str| report.findings.iter().find(|(key, _)| key == name).unwrap().1.as_str();
    assert_eq!((finding("answer_shape"), finding("paging"), finding("total")), ("history", "token", "5"));
    assert!(report.clock_skew_seconds.is_some());
}
