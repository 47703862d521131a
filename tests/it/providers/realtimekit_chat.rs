//! Files of the chat of a RealtimeKit meeting.

use tributary::model::artifact::{Artifact, ArtifactPage};
use tributary::model::message::{Message, SenderRole};

use super::realtimekit_artifacts::{content, is_unreadable, odd, rtk_sample};
use super::realtimekit_links::read_file;
use super::*;

async fn page(file: impl Into<Vec<u8>>) -> ArtifactPage {
    content(read_file(Stream::Chat, file).await.unwrap())
}

fn messages(page: &ArtifactPage) -> &[Message] {
    let Artifact::Chat(messages) = &page.artifact else { panic!("{:?}", page.artifact) };
    messages
}

async fn fault(file: impl Into<Vec<u8>>) -> String {
    let error = read_file(Stream::Chat, file).await.unwrap_err();
    assert!(is_unreadable(&error), "{error:?}");
    error.detail
}

fn bodies(page: &ArtifactPage) -> Vec<Option<&str>> {
    messages(page).iter().map(|message| message.body.as_deref()).collect()
}

#[tokio::test]
async fn the_sample_gives_the_messages_read_by_hand() {
    let page = page(rtk_sample!("files/chat.csv")).await;
    let expected = [
        Some("Hello everyone \u{1f44b}"),
        Some("Line one\nline two, with a comma and a \"quote\""),
        None,
        None,
        Some("=SUM(A1:A9)"),
        Some(""),
    ];
    assert_eq!(bodies(&page), expected);
    assert!(page.rejects.is_empty() && page.drift.is_empty(), "{:?}", page.drift);
    let second = &messages(&page)[1];
    assert_eq!(second.provider_message_id.as_str(), "b102eaa6-491f-43ea-bfa9-30d21589dca3");
    assert_eq!((second.position, second.sent_at), (1, Some(at("2026-03-02T14:05:12.345Z"))));
    assert_eq!((second.sender_role, &second.provider_origin), (SenderRole::Participant, &None));
    assert_eq!(second.provider_participant_id.as_deref(), Some("d494b8b9-3601-489e-82f7-b088a98afd0a"));
    assert_eq!(messages(&page)[3].payload_type.as_deref(), Some("FILE_MESSAGE"));
    assert!(messages(&self::page(rtk_sample!("files/chat.header-only.csv")).await).is_empty());
}

#[tokio::test]
async fn f62_columns_are_found_by_name() {
    // Another order and case, a byte order mark, CRLF, one more column and most missing.
    let file =
        "\u{feff}Created_At,PAYLOAD,Mood,Id\r\n2026-03-02T14:00:01Z,\"a\r\nb\",good,m1\r\n\r\n1772460002000,c,,m2\r\n";
    let page = page(file).await;
    assert_eq!(bodies(&page), [Some("a\r\nb"), Some("c")]);
    let [first, second] = messages(&page) else { panic!() };
    assert_eq!((first.provider_message_id.as_str(), first.sent_at), ("m1", Some(at("2026-03-02T14:00:01Z"))));
    assert_eq!(second.sent_at, Some(at("2026-03-02T14:00:02Z")));
    assert_eq!((&first.payload_type, &first.provider_participant_id), (&None, &None));
    for file in ["id;payload\nm1;a, b\n", "id\tpayload\nm1\ta, b"] {
        assert_eq!(bodies(&self::page(file).await), [Some("a, b")], "{file}");
    }
}

#[tokio::test]
async fn f62_blanks_after_separators_are_no_part_of_fields() {
    let head =
        "id, participantId, sessionId, meetingId, displayName, pinned, isEdited, payloadType, payload, createdAt";
    for (quote, separator) in [("", ","), ("\"", ","), ("", ";")] {
        let fields = ["m1", "p1", "s", "m", "Ana", "false", "false", "TEXT_MESSAGE", "hi \"you\"", "1772460002000"];
        let field = |field: &str| {
            if quote.is_empty() { field.to_owned() } else { format!("{field:?}").replace("\\\"", "\"\"") }
        };
        let row = fields.map(field).join(&format!("{separator} "));
        let page = page(format!("{}\n{row}\n{row}", head.replace(',', separator))).await;
        assert_eq!(bodies(&page), [Some("hi \"you\"")], "{row}");
        let [message] = messages(&page) else { panic!() };
        assert_eq!((message.provider_message_id.as_str(), message.sent_at), ("m1", Some(at("2026-03-02T14:00:02Z"))));
        assert_eq!(message.provider_participant_id.as_deref(), Some("p1"));
        assert_eq!(odd(&page, "unreadable_value", "/id", "duplicate"), 1);
    }
    // one separator without a blank: blanks are text
    assert_eq!(bodies(&page("id,payload, createdAt\nm1, hi,1772460002000\n").await), [Some(" hi")]);
}

