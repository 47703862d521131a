//! `/v1/search`: words, phrases, languages and scripts, who may search, and pages.
//!
//! The world is `meetings_world.sql` with a few texts, so that each search has one right answer.

use super::*;

const TEXTS: &str = "
delete from core.transcript_segments; delete from core.session_summaries; delete from core.messages where source_id = 6;
update core.sources set search_language = 'english' where source_id = 3;
insert into core.messages (source_id, session_id, sent_at, position, sender_role, provider_message_id, body, search_language)
values (3, 31, '2026-11-17 12:00:05Z', 0, 'user', 'a', 'My refunds were refused: see order-4711/b', 'english'),
       (3, 31, '2026-11-17 12:01:00Z', 1, 'assistant', 'b', 'We refund the <b>whole order</b> at https://shop.example/refund', 'english'),
       (3, 31, null,                   2, 'user', 'c', 'Untimed thanks', 'english'),
       (3, 35, '2026-11-18 15:00:10Z', 0, 'user', 'a', '東京都に住んでいます。返金してください', 'english'),
       (6, 61, '2026-11-16 10:05Z',    0, 'participant', 'm1', 'Refunds of ＡＢＣ', null);
update core.messages set provider_participant_id = 'p3' where session_id = 61;
insert into core.transcript_segments (source_id, session_id, position, offset_ms, started_at, word_count, char_count,
                                      speaker_id, speaker_label, body)
values (6, 61, 0, 61000, '2026-11-16 10:01:01Z', 3, 20, 'person-ada', 'Ada', 'Refunding the refund'),
       (6, 61, 1, null, null, 3, 20, 'person-ben', 'Ben', 'Nous parlons du café');
insert into core.session_summaries (source_id, session_id, format, body, word_count, fetched_at)
values (6, 61, 'markdown', '# Refund policy', 2, '2026-11-16 11:30Z');
update core.realtimekit_sessions set meeting_title = 'Refund review' where session_id = 62";

async fn world() -> Api {
    let api = Api::in_depth().await;
    run(&api, TEXTS).await;
    api
}

/// Returns the kind, session and position of each text that was found.
async fn found(api: &Api, query: &str) -> Vec<String> {
    let answer = api.get(&format!("/v1/search?{query}")).await;
    let items = answer["items"].as_array().unwrap();
    items
        .iter()
        .map(|hit| format!("{} {} {}", hit["kind"].as_str().unwrap(), hit["session_id"], hit["position"]))
        .collect()
}

