//! Konvo: samples, both page bases, the meaning of the filter.

use tributary::connector::FACT_FILTER_MEANING;
use tributary::model::message::SenderRole;
use tributary::model::page::PageRequest;
use tributary::model::session::{EndSource, SessionState};
use tributary::model::session_outcome::SessionOutcome;

use super::scripted_server::{Server, json};
use super::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../src/providers/konvo/samples/ai-sessions.", $name, ".json"))
    };
}

const PAGES: [&str; 3] = [sample!("page-first"), sample!("page-second"), sample!("page-third")];

/// The three pages, counted from `base`.
async fn paged_server(base: usize) -> Server {
    Server::start(move |call| {
        let number = call.query("page").map_or(base, |page| page.parse().unwrap());
        let page = number.checked_sub(base).and_then(|index| PAGES.get(index));
        json(page.map_or_else(|| r#"{"count":5,"result":[]}"#, |page| *page))
    })
    .await
}

async fn one_page(body: impl Into<String>) -> Page {
    let body = body.into();
    let server = Server::start(move |_| json(body.clone())).await;
    first_page(&*connect("konvo", &server.url)).await.unwrap()
}

fn pages_asked(server: &Server) -> Vec<Option<String>> {
    server.calls().iter().map(|call| call.query("page").map(str::to_owned)).collect()
}

fn numbers(pages: &[&str]) -> Vec<Option<String>> {
    pages.iter().map(|page| (!page.is_empty()).then(|| (*page).to_owned())).collect()
}

#[tokio::test]
async fn a13_both_page_bases_are_found_and_learnt() {
    for (base, asked) in [(0, vec!["", "1", "2"]), (1, vec!["", "1", "2", "3"])] {
        let server = paged_server(base).await;
        let connector = connect_with("konvo", &server.url, |settings| settings.page_size = Some(2));
        let pages = walk(&*connector).await;
        assert_eq!(short_ids(&pages), ["7e6a0fbf", "c545ab31", "589801f6", "ce368f9c", "70d6a118"]);
        assert_eq!(pages_asked(&server), numbers(&asked));
        assert_eq!(pages[1].facts["page_base"], base.to_string());
        // The next reading of the same connector knows the base.
        walk(&*connector).await;
        assert_eq!(server.calls().len(), asked.len() + 3);
        // So does a connector that receives the fact.
        let server = paged_server(base).await;
        let fact = ("page_base".to_owned(), base.to_string());
        let connector = connect_with("konvo", &server.url, |settings| settings.facts.extend([fact]));
        assert_eq!(sessions(&walk(&*connector).await).len(), 5);
        assert_eq!(server.calls().len(), 3);
    }
}

#[tokio::test]
async fn a_list_that_moves_while_the_base_is_probed_loses_nothing() {
    let record = |n: usize| format!(r#"{{"id":"id-{n:05}","created_at":"2026-03-01T00:00:00Z"}}"#);
    for base in [0, 1] {
        // Newest first; two chats arrive after the first page was read.
        let server = Server::start(move |call| {
            let newest = if call.index == 0 { 9 } else { 11 };
            let number = call.query("page").map_or(base, |page| page.parse().unwrap());
            let rows: Vec<String> = (1..=newest).rev().skip((number - base) * 3).take(3).map(record).collect();
            json(format!(r#"{{"count":{newest},"result":[{}]}}"#, rows.join(",")))
        })
        .await;
        let pages = walk(&*connect("konvo", &server.url)).await;
        let mut ids: Vec<&str> = sessions(&pages).iter().map(|session| session.provider_session_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.len() >= 9, "base {base}: {ids:?}");
        assert!(pages.iter().all(|page| page.facts.is_empty()));
    }
}

#[tokio::test]
async fn samples_give_the_values_computed_by_hand() {
    let server = paged_server(1).await;
    let pages = walk(&*connect("konvo", &server.url)).await;
    let sessions = sessions(&pages);
    let outcomes: Vec<_> = sessions.iter().map(|session| session.outcome.as_str()).collect();
    assert_eq!(outcomes, ["resolved", "unresolved", "open", "open", "resolved"]);
    let flags: Vec<_> = sessions.iter().map(|session| session.is_flagged_unresolved.unwrap()).collect();
    assert_eq!(flags, [false, true, false, true, false]);
    let lengths: Vec<_> = sessions.iter().map(|session| session.duration_seconds.unwrap()).collect();
    assert_eq!(lengths, [dec("205.794"), dec("600"), dec("6"), dec("40"), dec("5")]);
    let counts: Vec<_> = sessions.iter().map(|session| session.messages.as_ref().unwrap().len()).collect();
    assert_eq!(counts, [4, 3, 1, 3, 0]);
    assert!(sessions.iter().all(|session| session.provider_minutes.is_none()));
    let first = sessions[0];
    assert_eq!((first.state, sessions[2].state), (SessionState::Ended, SessionState::Open));
    assert_eq!(first.created_at, at("2026-02-25T16:46:34.206Z"));
    assert_eq!((first.ended_at, first.ended_at_source), (first.completed_at, Some(EndSource::Provider)));
    assert_eq!(first.completed_at, Some(at("2026-02-25T16:50:00Z")));
    assert_eq!(first.provider_updated_at, Some(at("2026-02-25T16:50:00Z")));
    let message = &first.messages.as_ref().unwrap()[2];
    assert_eq!((message.position, message.sender_role), (2, SenderRole::User));
    assert_eq!(message.body.as_deref(), Some("#10233 🙂"));
    assert_eq!(first.messages.as_ref().unwrap()[1].sender_role, SenderRole::Assistant);
    assert_eq!(first.trail.as_ref().unwrap().len(), 1);
    assert_eq!(first.trail.as_ref().unwrap()[0].step, "{}");
    assert_eq!(sessions[4].trail.as_deref(), Some(&[][..]));
    assert_eq!(sessions[1].channel.as_deref(), Some("instagram"));
    let person = &first.identities[0];
    assert_eq!((person.identity_kind, &person.identity[..8]), ("contact", "a768aaf7"));
    assert_eq!(first.group_key.as_deref(), first.extension.as_ref().unwrap().values[1].as_deref());
    let values = &sessions[4].extension.as_ref().unwrap().values;
    assert_eq!(
        (values[3].as_deref(), values[4].as_deref(), values[6].as_deref()),
        (None, Some("CONCIERGE"), Some("0"))
    );
    for call in server.calls() {
        assert_eq!((call.path.as_str(), call.query("limit")), ("/ai-sessions", Some("200")));
        assert_eq!((call.query("messages"), call.query("state")), (Some("true"), Some("true")));
        assert_eq!(call.headers["x-api-key"], KEY);
    }
}

#[tokio::test]
async fn fields_that_were_not_requested_are_unknown() {
    let page = one_page(sample!("bare-no-flags")).await;
    let session = &page.records[0].session;
    assert_eq!((session.outcome, session.state), (SessionOutcome::Unknown, SessionState::Unknown));
    assert_eq!((&session.messages, &session.trail), (&None, &None));
    assert_eq!((session.duration_seconds, session.is_flagged_unresolved), (None, None));
    let page = one_page(sample!("empty")).await;
    assert_eq!((page.len(), page.total, page.next), (0, Some(0), None));
}

#[tokio::test]
async fn unknown_values_are_kept_and_counted() {
    let page = one_page(sample!("unknown-enums-null-text")).await;
    let session = &page.records[0].session;
    let messages = session.messages.as_ref().unwrap();
    assert_eq!((messages.len(), messages[0].body.as_deref()), (4, None));
    assert_eq!(
        (messages[1].sender_role, messages[1].provider_origin.as_deref()),
        (SenderRole::Unknown, Some("SOMETHING_NEW"))
    );
    assert_eq!(session.channel.as_deref(), Some("webchat"));
    assert_eq!(session.extension.as_ref().unwrap().values[4].as_deref(), Some("UNSEEN_SKILL"));
    assert_eq!(drift(&page, "unknown_value", "/messages/initiator_origin", "SOMETHING_NEW"), 1);
}

#[tokio::test]
async fn the_filters_meaning_is_learnt_from_a_late_change() {
    // Created on 25 February, completed on 4 March.
    let mut list: serde_json::Value = serde_json::from_str(sample!("late-completion")).unwrap();
    let alone = list.to_string();
    let late = list["result"][0].clone();
    for id in ["second", "third"] {
        let mut another = late.clone();
        another["id"] = id.into();
        list["result"].as_array_mut().unwrap().push(another);
    }
    let after_creation = Window { from: at("2026-03-01T00:00:00Z"), to: at("2026-04-01T00:00:00Z") };
    let one = Server::start(move |_| json(alone.clone())).await;
    let stray = fetch_at(&*connect("konvo", &one.url), &after_creation, None, NOW).await.unwrap();
    assert!(stray.facts.is_empty(), "one chat may be a stray");
    let server = Server::start(move |_| json(list.to_string())).await;
    let connector = connect("konvo", &server.url);
    let page = fetch_at(&*connector, &after_creation, None, NOW).await.unwrap();
    assert_eq!(page.facts[FACT_FILTER_MEANING], "updated");
    let session = &page.records[0].session;
    assert_eq!((session.outcome, session.duration_seconds), (SessionOutcome::Resolved, Some(dec("576000"))));
    // A window with its creation, or after its change, proves nothing.
    let after_change = Window { from: at("2026-03-05T00:00:00Z"), to: at("2026-04-01T00:00:00Z") };
    for window in [window(), after_change] {
        assert!(fetch_at(&*connector, &window, None, NOW).await.unwrap().facts.is_empty());
    }
    // A past window with chats that changed after it: the filter compares their creation.
    let of_creation = Window { from: at("2026-02-25T00:00:00Z"), to: at("2026-02-26T00:00:00Z") };
    let page = fetch_at(&*connector, &of_creation, None, NOW).await.unwrap();
    assert_eq!(page.facts[FACT_FILTER_MEANING], "created");
}

#[tokio::test]
async fn the_upper_end_is_sent_for_history_only() {
    let server = paged_server(1).await;
    let connector = connect("konvo", &server.url);
    let window = Window { from: at("2026-03-01T00:00:00.000900Z"), to: at("2026-03-02T00:00:00.000100Z") };
    for now in ["2026-03-02T00:10:00Z", "2026-03-02T00:10:01Z"] {
        fetch_at(&*connector, &window, None, now).await.unwrap();
    }
    let calls = server.calls();
    assert_eq!(calls[0].query("updated_at_min"), Some("2026-02-28T23:59:59.999Z"));
    assert_eq!(calls[0].query("updated_at_max"), None);
    assert_eq!(calls[1].query("updated_at_max"), Some("2026-03-02T00:00:00.002Z"));
}

#[tokio::test]
async fn messages_may_hold_anything() {
    const BODY: &str = r#"{"count":1,"result":[{"id":"a","created_at":"2026-03-01T10:00:00Z",
        "status":{"completed":"TRUE","unresolved":0,"completed_at":"2026-03-01T09:00:00Z"},
        "state":{"trail":[{"skill_type":"FAQ","n":1e400,"t":"\ud800"},"odd",{"name":"END"}]},
        "messages":[
          {"initiator_origin":"BOT","message":"null","created_at":"2026-03-01T10:00:01Z"},
          {"message_id":"m1","initiator_origin":"RECIPIENT","message":"first"},
          {"message_id":"m1","initiator_origin":"RECIPIENT","message":"a\u0000b\ud800c"},
          7,
          {"message_id":"m2","initiator_origin":"AI","message":{"text":"no text"},"created_at":"2026-03-01T10:00:02Z"},
          "{\"message_id\" \"m3\"}"]}]}"#;
    let page = one_page(BODY).await;
    let session = &page.records[0].session;
    assert_eq!((session.outcome, session.duration_seconds), (SessionOutcome::Resolved, None));
    assert_eq!(drift(&page, "unreadable_value", "/status/completed_at", "before created_at"), 1);
    let messages = session.messages.as_ref().unwrap();
    // an element that is no object is a message, of which nothing is known
    let known: Vec<_> = messages.iter().map(|m| (m.position, m.sender_role, m.is_text_unknown)).collect();
    let expected = [
        (0, SenderRole::Assistant, false),
        (2, SenderRole::User, false),
        (3, SenderRole::Unknown, true),
        (4, SenderRole::Assistant, true),
        (5, SenderRole::Unknown, true),
    ];
    assert_eq!(known, expected);
    assert!(messages[2].provider_message_id != messages[4].provider_message_id);
    assert!(messages[0].provider_message_id.as_str().starts_with("sha256:"));
    assert_eq!(messages[0].body.as_deref(), Some("null"));
    assert_eq!(
        (messages[1].position, messages[1].body.as_deref().unwrap().replace('\u{fffd}', "?")),
        (2, "a?b???c".to_owned())
    );
    assert_eq!(drift(&page, "unreadable_value", "/messages/message_id", "duplicate"), 1);
    assert_eq!(drift(&page, "unreadable_value", "/messages/message_id", "missing"), 1);
    assert_eq!(drift(&page, "unreadable_value", "/messages", ""), 1);
    let trail = session.trail.as_ref().unwrap();
    let kinds: Vec<_> = trail.iter().map(|step| step.step_type.as_deref()).collect();
    assert_eq!(kinds, [Some("FAQ"), None, Some("END")]);
    assert_eq!(trail[0].step, r#"{"skill_type":"FAQ","n":1e400,"t":"\ud800"}"#);
    let again = one_page(BODY).await;
    assert_eq!(again.records[0].session.messages, session.messages.clone(), "ids are made the same way each time");
}

#[tokio::test]
async fn messages_without_usable_ids_are_as_many_as_there_are() {
    let said = |id: &str, text: &str| {
        format!(
            r#"{{"message_id":{id},"initiator_origin":"RECIPIENT","message":"{text}","created_at":"2026-03-01T10:00:00Z"}}"#
        )
    };
    let none = r#""undefined"|"None"|"[object Object]"|"-"|true|"\\N"|0|-1|"\ud800"|""|null"#;
    for id in none.split('|') {
        let messages = [said(id, "one"), said(id, "two"), said(id, "two")].join(",");
        let page = one_page(format!(
            r#"{{"count":1,"result":[{{"id":"c1","created_at":"2026-03-01T10:00:00Z","messages":[{messages}]}}]}}"#
        ))
        .await;
        let messages = page.records[0].session.messages.as_ref().unwrap();
        assert_eq!(
            messages.iter().map(|m| m.body.as_deref().unwrap()).collect::<Vec<_>>(),
            ["one", "two", "two"],
            "{id}"
        );
        let ids: std::collections::HashSet<_> = messages.iter().map(|m| m.provider_message_id.as_str()).collect();
        assert_eq!(ids.len(), 3, "{id}");
    }
    // each side numbers its own messages; one of them is edited
    let numbered = r#"{"count":1,"result":[{"id":"c1","created_at":"2026-03-01T10:00:00Z","messages":[
        {"message_id":1,"initiator_origin":"RECIPIENT","message":"helo","created_at":"2026-03-01T10:00:00Z"},
        {"message_id":1,"initiator_origin":"AI","message":"Hi.","created_at":"2026-03-01T10:00:05Z"},
        {"message_id":1,"initiator_origin":"RECIPIENT","message":"hello","created_at":"2026-03-01T10:00:00Z"}]}]}"#;
    let page = one_page(numbered).await;
    let messages = page.records[0].session.messages.as_ref().unwrap();
    let mut bodies: Vec<_> = messages.iter().map(|m| m.body.as_deref().unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["Hi.", "hello"]);
}

#[tokio::test]
async fn check_reports_what_is_known() {
    let server = paged_server(1).await;
    let fact = ("page_base".to_owned(), "1".to_owned());
    let connector = connect_with("konvo", &server.url, |settings| settings.facts.extend([fact]));
    let window = window();
    let report = connector.check(PageRequest { window: &window, cursor: None, now: at(NOW) }).await.unwrap();
    let finding = |name: &str| report.findings.iter().find(|(key, _)| key == name).unwrap().1.as_str();
    assert_eq!((finding("page_base"), finding("filter_meaning"), finding("total")), ("1", "not known yet", "5"));
    assert_eq!(server.calls()[0].query("limit"), Some("1"));
}
