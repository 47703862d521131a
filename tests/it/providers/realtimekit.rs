//! RealtimeKit: samples, both page bases, single sessions.

use tributary::connector::error::PullErrorKind;
use tributary::model::id::ProviderRecordId;
use tributary::model::page::PageRequest;
use tributary::model::session::{EndSource, SessionKind, SessionState};

use super::scripted_server::{Server, json, status};
use super::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../src/providers/realtimekit/samples/", $name, ".json"))
    };
}

const PAGES: [&str; 2] = [sample!("sessions.page1.asc"), sample!("sessions.page2.asc")];

fn beyond(total: usize) -> String {
    format!(
        r#"{{"success":true,"data":{{"sessions":[]}},"paging":{{"total_count":{total},"start_offset":0,"end_offset":0}}}}"#
    )
}

/// `pages` counted from `base`.
async fn paged_server(base: usize, pages: &'static [&'static str], total: usize) -> Server {
    Server::start(move |call| {
        let number: usize = call.query("page_no").unwrap().parse().unwrap();
        let page = number.checked_sub(base).and_then(|index| pages.get(index));
        page.map_or_else(|| json(beyond(total)), |page| json(*page))
    })
    .await
}

fn pages_asked(server: &Server) -> Vec<String> {
    server.calls().iter().map(|call| call.query("page_no").unwrap().to_owned()).collect()
}

async fn detail(body: &'static str) -> Page {
    let server = Server::start(move |_| json(body)).await;
    one_session(&*connect("realtimekit", &server.url), "x").await.unwrap()
}

async fn one_session(connector: &dyn Connector, id: &str) -> Result<Page, PullError> {
    let (window, id) = (window(), ProviderRecordId::parse(id).unwrap());
    connector.fetch_session(&id, PageRequest { window: &window, cursor: None, now: at(NOW) }).await
}

