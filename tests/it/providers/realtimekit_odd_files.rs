//! Files of RealtimeKit meetings in unusual forms: read where they have one meaning, and else not stored at all.

use tributary::model::artifact::{Artifact, ArtifactPage};

use super::realtimekit_artifacts::{ask, content, is_unreadable, odd};
use super::realtimekit_links::read_file;
use super::realtimekit_summaries::summary;
use super::scripted_server::{Server, json};
use super::*;

async fn page(stream: Stream, file: impl Into<Vec<u8>>) -> ArtifactPage {
    content(read_file(stream, file).await.unwrap())
}

async fn fault(stream: Stream, file: impl Into<Vec<u8>>) -> String {
    let error = read_file(stream, file).await.unwrap_err();
    assert!(is_unreadable(&error), "{error:?}");
    error.detail
}

/// Begin, end, speaker and text of an utterance.
type Line<'a> = (Option<i64>, Option<i64>, Option<&'a str>, &'a str);

fn said(page: &ArtifactPage) -> Vec<Line<'_>> {
    let Artifact::Transcript(transcript) = &page.artifact else { panic!("{:?}", page.artifact) };
    let segments = transcript.segments.iter();
    segments.map(|s| (s.offset_ms, s.end_offset_ms, s.speaker_label.as_deref(), s.body.as_str())).collect()
}

fn begins(page: &ArtifactPage) -> Vec<Option<i64>> {
    said(page).into_iter().map(|(begin, ..)| begin).collect()
}

/// Sender and text of each message.
fn sent(page: &ArtifactPage) -> Vec<(Option<&str>, Option<&str>)> {
    let Artifact::Chat(messages) = &page.artifact else { panic!("{:?}", page.artifact) };
    messages.iter().map(|m| (m.provider_participant_id.as_deref(), m.body.as_deref())).collect()
}

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[tokio::test]
async fn f62_a_header_of_a_transcript_is_read_by_its_names() {
    let ana = |end| vec![(Some(1000), end, Some("Ana Souza"), "good day to you")];
    for (file, end) in [
        ("start_ms,speaker,text,peer_id,user_id,client_id\n1000,Ana Souza,good day to you,p1,u1,c1\n", None),
        (
            "\"startTime\",\"endTime\",\"peerId\",\"userId\",\"speaker\",\"text\"\n\
             \"1000\",\"2500\",\"p1\",\"u1\",\"Ana Souza\",\"good day to you\"\n",
            Some(2500),
        ),
        (
            "Start Time;Participant ID;User ID;CPI;Participant Name;Transcript\n1000;p1;u1;c1;Ana Souza;good day to you\n",
            None,
        ),
        ("TIMESTAMP\tName\tMESSAGE\n1000\tAna Souza\tgood day to you\n", None),
        ("start_seconds,end_seconds,Display Name,sentence\n1,2.5,Ana Souza,good day to you\n", Some(2500)),
    ] {
        let page = page(Stream::Transcript, file).await;
        assert_eq!(said(&page), ana(end), "{file}");
        assert!(page.rejects.is_empty(), "{file}");
        let Artifact::Transcript(transcript) = &page.artifact else { panic!() };
        let user = transcript.segments[0].provider_user_id.as_deref();
        assert_eq!(user, file.to_lowercase().contains("user").then_some("u1"), "{file}");
    }
    let odd_one = page(Stream::Transcript, "start,text,mood\n1000,hello,good\n").await;
    assert_eq!(odd(&odd_one, "unknown_field", "/mood", ""), 1);
    // six columns under unknown names, with times at the places of a file without a header
    for unknown in [
        "when,p,u,c,who,what\n1000,p1,u1,c1,Ana,hello\n2000,p1,u1,c1,Ana,good day\n",
        "\"begun\" at,p,u,c,who,what\n1000,p1,u1,c1,Ana,hello\n2000,p1,u1,c1,Ana,good day\n",
        "speaker,text\nAna,hello\n",
        // five columns, and a comma in one text
        "1000,p1,u1,Ana,hello\n2000,p1,u1,Ana,good day\n3000,p1,u1,Ana,so, well\n",
    ] {
        assert!(fault(Stream::Transcript, unknown).await.contains("no known format"), "{unknown}");
    }
    let first_is_bad = "1000,p,u,c,n,\"a\" b\n2000,p,u,c,n,two\n3000,p,u,c,n,three\n";
    let page = page(Stream::Transcript, first_is_bad).await;
    assert_eq!((begins(&page), page.rejects.len()), (vec![Some(2000), Some(3000)], 1));
}

