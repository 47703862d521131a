//! F18, F19, F27 and F31–F36: responses whose form is not the documented one.

use std::collections::BTreeSet;

use tributary_simulator::Platform;

use super::{CONTRACT, Rig, Then, row, rows_of_calls};
use crate::harness::wire::{Good, Hit, Step};

const HTML: &str = "<!doctype html><html><head><title>Just a moment</title></head><body>Wait</body></html>";

#[tokio::test]
async fn f18_html_with_status_200_is_no_empty_page() {
    let kinds = ["content-type: text/html\r\n", "content-type: application/json\r\n"];
    rows_of_calls(kinds.map(|kind| Hit::answer(200, kind, HTML)), CONTRACT, 2).await;
}

#[tokio::test]
async fn f18_json_that_calls_itself_html_is_json() {
    let mislabelled = |good: &Good| {
        let headers = good.headers.replace("application/json", "text/html; charset=utf-8");
        let good = Good { headers, ..good.clone() };
        vec![Step::Send(good.whole())]
    };
    row(&[Hit::new(mislabelled).forever()], Then::Recovers).await;
}

#[tokio::test]
async fn f19_nothing_in_the_middle_of_a_list_is_no_end() {
    let nothing = |good: &Good| vec![Step::Send(good.with(204, "", b""))];
    let empty = ["", " \r\n "].map(|body| Hit::answer(200, "", body));
    rows_of_calls([Hit::new(nothing)].into_iter().chain(empty), CONTRACT, 2).await;
}

#[tokio::test]
async fn f19_a_part_of_the_content_is_not_the_content() {
    let part = |good: &Good| {
        let more = format!("content-range: bytes 0-9/{0}\r\ncontent-length: {0}\r\n", good.body.len());
        vec![Step::Send(good.with(206, &more, &good.body))]
    };
    row(&[Hit::new(part).at_request(2).forever()], CONTRACT).await;
}

/// The record whose text is changed, and the text: it occurs once in the list.
fn mark(platform: Platform) -> (&'static str, &'static str) {
    match platform {
        Platform::Konpro => ("konpro-00030\"", "anna"),
        Platform::Konvo => ("konvo-00030\",\"workspace_id", "Hello there"),
        Platform::Realtimekit => ("realtimekit-00030\"", "Standup"),
    }
}

/// Returns the list with `new` in place of the marked record's text.
fn scarred(platform: Platform, list: &str, new: &[u8]) -> Vec<u8> {
    let (record, text) = mark(platform);
    let Some(start) = list.find(record) else { return list.as_bytes().to_vec() };
    let at = start + list[start..].find(text).expect("the text of the record");
    [&list.as_bytes()[..at], new, &list.as_bytes()[at + text.len()..]].concat()
}

/// In every list one record's text is `new`, byte by byte. All records are stored, also this one, with `kept` as
/// its text; and no part of it is hidden.
async fn text_survives(new: &'static [u8], kept: &str) {
    let rig = Rig::new().await;
    for (platform, wire) in &rig.wires {
        let platform = *platform;
        wire.script(vec![Hit::body(move |list| scarred(platform, &list, new)).forever()]);
    }
    rig.meets(Then::Recovers).await;
    let texts: Vec<String> = sqlx::query_scalar(
        "select avatar_id from core.konpro_sessions where avatar_id <> 'anna'
         union all select body from core.messages where body not in ('Hello there', 'How can I help?')
         union all select meeting_title from core.realtimekit_sessions where meeting_title <> 'Standup'",
    )
    .fetch_all(&rig.world.db.pool)
    .await
    .expect("the texts");
    assert_eq!(texts, [kept; 3]);
    let odd = rig.world.number("select count(distinct source_id) from ingest.oddities where kind = 'replaced_text'");
    assert_eq!(odd.await, 3, "it is told that text was replaced");
}

#[tokio::test]
async fn f27_a_byte_that_is_no_utf_8_costs_nothing_but_itself() {
    text_survives(b"be\xfffore", "be\u{fffd}fore").await;
}

#[tokio::test]
async fn f31_control_characters_in_a_text_cost_nothing() {
    // a bare line break or tab is not allowed in JSON, but common
    text_survives(b"a\tb\nc", "a\tb\nc").await;
}

#[tokio::test]
async fn f31_an_escape_that_is_none_costs_nothing() {
    text_survives(br"a\xb", r"a\xb").await;
}

/// Returns the list with the number of the marked record, found after `name`, replaced.
fn with_number(platform: Platform, list: &str, new: &str) -> String {
    let name = match platform {
        Platform::Konpro => "\"duration\":",
        Platform::Konvo => "\"channel\":",
        Platform::Realtimekit => "\"minutes_consumed\":",
    };
    let Some(start) = list.find(mark(platform).0) else { return list.to_owned() };
    let at = start + list[start..].find(name).expect("the number") + name.len();
    let end = at + list[at..].find([',', '}']).expect("its end");
    format!("{}{new}{}", &list[..at], &list[end..])
}