#[tokio::test]
async fn a13_both_page_bases_are_found_and_learnt() {
    for (base, asked) in [(1, vec!["1", "2"]), (0, vec!["1", "0", "1"])] {
        let server = paged_server(base, &PAGES, 5).await;
        let connector = connect("realtimekit", &server.url);
        let pages = walk(&*connector).await;
        assert_eq!(short_ids(&pages), ["1b273ff6", "fd80a0c0", "3e012710", "bc42dc15", "fd997bd9"]);
        assert_eq!(pages_asked(&server), asked);
        assert_eq!(pages[0].facts["page_base"], base.to_string());
        walk(&*connector).await;
        assert_eq!(server.calls().len(), asked.len() + 2);
        let server = paged_server(base, &PAGES, 5).await;
        let fact = ("page_base".to_owned(), base.to_string());
        let connector = connect_with("realtimekit", &server.url, |settings| settings.facts.extend([fact]));
        assert_eq!(sessions(&walk(&*connector).await).len(), 5);
        assert_eq!(server.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_single_page_counted_from_0_is_found() {
    static ONE: [&str; 1] = [sample!("sessions.minimal-documented-fields")];
    let server = paged_server(0, &ONE, 1).await;
    let page = first_page(&*connect("realtimekit", &server.url)).await.unwrap();
    assert_eq!((page.len(), page.next, page.facts["page_base"].as_str()), (1, None, "0"));
    assert_eq!(pages_asked(&server), ["1", "0"]);
    let server = paged_server(1, &[sample!("sessions.empty")], 0).await;
    let page = first_page(&*connect("realtimekit", &server.url)).await.unwrap();
    assert_eq!((page.len(), page.next, page.facts.len()), (0, None, 0));
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn without_row_numbers_the_pages_are_compared() {
    let rows = |rows: &[u32]| {
        let rows: Vec<String> =
            rows.iter().map(|n| format!(r#"{{"id":"s{n}","created_at":"2026-03-01T00:00:00Z"}}"#)).collect();
        format!(r#"{{"data":{{"sessions":[{}]}}}}"#, rows.join(","))
    };
    for base in [0, 1] {
        let server = Server::start(move |call| {
            let number: usize = call.query("page_no").unwrap().parse().unwrap();
            // Counted from 1, page 0 is treated as page 1.
            let index = number.saturating_sub(base);
            json(rows([&[1, 2][..], &[3]].get(index).copied().unwrap_or_default()))
        })
        .await;
        let pages = walk(&*connect("realtimekit", &server.url)).await;
        let ids: Vec<&str> = sessions(&pages).iter().map(|session| session.provider_session_id.as_str()).collect();
        assert_eq!(ids, ["s1", "s2", "s3"], "base {base}");
        assert_eq!(pages[0].facts["page_base"], base.to_string());
    }
    let server = Server::start(move |call| match call.query("page_no") {
        Some("0") => status(400, "{}"),
        Some("1") => json(rows(&[1])),
        _ => json(rows(&[])),
    })
    .await;
    assert_eq!(sessions(&walk(&*connect("realtimekit", &server.url)).await).len(), 1);
}

#[tokio::test]
async fn the_list_is_requested_in_a_stable_order() {
    let server = paged_server(1, &PAGES, 5).await;
    let window = Window { from: at("2026-03-01T00:00:00.000900Z"), to: at("2026-03-02T00:00:00.000100Z") };
    fetch_at(&*connect("realtimekit", &server.url), &window, None, NOW).await.unwrap();
    let call = &server.calls()[0];
    assert_eq!(call.path, "/accounts/acc/realtime/kit/app/sessions");
    assert_eq!(call.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!((call.query("sort_by"), call.query("sort_order")), (Some("createdAt"), Some("ASC")));
    assert_eq!(call.query("per_page"), Some("100"));
    assert_eq!(call.query("start_time"), Some("2026-02-28T23:59:59.999Z"));
    assert_eq!(call.query("end_time"), Some("2026-03-02T00:00:00.002Z"));
}

#[tokio::test]
async fn samples_give_the_values_computed_by_hand() {
    let server = paged_server(1, &PAGES, 5).await;
    let pages = walk(&*connect("realtimekit", &server.url)).await;
    let sessions = sessions(&pages);
    let minutes: Decimal = sessions.iter().map(|session| session.provider_minutes.unwrap()).sum();
    assert_eq!(minutes, dec("106.1226"));
    let first = sessions[0];
    assert_eq!((first.kind, first.state), (SessionKind::Meeting, SessionState::Ended));
    assert_eq!(first.started_at, at("2026-03-02T14:00:05.100Z"));
    assert_eq!(first.ended_at, Some(at("2026-03-02T14:32:43Z")));
    assert_eq!(first.ended_at_source, Some(EndSource::Provider));
    assert_eq!(first.duration_seconds, Some(dec("1957.9")));
    assert_eq!(first.max_concurrent_participants, Some(3));
    assert_eq!(first.group_key.as_deref(), Some("24422850-abc3-4525-9567-e2fd4bd0adcb"));
    assert_eq!(first.provider_updated_at, Some(at("2026-03-02T14:32:44.014Z")));
    let values: Vec<_> = first.extension.as_ref().unwrap().values.iter().map(Option::as_deref).collect();
    assert_eq!(values[2..], [Some("Weekly product review"), Some("meeting"), Some("0"), Some("4"), Some("UPLOADED")]);
    let live = sessions[1];
    assert_eq!((live.state, live.ended_at, live.duration_seconds), (SessionState::Live, None, None));
    assert_eq!(live.last_activity_at, Some(at("2026-03-02T15:14:26.494Z")));
    assert_eq!(sessions[4].provider_minutes, Some(Decimal::ZERO));
    for body in [sample!("sessions.page1.desc"), sample!("sessions.page2.desc.after-new-session")] {
        let server = Server::start(move |_| json(body)).await;
        let page = first_page(&*connect("realtimekit", &server.url)).await.unwrap();
        assert_eq!((page.records.len(), page.rejects.len(), page.drift.len()), (3, 0, 0));
    }
}

#[tokio::test]
async fn single_sessions_give_the_values_computed_by_hand() {
    let page = detail(sample!("session.detail.live-then-ended")).await;
    let session = &page.records[0].session;
    assert_eq!((session.duration_seconds, session.provider_minutes), (Some(dec("1920.53")), Some(dec("34.4375"))));
    for body in [sample!("session.detail.live"), sample!("session.detail.ended-at-string-null")] {
        let session = &detail(body).await.records[0].session;
        assert_eq!((session.state, session.ended_at), (SessionState::Live, None));
    }
    let page = detail(sample!("session.detail.breakouts")).await;
    assert_eq!((page.len(), page.records[0].session.provider_minutes), (1, Some(dec("77.5"))));
    let page = detail(sample!("session.detail.v1-room-name")).await;
    assert_eq!(page.records[0].session.group_key.as_deref(), Some("lcfvaa-absxch"));
    let page = detail(sample!("session.detail.ended")).await;
    assert_eq!(page.records[0].session.duration_seconds, Some(dec("1957.9")));
    let page = detail(
        r#"{"data":{"session":{"id":"b","type":"livestream","status":"SCHEDULED",
        "created_at":"2026-03-01T00:00:00Z","parent_session_id":"p"}}}"#,
    )
    .await;
    let session = &page.records[0].session;
    assert_eq!((session.kind, session.state), (SessionKind::Livestream, SessionState::Unknown));
    assert_eq!(session.parent_provider_session_id.as_deref(), Some("p"));
    assert_eq!(session.started_at, session.created_at);
    assert_eq!(drift(&page, "unknown_value", "/status", "SCHEDULED"), 1);
}

#[tokio::test]
async fn no_id_leads_to_another_address() {
    let server = Server::start(|_| status(404, sample!("error.404.session"))).await;
    let connector = connect("realtimekit", &server.url);
    for id in ["a/../../../../x?y=1#z", "%2e%2e", "a b"] {
        assert!(one_session(&*connector, id).await.unwrap().is_empty(), "not known is an empty page");
    }
    let base = "/accounts/acc/realtime/kit/app/sessions/";
    let paths: Vec<String> = server.calls().into_iter().map(|call| call.path).collect();
    let below = ["a%2F..%2F..%2F..%2F..%2Fx%3Fy%3D1%23z", "%252e%252e", "a%20b"].map(|id| format!("{base}{id}"));
    assert_eq!(paths, below);
    for id in [".", ".."] {
        assert_eq!(one_session(&*connector, id).await.unwrap_err().kind, PullErrorKind::NotFound);
    }
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test]
async fn answers_without_their_data_are_errors() {
    for body in [r#"{"success":true,"data":{}}"#, r#"{"success":true}"#, sample!("error.404.session"), "[]", "{}"] {
        let server = Server::start(move |_| json(body)).await;
        let connector = connect("realtimekit", &server.url);
        assert_eq!(first_page(&*connector).await.unwrap_err().kind, PullErrorKind::Contract, "{body}");
    }
    for body in [r#"{"success":true,"data":null}"#, r#"{"success":true}"#, sample!("error.429.v4-envelope")] {
        let server = Server::start(move |_| json(body)).await;
        let connector = connect("realtimekit", &server.url);
        assert_eq!(one_session(&*connector, "a").await.unwrap_err().kind, PullErrorKind::Contract, "{body}");
    }
}

#[tokio::test]
async fn check_reports_the_page_base() {
    for (base, found) in [(1, "1"), (0, "0")] {
        let server = paged_server(base, &PAGES, 5).await;
        let window = window();
        let request = PageRequest { window: &window, cursor: None, now: at(NOW) };
        let report = connect("realtimekit", &server.url).check(request).await.unwrap();
        assert_eq!(report.findings[0], ("page_base".to_owned(), found.to_owned()));
        assert_eq!(server.calls().len(), 1);
    }
}