#[tokio::test]
async fn f62_a_header_that_recurs_is_no_row() {
    let part = "id,payload,createdAt\nm1,a,2026-03-02T14:00:01Z\n";
    let page = page(format!("{part}\u{feff}{}", part.replace("m1,a", "m2,b"))).await;
    assert_eq!(bodies(&page), [Some("a"), Some("b")]);
    assert_eq!(messages(&page).iter().map(|message| message.position).collect::<Vec<_>>(), [0, 1]);
    assert!(page.rejects.is_empty() && page.drift.is_empty(), "{:?}", page.drift);
    // a text may be the name of its column
    assert_eq!(bodies(&self::page("payload\na\npayload\n").await), [Some("a"), Some("payload")]);
}

#[tokio::test]
async fn f62_blanks_and_control_characters_at_the_end_are_no_row() {
    let file = "id,payload,createdAt\r\nm1,a,2026-03-02T14:00:01Z";
    for end in ["\r\n ", "\n\n  \n\t\n", "\r\n\0\0\0\0", "\0\0", "\x1a", "\r\n\x1a", "\r\n\x1a\r\n", " \x1a"] {
        let page = page(format!("{file}{end}")).await;
        assert_eq!(bodies(&page), [Some("a")], "{end:?}");
        assert_eq!(messages(&page)[0].sent_at, Some(at("2026-03-02T14:00:01Z")), "{end:?}");
        assert!(page.rejects.is_empty() && page.drift.is_empty(), "{end:?}: {:?}", page.drift);
    }
    // fields that are empty, and a row that is cut off
    assert_eq!(bodies(&page("id\tpayload\tcreatedAt\nm1\ta\t\n").await), [Some("a")]);
    assert!(fault("id,payload,createdAt\na,b,2026-03-02T14:00:01Z\nc \0\x1a").await.contains("cut off"));
}

#[tokio::test]
async fn f62_utf_16_is_read_by_its_byte_order_mark() {
    let text = "\u{feff}id,payload,createdAt\r\nm1,caf\u{e9} \u{1f44b},2026-03-02T14:00:01Z\r\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for file in [&little, &big] {
        let page = page(file.clone()).await;
        assert_eq!(bodies(&page), [Some("caf\u{e9} \u{1f44b}")]);
        assert!(page.rejects.is_empty() && page.drift.is_empty(), "{:?}", page.drift);
        // within a character, and within the last time
        for lost in [1, 9] {
            assert!(fault(&file[..file.len() - lost]).await.contains("cut off"), "{lost}");
        }
    }
    // half of a pair
    let page = page([&little[..], &[0x3d, 0xd8, b'2', 0, b',', 0, b'b', 0, b',', 0, b'\n', 0]].concat()).await;
    assert_eq!(bodies(&page), [Some("caf\u{e9} \u{1f44b}"), Some("b")]);
    // an id that lost a character may be that of several messages
    assert!(messages(&page)[1].provider_message_id.as_str().starts_with("sha256:"));
    assert_eq!(odd(&page, "replaced_text", "", ""), 1);
}

#[tokio::test]
async fn rows_of_separators_are_no_messages() {
    for separator in [",", ";", "\t"] {
        let row = |cells: [&str; 4]| cells.join(separator) + "\n";
        let (head, empty, quoted) = (["id", "participantId", "payload", "createdAt"], [""; 4], ["\"\""; 4]);
        let said = |id| [id, "p", "hi", "2026-03-02T14:00:01Z"];
        let file = [row(head), row(said("m1")), row(empty), row(said("m2")), row(quoted), row(empty)].concat();
        let page = page(file).await;
        assert_eq!((bodies(&page), page.rejects.len()), (vec![Some("hi"); 2], 0), "{separator:?}");
    }
}