#[tokio::test]
async fn f31_a_number_that_json_does_not_know_costs_nothing_but_itself() {
    // written by hand: the meaning, where there is only one
    let numbers = [("NaN", None), ("-Infinity", None), ("undefined", None), ("+1", Some("1")), (".5", Some("0.5"))];
    let rig = Rig::new().await;
    for (new, meaning) in numbers {
        for (platform, wire) in &rig.wires {
            let platform = *platform;
            wire.script(vec![Hit::body(move |list| with_number(platform, &list, new).into_bytes()).forever()]);
        }
        // the same range again: one record has changed, of chats its channel
        sqlx::query("delete from ingest.windows").execute(&rig.world.db.pool).await.expect("nothing is proven");
        for line in rig.poll().await {
            assert!(line.is_complete() && line.rejected == 0, "{new}: {line:?}");
        }
        let minutes = rig.world.text(
            "select min(provider_minutes)::text from core.sessions where provider_session_id = 'realtimekit-00030'",
        );
        assert_eq!(minutes.await.as_deref(), meaning, "{new}: what is not known is not zero");
    }
    rig.keeps_the_key().await;
}

#[tokio::test]
async fn f32_a_byte_order_mark_costs_nothing() {
    row(&[Hit::body(|list| format!("\u{feff}{list}").into_bytes()).forever()], Then::Recovers).await;
}

#[tokio::test]
async fn f32_text_after_a_response_makes_it_invalid() {
    let trailing = ["x", "}", "{\"data\":[]}", "<!-- cached -->", ",null"];
    let trailing = trailing.map(|more| Hit::body(move |list| format!("{list}{more}").into_bytes()));
    rows_of_calls(trailing, CONTRACT, 2).await;
}

#[tokio::test]
async fn f32_white_space_around_the_answer_costs_nothing() {
    row(&[Hit::body(|list| format!(" \r\n\t{list}\n\n").into_bytes()).forever()], Then::Recovers).await;
}

#[tokio::test]
async fn f33_a_list_that_comes_twice_is_never_taken_for_an_empty_one() {
    // the last of two equal keys counts: here it hides the records, and the total reveals this
    let rig = Rig::new().await;
    for (platform, wire) in &rig.wires {
        let (key, at_end) = match platform {
            Platform::Konpro => ("\"data\":[]", "}"),
            Platform::Konvo => ("\"result\":[]", "}"),
            Platform::Realtimekit => ("\"data\":{\"sessions\":[]}", "}"),
        };
        let twice = move |list: String| {
            let cut = list.rfind(at_end).expect("an object");
            format!("{},{key}}}", &list[..cut]).into_bytes()
        };
        wire.script(vec![Hit::body(twice).forever()]);
    }
    for line in rig.poll().await {
        assert_eq!(line.result, "incomplete", "{line:?}");
    }
    let mut rig = rig;
    rig.heals().await;
}

#[tokio::test]
async fn f34_an_answer_nested_without_end_is_an_error_and_no_crash() {
    let deep = |_: String| [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    let open = |_: String| b"{\"data\":".repeat(200_000);
    rows_of_calls([Hit::body(deep), Hit::body(open)], CONTRACT, 2).await;
}

#[tokio::test]
async fn f35_a_list_that_is_no_list_is_no_empty_one() {
    let keys = ["\"data\":[", "\"result\":[", "\"sessions\":["];
    let changed = |to: &'static str| {
        Hit::body(move |list| {
            let (key, at) = keys.iter().find_map(|key| Some((*key, list.find(key)?))).expect("a list");
            let (name, end) = (&key[..key.len() - 1], list.rfind(']').expect("its end"));
            format!("{}{name}{to}{}", &list[..at], &list[end + 1..]).into_bytes()
        })
    };
    rows_of_calls(["{}", "\"none\"", "0", "true"].map(changed), CONTRACT, 2).await;
    // a page that is `null` may be the one after the end: the list is read again, and then its first page is null
    rows_of_calls([changed("null")], CONTRACT, 3).await;
}

#[tokio::test]
async fn f36_success_without_data_and_failure_with_status_200() {
    let bodies = [
        r#"{"success":true}"#,
        r#"{"success":true,"data":null}"#,
        r#"{"success":false,"data":null,"errors":[{"code":1,"message":"internal"}]}"#,
        r#"{"code":500,"message":"internal","data":null}"#,
        "{}",
        "[]",
        "null",
        "7",
        "\"ok\"",
    ];
    rows_of_calls(bodies.map(|body| Hit::answer(200, "", body)), CONTRACT, 2).await;
}

#[tokio::test]
async fn f36_success_false_is_a_failure_though_records_lie_beside_it() {
    let rig = Rig::new().await;
    let wire = &rig.wires.iter().find(|(platform, _)| *platform == Platform::Realtimekit).expect("one of them").1;
    wire.script(vec![Hit::body(|list| list.replace("\"success\":true", "\"success\":false").into_bytes()).forever()]);
    let lines = rig.poll().await;
    assert_eq!(lines[2].result, "failed", "{:?}", lines[2]);
    let results: BTreeSet<&str> = lines[..2].iter().map(|line| line.result).collect();
    assert_eq!(results, BTreeSet::from(["complete"]), "the others know nothing of it: {lines:?}");
}