#[tokio::test]
async fn f62_rows_between_two_stray_quotes_are_not_swallowed() {
    let head = "id,participantId,sessionId,meetingId,displayName,pinned,isEdited,payloadType,payload,createdAt\n";
    let row = |number: u32, payload: &str| {
        format!("m{number},p{number},s,m,Ana,false,false,TEXT_MESSAGE,{payload},2026-03-02T14:00:0{number}Z\n")
    };
    let file = [
        head.to_owned(),
        row(1, "one"),
        row(2, "\"To be or not to be"),
        row(3, "size 5\""),
        row(4, "\"two\nlines, of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\nand three\""),
        row(5, "\"again\nopen"),
        row(6, "between"),
        row(7, "closed\""),
    ];
    let page = page(Stream::Chat, file.concat()).await;
    let texts: Vec<_> = sent(&page).into_iter().filter_map(|(_, text)| text).collect();
    let lines = "two\nlines, of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\nand three";
    assert_eq!(texts, ["one", "size 5\"", lines, "between", "closed\""]);
    let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, reject.raw.clone())).collect();
    let expected = [&file[2], &file[5]].map(|row| ("broken_quotes", row.trim_end().as_bytes().to_vec()));
    assert_eq!(rejects, expected);
    // the same with the time first, and in few columns
    let file = "createdAt,id,payload\n1772460002000,m1,\"a\n1772460003000,m2,b\"\n1772460004000,m3,\"c\nd, e\"\n";
    let page = self::page(Stream::Chat, file).await;
    let texts: Vec<_> = sent(&page).into_iter().filter_map(|(_, text)| text).collect();
    assert_eq!((texts, page.rejects.len()), (vec!["b\"", "c\nd, e"], 1));
}

#[tokio::test]
async fn f41_messages_with_one_id_are_one_only_if_they_can_be() {
    let chat = |ids: [&str; 4]| {
        let row = |(number, id): (usize, &str)| format!("{id},p{number},text {number},2026-03-02T14:00:0{number}Z\n");
        let rows: String = ids.into_iter().enumerate().map(row).collect();
        format!("id,participantId,payload,createdAt\n{rows}")
    };
    for (ids, has_zero) in [
        (["undefined"; 4], false),
        (["0"; 4], false),
        (["null"; 4], false),
        (["m1"; 4], false),
        (["m1", "0", "0", "m1"], false),
        // one message may have the number 0
        (["", "NaN", "NaN", "0"], true),
    ] {
        let page = page(Stream::Chat, chat(ids)).await;
        assert_eq!(sent(&page).len(), 4, "{ids:?}");
        assert_eq!(sent(&page)[3], (Some("p3"), Some("text 3")), "{ids:?}");
        let Artifact::Chat(messages) = &page.artifact else { panic!() };
        let distinct: std::collections::BTreeSet<_> = messages.iter().map(|m| m.provider_message_id.as_str()).collect();
        assert_eq!(distinct.len(), 4, "{ids:?}");
        assert_eq!(distinct.contains("0"), has_zero, "{ids:?}");
    }
    let file = r#"[{"id":0,"participantId":"p","payload":"a","createdAt":1772460002000},
        {"id":"m1","participantId":"p","payload":"b","createdAt":1772460003000},
        {"id":"m1","participantId":"q","payload":"c","createdAt":1772460004000},
        {"id":"m1","participantId":"p","payload":"b, edited","createdAt":1772460005000},
        {"id":"m1","participantId":"q","payload":"c, edited","createdAt":1772460004000}]"#;
    let page = page(Stream::Chat, file).await;
    assert_eq!(sent(&page), [(Some("p"), Some("a")), (Some("p"), Some("b, edited")), (Some("q"), Some("c, edited"))]);
    assert_eq!(odd(&page, "unreadable_value", "/id", "reused"), 1);
}

