//! Malformed rows of separated values: each is a reject of its session, and costs no other row.

use super::*;

fn rejected(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
}

async fn bodies(meeting: &Meeting) -> Vec<String> {
    let sql = "select body from core.messages order by position";
    sqlx::query_scalar(sql).fetch_all(&meeting.world.db.pool).await.expect("messages")
}

/// Returns the head and rows of a chat as the vendor writes it.
fn chat(payloads: &[&str]) -> Vec<u8> {
    let head = "id,participantId,sessionId,meetingId,displayName,pinned,isEdited,payloadType,payload,createdAt\n";
    let row = |(number, payload): (usize, &&str)| {
        format!("m{number},p,s,m,Ana,false,false,TEXT_MESSAGE,{payload},2026-03-10T11:00:{number:02}.000Z\n")
    };
    let rows: String = payloads.iter().enumerate().map(row).collect();
    [head, &rows].concat().into_bytes()
}

#[tokio::test]
async fn f62_a_chat_row_with_backslashes_is_a_reject() {
    let meeting = Meeting::with_chat(case!("chat_with_backslashes.csv")).await;
    assert!(meeting.line("chat").is_complete(), "{:?}", meeting.line("chat"));
    assert_eq!(bodies(&meeting).await, ["Hello everyone", "Understood", "Line, with comma"]);
    let row =
        r#"m2,p2,s,m,Ben Okafor,false,false,TEXT_MESSAGE,"they call it \"beta\", not ready",2026-11-27T14:05:12.345Z"#;
    assert_eq!(meeting.rejects().await, rejected(&[("broken_quotes", row)]));
    let detail = meeting.world.text("select detail from ingest.rejects").await;
    assert_eq!(detail.as_deref(), Some("line 3: a quote is closed before its field ends"));
}

#[tokio::test]
async fn f62_a_transcript_row_with_open_quotes_is_a_reject() {
    let meeting = Meeting::with_transcript(case!("transcript_with_open_quotes.csv"), &[]).await;
    assert_eq!(meeting.said().await, [said("Ana Souza", "Good afternoon"), said("Ana Souza", "Let us start now")]);
    let row = r#""4000","p2","u2","c2","Ben "BB" Okafor","Hello there""#;
    assert_eq!(meeting.rejects().await, rejected(&[("broken_quotes", row)]));
}

#[tokio::test]
async fn f62_p05_rows_stored_and_rejects_are_all_rows() {
    let payloads = [
        "one",
        r#""ends with \"""#,
        r#""two, of
two lines""#,
        r#""say \"a\"
and \"b\"""#,
        r#""and \"c\"""#,
        "three \"quoted\" words",
        r#""never closed"#,
        "four,five",
        r#""five ""5""""#,
        r#""last \" one""#,
    ];
    let meeting = Meeting::with_chat(&chat(&payloads)).await;
    assert!(meeting.line("chat").is_complete(), "{:?}", meeting.line("chat"));
    let kept = ["one", "two, of\ntwo lines", "three \"quoted\" words", "five \"5\""];
    assert_eq!(bodies(&meeting).await, kept);
    let rejects = meeting.rejects().await;
    let ids: Vec<(&str, &str)> = rejects.iter().map(|(code, row)| (code.as_str(), &row[..2])).collect();
    let quotes = "broken_quotes";
    let expected =
        [(quotes, "m1"), (quotes, "m3"), (quotes, "m4"), (quotes, "m6"), ("column_count", "m7"), (quotes, "m9")];
    assert_eq!(ids, expected);
    assert!(rejects.iter().any(|(_, row)| row.contains("and \\\"b\\\"")), "the second line belongs to its row");
}

#[tokio::test]
async fn f62_a_broken_element_of_a_list_in_json_costs_no_other() {
    let file = r#"[{"startTime":1000,"sentence":"one","peerData":{"displayName":"Ana"}},{"startTime":2000,"sentence" "two"},
                   {"startTime":NaN,"sentence":"three"}]"#;
    let meeting = Meeting::with_transcript(file.as_bytes(), &[]).await;
    assert!(meeting.line("transcript").is_complete(), "{:?}", meeting.line("transcript"));
    assert_eq!(meeting.said().await, [said("Ana", "one"), said("", "three")]);
    assert_eq!(meeting.rejects().await.len(), 1);
}

#[tokio::test]
async fn f63_a_file_that_ends_within_a_row_is_still_none() {
    let whole = String::from_utf8(chat(&["one", r#""say \"a\"""#, r#""two, of two words""#])).expect("text");
    // within the text, before the time, and within it
    for end in ["two, of", "two, of two words\"", "11:00:02", "11:00:02.0"] {
        let cut = &whole[..whole.rfind(end).expect("a place") + end.len()];
        let meeting = Meeting::with_chat(cut.as_bytes()).await;
        assert!(!meeting.line("chat").is_complete(), "{end}");
        assert_eq!(bodies(&meeting).await, [""; 0], "{end}");
    }
    let unended = Meeting::with_chat(whole.trim_end().as_bytes()).await;
    assert_eq!(bodies(&unended).await, ["one", "two, of two words"]);
}

#[tokio::test]
async fn f62_the_same_bad_rows_in_two_meetings_are_rejects_of_both() {
    let ids = ["one", "two"];
    let file = "id,payload,createdAt\nm1,a,2026-03-10T11:00:01Z\nm2\nm3\n";
    let records = ids.map(|id| record(Platform::Realtimekit, id, at("2026-03-10T11:00:00Z")));
    let feed = Arc::new(FixedFeed::new(records));
    for id in ids {
        feed.set_depth(id, Depth { chat: FixedFile::ready(file), ..Depth::default() });
    }
    let mut world = World::new().await.with_depth();
    let _simulator = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    let lines = world.poll().await;
    let chat = lines.iter().find(|line| line.stream == "chat").expect("a line");
    assert_eq!((chat.result, chat.pages, chat.rejected), ("complete", 2, 4), "{chat:?}");
    let open = "select string_agg(provider_session_id || ' ' || convert_from(body, 'UTF8'), ',' order by 1)
                  from (select provider_session_id, body from ingest.rejects where resolved_at is null order by 1, 2) r";
    assert_eq!(world.text(open).await.as_deref(), Some("one m2,one m3,two m2,two m3"));
    // one file is mended, the other is received again as it was
    feed.edit_depth("one", |depth| depth.chat = FixedFile::ready(file.replace("m2\nm3\n", "")));
    world.clock.set(at("2026-03-10T13:25:00Z"));
    world.poll().await;
    assert_eq!(world.text(open).await.as_deref(), Some("two m2,two m3"));
    assert_eq!(world.number("select count(*) from ingest.rejects").await, 4);
}