#[tokio::test]
async fn texts_are_found_by_word_phrase_language_and_script() {
    let api = world().await;
    for (query, expected) in [
        // English finds forms of a word; without a language, words are found as they are written
        ("q=refunded&source=konvo-eu", vec!["message 31 1", "message 31 0"]),
        ("q=refund", vec!["message 31 1", "message 31 0", "title 62 0", "transcript 61 0", "summary 61 0"]),
        ("q=refund&kind=summary,title", vec!["title 62 0", "summary 61 0"]),
        ("q=refunds&source=rtk-eu", vec!["message 61 0"]),
        ("q=refund%20-whole&source=konvo-eu", vec!["message 31 0"]),
        ("q=refund%20order&source=konvo-eu", vec!["message 31 1", "message 31 0"]),
        ("q=%22whole%20order%22", vec!["message 31 1"]),
        ("q=%22order%20whole%22", vec![]),
        ("q=thanks", vec!["message 31 2"]),
        ("q=CAF%C3%89", vec!["transcript 61 1"]),
        // parts of numbers, tags and addresses are words
        ("q=4711", vec!["message 31 0"]),
        ("q=order-4711", vec!["message 31 0"]),
        ("q=shop.example", vec!["message 31 1"]),
        // Japanese, and letters of full width
        ("q=東京", vec!["message 35 0"]),
        ("q=京都", vec!["message 35 0"]),
        // a phrase over a mark, as it is copied from a text, and one that a mark ends
        ("q=住んでいます。返金", vec!["message 35 0"]),
        ("q=東京。", vec!["message 35 0"]),
        ("q=東京。返金", vec![]),
        ("q=都に住ん", vec!["message 35 0"]),
        ("q=都", vec!["message 35 0"]),
        ("q=京東", vec![]),
        ("q=東都", vec![]),
        ("q=返金%20東京都", vec!["message 35 0"]),
        ("q=abc", vec!["message 61 0"]),
        // the range is about the text; sessions are filtered as in their list
        ("q=refund&from=2026-11-17&to=2026-11-18", vec!["message 31 1", "message 31 0"]),
        ("q=refund&from=2026-11-16T11:02:00%2B01:00&to=2026-11-17", vec!["title 62 0"]),
        ("q=refund&range=today", vec![]),
        ("q=refund&channel=whatsapp", vec!["message 31 1", "message 31 0"]),
        ("q=refund&provider=realtimekit&kind=transcript&speaker_id=person-ada", vec!["transcript 61 0"]),
        ("q=refund&outcome=unresolved", vec![]),
    ] {
        let query = query.bytes().fold(String::new(), |encoded, byte| match byte {
            0..128 => format!("{encoded}{}", char::from(byte)),
            _ => format!("{encoded}%{byte:02X}"),
        });
        assert_eq!(found(&api, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_hit_states_speaker_instant_excerpt_and_links() {
    let api = world().await;
    let answer = api.send("GET", "/v1/search?q=refund&kind=message&source=konvo-eu", &[]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let hit = answer.json()["items"][0].clone();
    assert_eq!((&hit["at"], &hit["offset_seconds"]), (&json!("2026-11-17T12:01:00Z"), &json!(60)));
    assert_eq!((&hit["sender_role"], &hit["provider_message_id"]), (&json!("assistant"), &json!("b")));
    // the text as stored, in pieces: nothing in it is markup
    let piece = |text: &str, is_match: bool| json!({"text": text, "is_match": is_match});
    let excerpt = json!([
        piece("We ", false),
        piece("refund", true),
        piece(" the <b>whole order</b> at https://shop.example/", false),
        piece("refund", true),
    ]);
    assert_eq!(hit["excerpt"], excerpt);
    assert_eq!(hit["page_link"], "/sessions/31?at=2026-11-17T12:01:00Z#at");
    let list = api.get(hit["api_link"].as_str().unwrap()).await;
    assert_eq!(texts(&list, "provider_message_id"), ["b", "c"]);

    let hits = api.get("/v1/search?q=refund&source=rtk-eu").await;
    let spoken = hits["items"].as_array().unwrap().iter().find(|hit| hit["kind"] == "transcript").unwrap();
    assert_eq!((&spoken["speaker"], &spoken["speaker_id"]), (&json!("Ada"), &json!("person-ada")));
    assert_eq!(spoken["offset_seconds"], 61);
    assert_eq!(api.get(spoken["api_link"].as_str().unwrap()).await["items"][0]["body"], "Refunding the refund");
    let written = api.get("/v1/search?q=refunds&kind=message&source=rtk-eu").await["items"][0].clone();
    assert_eq!((&written["speaker"], &written["participant_id"]), (&json!("Ben"), &json!(3)));
    let japanese = api.get("/v1/search?q=%E8%BF%94%E9%87%91").await["items"][0]["excerpt"].clone();
    assert_eq!(japanese[1], piece("返金", true), "{japanese}");
}

#[tokio::test]
async fn texts_that_were_rewritten_or_erased_are_found_as_they_are_now() {
    let api = world().await;
    run(&api, "update core.messages set body = 'All settled' where source_id = 3 and provider_message_id = 'b'").await;
    assert_eq!(found(&api, "q=settled").await, ["message 31 1"]);
    assert_eq!(found(&api, "q=whole").await, Vec::<String>::new());
    // as an erasure leaves them
    run(
        &api,
        "update core.messages set body = null; update core.transcript_segments set body = '';
         update core.session_summaries set body = ''; update core.realtimekit_sessions set meeting_title = null",
    )
    .await;
    for word in ["refund", "settled", "caf%C3%A9", "thanks"] {
        assert_eq!(found(&api, &format!("q={word}")).await, Vec::<String>::new(), "{word}");
    }
    // a session that the provider no longer lists
    run(&api, "update core.messages set body = 'Back' where session_id = 31").await;
    run(&api, "update core.sessions set is_deleted_at_provider = true where session_id = 31").await;
    assert_eq!(found(&api, "q=back").await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_continue_without_loss_or_repeat() {
    let api = world().await;
    run(
        &api,
        "insert into core.messages (source_id, session_id, sent_at, position, sender_role, provider_message_id, body, search_language)
         select 3, 32 + i % 3, timestamptz '2026-11-18 14:00Z' - (i / 4) * interval '20 hours', i, 'user', 'p' || i,
                'needle ' || i, 'english' from generate_series(0, 199) i",
    )
    .await;
    let (mut seen, mut path) = (Vec::new(), "/v1/search?q=needle&limit=30".to_owned());
    loop {
        let answer = api.send("GET", &path, &[]).await;
        let body = answer.json();
        let hits = body["items"].as_array().unwrap();
        seen.extend(hits.iter().map(|hit| {
            let key = ["at", "session_id", "kind", "position"].map(|field| hit[field].clone());
            (hit["at"].as_str().unwrap().to_owned(), hit["session_id"].as_i64().unwrap(), hit["position"].as_i64(), key)
        }));
        if body["page"]["has_more"] == false {
            break;
        }
        path = answer.header("link").strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
    }
    let in_order = |pair: &[(String, i64, Option<i64>, _)]| {
        (&pair[0].0, pair[0].1, pair[0].2) > (&pair[1].0, pair[1].1, pair[1].2)
    };
    assert_eq!(seen.len(), 200);
    assert!(seen.windows(2).all(in_order), "newest first, each once");
    let cursor = path.split_once("cursor=").unwrap().1.to_owned();
    let other = api.problem(&format!("/v1/search?q=other&cursor={cursor}"), 422).await;
    assert_eq!(other["errors"][0]["code"], "cursor_mismatch");
}

#[tokio::test]
async fn p14_texts_are_found_only_with_the_scope_and_sources_of_a_key() {
    let api = Api::with_keys("").await;
    sqlx::raw_sql(include_str!("../worlds/meetings_world.sql")).execute(api.pool()).await.unwrap();
    run(&api, TEXTS).await;
    let plain = api.key(&[Scope::SessionsRead, Scope::MetricsRead], &[]).await;
    let other = api.key(&[Scope::ContentRead], &["konpro-eu"]).await;
    let meetings = api.key(&[Scope::ContentRead], &["rtk-eu"]).await;
    let refused = api.send_as(&plain, "GET", "/v1/search?q=refund").await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (403, &json!("missing_scope")));
    let nothing = api.send_as(&other, "GET", "/v1/search?q=refund").await;
    assert_eq!(nothing.json()["items"], json!([]), "{}", nothing.text);
    let hits = api.send_as(&meetings, "GET", "/v1/search?q=refund").await.json();
    assert_eq!(texts(&hits, "source"), ["rtk-eu", "rtk-eu", "rtk-eu"]);
    assert_eq!(api.send_as(&meetings, "GET", "/v1/search?q=refund&source=konvo-eu").await.status, 422);
    api.access_policy.audit.flush().await;
    let reads = "select count(*) from analytics.audit where kind = 'read' and target = '/v1/search' and status = 200";
    assert_eq!(sqlx::query_scalar::<_, i64>(reads).fetch_one(api.pool()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_text_that_cannot_be_searched_is_refused_and_none_is_code() {
    let api = world().await;
    for (query, code) in [
        ("", "missing_parameter"),
        ("q=-refund", "invalid_search"),
        ("q=%22%21%22", "invalid_search"),
        ("q=ref%00und", "empty_value"),
        ("q=%20", "missing_parameter"),
        ("q=refund&kind=", "empty_value"),
        ("q=refund&range=last_9999_days", "time_out_of_range"),
        ("q=the&source=konvo-eu&kind=message", "no_searched_word"),
        ("q=refund&kind=body", "unknown_value"),
        ("q=refund&q=order", "repeated_parameter"),
        ("q=refund&from=soon", "invalid_time"),
        ("q=refund&cursor=x", "invalid_cursor"),
    ] {
        let problem = api.problem(&format!("/v1/search?{query}"), 422).await;
        assert_eq!(problem["errors"][0]["code"], code, "{query}: {problem:#}");
    }
    let empty = api.problem("/v1/search?q=", 422).await;
    assert_eq!(empty["errors"].as_array().map(Vec::len), Some(1), "one fault, and no other way out: {empty:#}");
    let long = api.problem(&format!("/v1/search?q={}", "a".repeat(201)), 422).await;
    assert_eq!(long["errors"][0]["code"], "invalid_search");
    // what means something to Postgres is text here
    for text in [
        "refund%27%29%3B--",
        "refund%20%26%20%7C%20%21%20%3A%2A",
        "%28refund",
        "%5Crefund",
        "refund%3A%2A",
        "%27%40%33%27%20refund",
    ] {
        let answer = api.send("GET", &format!("/v1/search?q={text}&kind=title"), &[]).await;
        assert_eq!(answer.status, 200, "{text}: {}", answer.text);
    }
    assert_eq!(found(&api, "q=refund%27%29%3B--&kind=title").await, ["title 62 0"]);
    assert_eq!(found(&api, "q=%406").await, Vec::<String>::new(), "the marks of sources and days are no words");
    assert_eq!(found(&api, "q=%2320773").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_text_of_any_length_is_stored() {
    let api = world().await;
    // of 300,000 different words and as many pairs, more than a vector can hold
    run(
        &api,
        "update core.messages set body = 'needle ' || (select string_agg(i::text, ' ') from generate_series(1, 300000) i)
          where source_id = 3 and provider_message_id = 'b';
         update core.session_summaries set body = '針' || (select string_agg(chr(19968 + i % 20000) || chr(19968 + (i * 7) % 19997), '')
                                                     from generate_series(1, 300000) i)",
    )
    .await;
    assert_eq!(found(&api, "q=needle").await, ["message 31 1"]);
    assert_eq!(found(&api, "q=%E9%87%9D&kind=summary").await, ["summary 61 0"]);
}