#[tokio::test]
async fn f62_utf_16_without_a_mark_is_read() {
    let chat = "id,payload,createdAt\nm1,caf\u{e9} \u{1f44b},2026-03-02T14:00:01Z\n";
    let list = r#"[{"startTime":1000,"sentence":"Добрый день"}]"#;
    let vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nДобрый день\n";
    for bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        assert_eq!(sent(&page(Stream::Chat, utf_16(chat, bytes)).await), [(None, Some("caf\u{e9} \u{1f44b}"))]);
        for file in [list, vtt] {
            let page = page(Stream::Transcript, utf_16(file, bytes)).await;
            assert_eq!((begins(&page), said(&page)[0].3), (vec![Some(1000)], "Добрый день"), "{file}");
        }
        let text = "It is done, and all agreed.";
        assert_eq!(summary(&page(Stream::Summary, utf_16(text, bytes)).await), text);
    }
    // four bytes a character
    let wide: Vec<u8> = vtt.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    assert!(fault(Stream::Transcript, wide).await.contains("not text"));
}

#[tokio::test]
async fn f62_json_is_found_in_envelopes_and_lines() {
    let message = r#"{"id":"m1","payload":"hi","createdAt":1772460002000}"#;
    for file in [
        format!(r#"{{"success":true,"error":null,"messages":[{message}]}}"#),
        format!(r#"{{"errors":[],"messages":[{message}]}}"#),
        format!(r#"{{"error":"","errors":{{}},"data":{{"count":1,"messages":[{message}]}}}}"#),
        format!(r#"{{"error":0,"warnings":["late"],"messages":[{message}]}}"#),
        message.to_owned(),
        format!("{message}\n"),
    ] {
        let page = page(Stream::Chat, &*file).await;
        assert_eq!(sent(&page), [(None, Some("hi"))], "{file}");
        assert!(page.rejects.is_empty(), "{file}");
    }
    for failure in
        [r#"{"errors":["x"],"messages":[]}"#, r#"{"error":true,"messages":[]}"#, r#"{"success":"false","messages":[]}"#]
    {
        assert!(fault(Stream::Chat, failure).await.contains("error page"), "{failure}");
    }
    let lines =
        format!("{message}\r\n{}\r\n\r\n{{\"id\" 3}}\r\n{}", message.replace("m1", "m2"), message.replace("m1", "m4"));
    let page = self::page(Stream::Chat, &*lines).await;
    assert_eq!(sent(&page).len(), 3);
    assert_eq!(page.rejects.iter().map(|reject| &reject.raw[..]).collect::<Vec<_>>(), [b"{\"id\" 3}"]);
    assert!(fault(Stream::Chat, &lines[..lines.len() - 4]).await.contains("incomplete"));
    let spoken = "{\"startTime\":1000,\"sentence\":\"one\"}\n{\"startTime\":2000,\"sentence\":\"two\"}\n";
    assert_eq!(begins(&self::page(Stream::Transcript, spoken).await), [Some(1000), Some(2000)]);
}

#[tokio::test]
async fn f86_text_beside_the_times_and_two_speakers_of_a_cue_are_kept() {
    let beside = "00:00:01,000 --> 00:00:02,000 one two\n00:00:03,000 --> 00:00:04,000 3 more\nand four\n";
    let page = page(Stream::Transcript, beside).await;
    let both = [(Some(1000), Some(2000), None, "one two"), (Some(3000), Some(4000), None, "3 more\nand four")];
    assert_eq!((said(&page), page.rejects.len()), (both.to_vec(), 0));
    let set = "WEBVTT\n\n00:01.000 --> 00:02.000 align:start line:0 Ana Souza: one\n\n00:03.000 --> 00:04.000 size:50%\ntwo\n";
    let page = self::page(Stream::Transcript, set).await;
    let both = [(Some(1000), Some(2000), Some("Ana Souza"), "one"), (Some(3000), Some(4000), None, "two")];
    assert_eq!(said(&page), both);
    for mark in ["", "- "] {
        let cue =
            format!("1\n00:00:01,000 --> 00:00:02,000\n{mark}Ana Souza: one two\n{mark}Ben Okafor: three\nfour\n");
        let page = self::page(Stream::Transcript, cue).await;
        let two = [
            (Some(1000), Some(2000), Some("Ana Souza"), "one two"),
            (Some(1000), Some(2000), Some("Ben Okafor"), "three\nfour"),
        ];
        assert_eq!(said(&page), two, "{mark}");
    }
}

#[tokio::test]
async fn f86_numbers_of_cues_in_other_spellings_are_no_words() {
    let cue = |number: &str, second: u32| format!("{number}\n00:00:0{second},000 --> 00:00:0{second},500\nword\n\n");
    for [first, second] in [["#1", "#2"], ["1.", "2."], ["1:", "2:"], ["\u{661}", "\u{662}"]] {
        let page = page(Stream::Transcript, cue(first, 1) + &cue(second, 2)).await;
        assert_eq!(said(&page).iter().map(|line| line.3).collect::<Vec<_>>(), ["word"; 2], "{first}");
    }
}

#[tokio::test]
async fn f86_fractions_beyond_the_end_of_the_session_are_of_milliseconds() {
    // the session of these requests lasts half an hour
    let list =
        |begin: &str| format!(r#"[{{"startTime":1520.75,"sentence":"a"}},{{"startTime":{begin},"sentence":"b"}}]"#);
    let page = page(Stream::Transcript, list("300000.75")).await;
    assert_eq!(begins(&page), [Some(1521), Some(300_001)]);
    let page = self::page(Stream::Transcript, list("1600.25")).await;
    assert_eq!(begins(&page), [Some(1_520_750), Some(1_600_250)]);
}

#[tokio::test]
async fn f35_a_link_in_another_form_is_not_no_link() {
    for data in [
        r#"{"chat_download_url":["https://files.example/x"]}"#,
        r#"{"chat_download_url":{"url":"https://files.example/x"}}"#,
        r#"{"chat_download_url":7.5,"chatDownloadUrl":[]}"#,
        r#"["https://files.example/x"]"#,
    ] {
        let body = format!(r#"{{"success":true,"data":{data}}}"#);
        let server = Server::start(move |_| json(body.clone())).await;
        let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
        assert!(is_unreadable(&error), "{data}: {error:?}");
    }
    for name in ["ChatDownloadURL", "CHAT_DOWNLOAD_URL", "chatDownloadUrl"] {
        let server = Server::start(move |call| {
            if call.path == "/file" {
                return super::scripted_server::file("id,payload\na,hello\n");
            }
            let link = format!("http://{}/file", call.headers["host"].to_str().unwrap());
            json(format!(r#"{{"data":{{"chat_download_url":null,"{name}":"{link}"}}}}"#))
        })
        .await;
        let page = content(ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap());
        assert_eq!(sent(&page), [(None, Some("hello"))], "{name}");
    }
}

#[tokio::test]
async fn f37_fractions_are_seconds_and_far_offsets_are_instants_or_unknown() {
    let list = |times: &[&str]| {
        let row = |time: &&str| format!(r#"{{"startTime":{time},"sentence":"a"}}"#);
        format!("[{}]", times.iter().map(row).collect::<Vec<_>>().join(","))
    };
    for (times, expected) in [
        (&["1.52", "3.9", "\"61\""][..], vec![Some(1520), Some(3900), Some(61_000)]),
        (&["1520", "3900"], vec![Some(1520), Some(3900)]),
        // more than a week in seconds
        (&["1520.25", "700000"], vec![Some(1520), Some(700_000)]),
        // 14:01:01, in four units; a day before, a year later, an offset of eight days
        (
            &["1772460061", "1772460061000", "1772460061000000", "1772460061.5"],
            vec![Some(61_000), Some(61_000), Some(61_000), Some(61_500)],
        ),
        (&["1795860120", "691200000", "99999999999", "-5"], vec![None; 4]),
        (&["\"2026-03-02T14:00:05Z\"", "\"2031-03-02T14:00:05Z\""], vec![Some(5000), None]),
    ] {
        let page = page(Stream::Transcript, list(times)).await;
        assert_eq!(begins(&page), expected, "{times:?}");
        let has_unknown = expected.contains(&None);
        assert_eq!(odd(&page, "unreadable_value", "/startTime", "") == 1, has_unknown, "{times:?}");
    }
    let csv = "start,end,text\n1.52,3.9,a\n61,62,b\n";
    let expected = [(Some(1520), Some(3900), None, "a"), (Some(61_000), Some(62_000), None, "b")];
    assert_eq!(said(&page(Stream::Transcript, csv).await), expected);
    let vtt = "WEBVTT\n\n75:30.000 --> 76:00.000\nlate\n\n01:75:30.000 --> 01:76:00.000\nno time\n";
    let page = page(Stream::Transcript, vtt).await;
    assert_eq!(said(&page), [(Some(4_530_000), Some(4_560_000), None, "late")]);
    assert_eq!(page.rejects.len(), 1);
}