#[tokio::test]
async fn json_is_read_like_a_table() {
    let list = r#"[
        {"id":"m1","participantId":"p","payloadType":"TEXT_MESSAGE","payload":"hi","createdAt":"2026-03-02T14:00:01Z"},
        {"id":"m2","payloadType":"FILE_MESSAGE","payload":{"link":"https://x"},"createdAt":1772460002000},
        {"payloadType":"TEXT_MESSAGE","payload":null,"pinned":false},
        7,
        {"id":"m3"},
        {"id":"m1","payloadType":"TEXT_MESSAGE","payload":"hi, edited"}
    ]"#;
    for file in [list.to_owned(), format!(r#"{{"count":3,"messages":{list}}}"#)] {
        let page = page(file).await;
        assert_eq!(bodies(&page), [Some("hi, edited"), None, None]);
        let ids: Vec<_> = messages(&page).iter().map(|m| m.provider_message_id.as_str()).collect();
        assert_eq!(ids[..2], ["m1", "m2"]);
        assert!(ids[2].starts_with("sha256:"));
        assert_eq!(messages(&page)[1].sent_at, Some(at("2026-03-02T14:00:02Z")));
        let codes: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, &reject.raw[..])).collect();
        assert_eq!(codes, [("not_an_object", &b"7"[..]), ("missing_field", br#"{"id":"m3"}"#)]);
        assert_eq!(odd(&page, "unreadable_value", "/id", "duplicate"), 1);
    }
    assert!(messages(&page("[]").await).is_empty());
    for broken in [&list[..list.len() - 2], r#"[{"payload":"x"}"#, r#"{"messages":[]"#] {
        assert!(fault(broken).await.contains("incomplete"));
    }
    assert!(fault(r#"{"errors":[{"payload":"x"}]}"#).await.contains("error page"));
    assert!(fault(r#"{"a":[],"b":[]}"#).await.contains("no known format"));
}

#[tokio::test]
async fn f62_bad_rows_are_rejects_and_the_others_survive() {
    let long = "x".repeat(600);
    let file = format!("id,payload,createdAt\nm1,a,2026-03-02T14:00:01Z\nm2\n{long},b,\nm3,c,d,e\nm4,f,soon,\nm5,g,\n");
    let page = page(file).await;
    assert_eq!(bodies(&page), [Some("a"), Some("f"), Some("g")]);
    let positions: Vec<_> =
        messages(&page).iter().map(|message| (message.position, message.sent_at.is_some())).collect();
    assert_eq!(positions, [(0, true), (4, false), (5, false)]);
    let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, reject.raw.clone())).collect();
    let expected = [
        ("column_count", b"m2".to_vec()),
        ("unusable_id", format!("{long},b,").into_bytes()),
        ("column_count", b"m3,c,d,e".to_vec()),
    ];
    assert_eq!(rejects, expected);
    assert_eq!(odd(&page, "unreadable_value", "/createdAt", ""), 1);
}

#[tokio::test]
async fn f62_f63_a_quote_that_does_not_fit_ends_where_the_next_row_begins() {
    for (file, kept, refused) in [
        ("id,payload\na,b\nc,\"d\ne,f\n", vec!["b", "f"], "c,\"d"),
        ("id,payload\na,\"b\nc,\"d\"\ne,f\n", vec!["d", "f"], "a,\"b"),
        ("id,payload\na,\"b\" c\n", vec![], "a,\"b\" c"),
    ] {
        let page = page(file).await;
        assert_eq!(bodies(&page), kept.into_iter().map(Some).collect::<Vec<_>>(), "{file}");
        let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, &reject.raw[..])).collect();
        assert_eq!(rejects, [("broken_quotes", refused.as_bytes())], "{file}");
    }
}

#[tokio::test]
async fn a_message_without_an_id_gets_the_same_one_each_time() {
    let ids = |page: &ArtifactPage| -> Vec<String> {
        messages(page).iter().map(|message| message.provider_message_id.to_string()).collect()
    };
    let first = ids(&page("participantId,payload\np,ok\np,ok\nq,ok\n").await);
    let later = ids(&page("id,participantId,payload\nm0,p,new\n,p,ok\n,p,ok\n,q,ok\n").await);
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(first, later[1..]);
}

#[tokio::test]
async fn unknown_kinds_of_payload_are_counted_and_not_taken_for_text() {
    let page = page("id,payloadType,payload\na,POLL_MESSAGE,x\nb,text_message,y\nc,,z\n").await;
    assert_eq!(bodies(&page), [None, Some("y"), Some("z")]);
    assert_eq!(messages(&page)[0].payload_type.as_deref(), Some("POLL_MESSAGE"));
    assert_eq!(odd(&page, "unknown_value", "/payloadType", "POLL_MESSAGE"), 1);
}

#[tokio::test]
async fn f63_a_file_that_is_not_whole_is_an_error() {
    assert!(fault("id,payload\na,b\nc,\"d\ne and f\n").await.contains("never closed"));
    for cut in ["id,payload,createdAt\na,b,2026-03-02T14:00:01Z\nc", "id,payload,createdAt\na,b,2026-03-02T14:0"] {
        assert!(fault(cut).await.contains("cut off"), "{cut}");
    }
    for page in ["<!DOCTYPE html><p>id,payload", "  <?xml version='1.0'?><Error/>", "<HTML>"] {
        assert!(fault(page).await.contains("error page"));
    }
    assert!(fault("hello").await.contains("no known format"));
    assert!(fault(vec![0xff, 0xfe, b'i', 0, b'd', 0]).await.contains("no known format"));
}

/// The value in the last row is no time, nor the beginning of one: the row is whole, and its time is unknown.
#[tokio::test]
async fn f63_a_last_row_without_a_readable_time_is_no_cut() {
    let file = "id,payload,createdAt\na,b,2026-03-02 14:00:01\nc,d,";
    for last in ["n/a\n", "n/a", "\"2026\"", "yesterday\r\n", "2026-03\n"] {
        let page = page(format!("{file}{last}")).await;
        assert_eq!(bodies(&page), [Some("b"), Some("d")], "{last}");
        assert_eq!(messages(&page)[1].sent_at, None, "{last}");
        assert_eq!(odd(&page, "unreadable_value", "/createdAt", ""), 1, "{last}");
    }
    for cut in ["", "2026-03", "2026-03-02 14:00"] {
        assert!(fault(&*format!("{file}{cut}")).await.contains("cut off"), "{cut}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced_and_counted() {
    let page = page(b"id,payload\na,caf\xe9\0\n".to_vec()).await;
    assert_eq!(bodies(&page), [Some("caf\u{fffd}\u{fffd}")]);
    assert_eq!(odd(&page, "replaced_text", "", ""), 1);
}
