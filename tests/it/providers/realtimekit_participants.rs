//! Participants of one RealtimeKit session: pages of either base, and odd records.

use tributary::connector::error::PullErrorKind;
use tributary::model::artifact::{Artifact, ArtifactPage};
use tributary::model::participant::Participant;

use super::realtimekit_artifacts::{SESSION, ask, content, odd, rtk_sample};
use super::scripted_server::{Server, json, status};
use super::*;

fn participants(page: &ArtifactPage) -> &[Participant] {
    let Artifact::Participants(participants) = &page.artifact else { panic!("{:?}", page.artifact) };
    participants
}

async fn participants_of(body: String) -> ArtifactPage {
    let server = Server::start(move |_| json(body.clone())).await;
    let connector =
        connect_with("realtimekit", &server.url, |s| s.facts.extend([("page_base".to_owned(), "1".to_owned())]));
    content(ask(&*connector, Stream::Participants, None, None).await.unwrap())
}

#[tokio::test]
async fn participants_come_in_pages_of_either_base() {
    for (base, asked) in [(1, vec!["1", "2"]), (0, vec!["1", "0", "1"])] {
        let server = Server::start(move |call| {
            let number: usize = call.query("page_no").unwrap().parse().unwrap();
            let pages = [rtk_sample!("participants.page1.json"), rtk_sample!("participants.page2.rejoin.json")];
            let page = number.checked_sub(base).and_then(|index| pages.get(index));
            json(*page.unwrap_or(&r#"{"data":{"participants":[],"paging":{"total_count":4,"start_offset":0}}}"#))
        })
        .await;
        let connector = connect("realtimekit", &server.url);
        let first = content(ask(&*connector, Stream::Participants, None, None).await.unwrap());
        let second = content(ask(&*connector, Stream::Participants, first.next.as_ref(), None).await.unwrap());
        assert_eq!((first.total, second.total, &second.next), (Some(4), Some(4), &None));
        assert_eq!(first.facts["page_base"], base.to_string());
        assert!(second.facts.is_empty());
        let calls = server.calls();
        assert_eq!(calls.iter().map(|call| call.query("page_no").unwrap()).collect::<Vec<_>>(), asked);
        assert_eq!(calls[0].path, format!("{SESSION}/participants"));
        let query = ["per_page", "sort_by", "sort_order", "include_peer_events", "view"];
        assert_eq!(query.map(|name| calls[0].query(name).unwrap()), ["100", "joinedAt", "ASC", "false", "raw"]);
        // The base found in one list applies to the other.
        walk_sessions_once(&*connector, &server, base).await;
        let all: Vec<&Participant> = participants(&first).iter().chain(participants(&second)).collect();
        let ms: Vec<i64> = all.iter().map(|participant| participant.duration_ms.unwrap()).collect();
        assert_eq!(ms, [1_897_752, 1_012_608, 1_749_246, 741_498]);
        let ben = all[3];
        assert_eq!(ben.provider_user_id, all[1].provider_user_id);
        assert_ne!(ben.provider_participant_id, all[1].provider_participant_id);
        assert_eq!(ben.joined_at, Some(at("2026-03-02T14:19:20Z")));
        assert_eq!(ben.left_at, Some(at("2026-03-02T14:31:41.500Z")));
        assert_eq!(ben.custom_participant_id.as_deref(), Some("crm-1002"));
        assert_eq!(ben.preset_name.as_deref(), Some("group_call_participant"));
        assert_eq!(all[2].display_name.as_deref(), Some("Chlo\u{e9}, \"CC\" Martin"));
        assert!(ben.raw.starts_with(b"{") && ben.raw.ends_with(b"}"));
    }
}

async fn walk_sessions_once(connector: &dyn Connector, server: &Server, base: usize) {
    let before = server.calls().len();
    first_page(connector).await.unwrap_err();
    let calls = server.calls();
    assert_eq!(calls.len(), before + 1);
    assert_eq!(calls[before].query("page_no"), Some(base.to_string().as_str()));
}

#[tokio::test]
async fn paging_is_read_inside_data_beside_it_or_not_at_all() {
    let row = r#"{"id":"a"}"#;
    let inside = format!(r#"{{"data":{{"participants":[{row}],"paging":{{"total_count":9,"end_offset":1}}}}}}"#);
    let beside = format!(r#"{{"data":{{"participants":[{row}]}},"paging":{{"total_count":9,"end_offset":1}}}}"#);
    let empty_beside =
        format!(r#"{{"data":{{"participants":[{row}],"paging":{{"total_count":9,"end_offset":1}}}},"paging":null}}"#);
    for body in [inside, beside, empty_beside] {
        let page = participants_of(body).await;
        assert_eq!((page.total, page.next.is_some()), (Some(9), true));
    }
    // Without a stated end only an empty page ends the list.
    let page = participants_of(format!(r#"{{"data":{{"participants":[{row}]}}}}"#)).await;
    assert_eq!((page.total, page.next.is_some()), (None, true));
    let page = participants_of(r#"{"data":{"participants":[]}}"#.to_owned()).await;
    assert_eq!((participants(&page).len(), page.next), (0, None));
}

#[tokio::test]
async fn odd_participants_are_kept_and_counted() {
    let page = participants_of(rtk_sample!("participants.dirty-values.json").to_owned()).await;
    let [first, second] = participants(&page) else { panic!() };
    assert_eq!((&first.provider_user_id, &first.custom_participant_id, &first.display_name), (&None, &None, &None));
    assert_eq!(first.person(), None);
    assert_eq!(second.joined_at, Some(at("2026-03-02T14:01:10.400Z")));
    assert_eq!(odd(&page, "stray_quote", "/joined_at", ""), 1);
    let page = participants_of(rtk_sample!("participants.live.left-at-null.json").to_owned()).await;
    let live = participants(&page).iter().map(|participant| (participant.left_at, participant.duration_ms));
    assert_eq!(live.collect::<Vec<_>>(), [(None, None), (Some(at("2026-03-02T15:14:10.250Z")), Some(206_250))]);
    let rows = [
        r#"{"id":"before","joined_at":"2026-03-02T14:00:00Z","left_at":"2026-03-02T13:00:00Z","duration":-1}"#,
        r#"{"id":"far","joined_at":"soon","left_at":"null","duration":1e9,"display_name":"null"}"#,
        r#"{"id":"text","left_at":"2026-03-02T14:00:00Z","duration":"0.0000083"}"#,
        r#"{"user_id":"nobody"}"#,
        "7",
        r#"{"id":"half","left_at":"2026-03-02T14:00:00Z","duration":0.000008333333333333333333333333}"#,
        r#"{"id":"zero","left_at":"2026-03-02T14:00:00Z","duration":0}"#,
    ];
    let body =
        format!(r#"{{"data":{{"participants":[{}],"paging":{{"total_count":7,"end_offset":7}}}}}}"#, rows.join(","));
    let page = participants_of(body).await;
    let ms: Vec<_> = participants(&page).iter().map(|participant| participant.duration_ms).collect();
    assert_eq!(ms, [None, None, Some(0), Some(0), Some(0)]);
    assert_eq!(participants(&page)[0].left_at, None);
    assert_eq!(participants(&page)[1].display_name, None);
    assert_eq!(odd(&page, "unreadable_value", "/left_at", "before joined_at"), 1);
    assert_eq!(odd(&page, "unreadable_value", "/duration", "negative"), 1);
    assert_eq!(odd(&page, "unreadable_value", "/duration", "too large"), 1);
    assert_eq!(odd(&page, "unreadable_value", "/joined_at", ""), 1);
    let codes: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, &reject.raw[..])).collect();
    assert_eq!(codes, [("missing_field", rows[3].as_bytes()), ("not_an_object", rows[4].as_bytes())]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn a_list_that_vanishes_halfway_is_an_error() {
    let server = Server::start(|call| match call.query("page_no") {
        Some("1") => json(rtk_sample!("participants.page1.json")),
        _ => status(404, rtk_sample!("error.404.session.json")),
    })
    .await;
    let connector = connect("realtimekit", &server.url);
    let first = content(ask(&*connector, Stream::Participants, None, None).await.unwrap());
    let error = ask(&*connector, Stream::Participants, first.next.as_ref(), None).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::NotFound);
}
