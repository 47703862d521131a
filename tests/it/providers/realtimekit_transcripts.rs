//! Transcripts of RealtimeKit in each form, and summaries.

use tributary::model::artifact::{Artifact, ArtifactPage};
use tributary::model::transcript::{SummaryFormat, Transcript, TranscriptFormat, TranscriptSegment};

use super::realtimekit_artifacts::{content, is_unreadable, odd, rtk_sample};
use super::realtimekit_links::read_file;
use super::*;

async fn page(file: impl Into<Vec<u8>>) -> ArtifactPage {
    content(read_file(Stream::Transcript, file).await.unwrap())
}

fn transcript(page: &ArtifactPage) -> &Transcript {
    let Artifact::Transcript(transcript) = &page.artifact else { panic!("{:?}", page.artifact) };
    transcript
}

async fn fault(stream: Stream, file: impl Into<Vec<u8>>) -> String {
    let error = read_file(stream, file).await.unwrap_err();
    assert!(is_unreadable(&error), "{error:?}");
    error.detail
}

/// Begin, end, speaker and text of each segment.
type Line<'a> = (Option<i64>, Option<i64>, Option<&'a str>, &'a str);

fn lines(page: &ArtifactPage) -> Vec<Line<'_>> {
    let line =
        |segment: &'_ TranscriptSegment| -> (Option<i64>, Option<i64>) { (segment.offset_ms, segment.end_offset_ms) };
    let segments = transcript(page).segments.iter();
    segments.map(|s| (line(s).0, line(s).1, s.speaker_label.as_deref(), s.body.as_str())).collect()
}

const ANA: Option<&str> = Some("Ana Souza");
const BEN: Option<&str> = Some("Ben Okafor");
const CHLOE: Option<&str> = Some("Chlo\u{e9}, \"CC\" Martin");

/// The sample meeting; the forms without an end leave it out.
fn said(has_end: bool) -> Vec<Line<'static>> {
    let end = |ms| has_end.then_some(ms);
    vec![
        (Some(61_000), end(64_500), ANA, "Good afternoon, shall we start?"),
        (Some(65_000), end(69_200), BEN, "Yes. I have \"two\" blockers, both small."),
        (Some(70_100), end(74_000), CHLOE, "Bonjour \u{e0} tous"),
        (Some(70_100), end(71_000), ANA, "(overlapping) great"),
        (Some(1_155_000), end(1_159_000), BEN, "Back again after a drop."),
    ]
}

#[tokio::test]
async fn each_form_of_the_sample_gives_the_same_segments() {
    let forms = [
        (rtk_sample!("files/transcript.json"), TranscriptFormat::Json, true),
        (rtk_sample!("files/transcript.headerless-ms.csv"), TranscriptFormat::Csv, false),
        (rtk_sample!("files/transcript.srt"), TranscriptFormat::Srt, true),
        (rtk_sample!("files/transcript.vtt"), TranscriptFormat::Vtt, true),
    ];
    for (file, format, has_end) in forms {
        let windows = file.replace('\n', "\r\n");
        for file in [file.to_owned(), format!("\u{feff}{file}"), windows] {
            let page = page(file).await;
            assert_eq!(transcript(&page).format, format);
            assert_eq!(lines(&page), said(has_end), "{format:?}");
            assert!(page.rejects.is_empty() && page.drift.is_empty(), "{:?}", page.drift);
            let last = &transcript(&page).segments[4];
            assert_eq!(last.started_at, Some(at("2026-03-02T14:19:15Z")));
            let is_named = matches!(format, TranscriptFormat::Json | TranscriptFormat::Csv);
            let ids = [&last.provider_participant_id, &last.provider_user_id, &last.custom_participant_id];
            let expected = ["f5133a4a-d093-409c-a3f2-e952da3da430", "0876f1db-5d73-440c-a96c-8cc668f3a1eb", "crm-1002"];
            assert_eq!(ids.map(Option::as_deref), expected.map(|id| is_named.then_some(id)));
        }
    }
}

#[tokio::test]
async fn units_of_times_are_recognized_by_size() {
    let page = page(
        r#"[{"startTime":"1500","endTime":1000,"sentence":"a","peerData":{"cpi":"","userId":"","id":"p"}},
            {"startTime":1772460061000,"endTime":1772460062000,"sentence":"b","peerData":null},
            {"startTime":"2026-03-02T14:01:01.250+00:00","endTime":"2026-03-02 14:01:02","sentence":"c"},
            {"startTime":-5,"endTime":99999999999,"sentence":"d"},
            {"startTime":"then","sentence":"f"},
            {"startTime":99999999999999,"sentence":"null"},
            {"startTime":"2026-03-02T13:59:59Z","sentence":"e"}]"#,
    )
    .await;
    let expected: Vec<Line<'_>> = vec![
        (Some(1500), None, None, "a"),
        (Some(61_000), Some(62_000), None, "b"),
        (Some(61_250), Some(62_000), None, "c"),
        (None, None, None, "d"),
        (None, None, None, "f"),
        (None, None, None, "null"),
        (Some(-1000), None, None, "e"),
    ];
    assert_eq!(lines(&page), expected);
    let first = &transcript(&page).segments[0];
    assert_eq!((&first.provider_user_id, &first.custom_participant_id), (&None, &None));
    assert_eq!(first.person(), None);
    let starts: Vec<_> = transcript(&page).segments.iter().map(|segment| segment.started_at).collect();
    assert_eq!(starts[1], Some(at("2026-03-02T14:01:01Z")));
    assert_eq!(starts[2], Some(at("2026-03-02T14:01:01.250Z")));
    assert_eq!(starts[3..6], [None, None, None]);
    assert_eq!(odd(&page, "unreadable_value", "/startTime", ""), 1);
    assert_eq!(odd(&page, "unreadable_value", "/endTime", "before startTime"), 1);
}

#[tokio::test]
async fn a_bad_segment_is_a_reject_and_the_others_survive() {
    let page =
        page(r#"[{"sentence":"a","startTime":1},7,{"startTime":2},{"sentence":{"x":1}},{"sentence":"b"}]"#).await;
    assert_eq!(transcript(&page).segments.iter().map(|s| s.body.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, &reject.raw[..])).collect();
    let expected = [
        ("not_an_object", &b"7"[..]),
        ("missing_field", br#"{"startTime":2}"#),
        ("missing_field", br#"{"sentence":{"x":1}}"#),
    ];
    assert_eq!(rejects, expected);
    let page = self::page("1000,p,u,c,n,one\n2000,p,u\n3000,p,u,,n,\"a, b\"\n4000,p,u,c,n,a, b\n").await;
    assert_eq!(lines(&page), [(Some(1000), None, Some("n"), "one"), (Some(3000), None, Some("n"), "a, b")]);
    assert_eq!(page.rejects.iter().map(|reject| reject.reason_code).collect::<Vec<_>>(), ["column_count"; 2]);
    assert_eq!(page.rejects[0].raw, b"2000,p,u");
}

#[tokio::test]
async fn a_table_with_a_header_has_iso_times() {
    let rows = "2026-03-02T14:00:05.500Z,p1,u1,c1,Ana,\"Hello, all\"\n2026-03-02T14:00:07Z,p2,u2,,Ben,Hi\n";
    let file = format!("Timestamp,Participant ID,User ID,Custom Participant ID,Participant Name,Transcript\n{rows}");
    let semicolons = file.replace(',', ";").replace("Hello;", "Hello,");
    for file in [file, semicolons] {
        let page = page(file).await;
        assert_eq!(transcript(&page).format, TranscriptFormat::Csv);
        assert_eq!(
            lines(&page),
            [(Some(5500), None, Some("Ana"), "Hello, all"), (Some(7000), None, Some("Ben"), "Hi")]
        );
        let second = &transcript(&page).segments[1];
        assert_eq!((second.provider_participant_id.as_deref(), &second.custom_participant_id), (Some("p2"), &None));
        assert_eq!(second.started_at, Some(at("2026-03-02T14:00:07Z")));
    }
}

#[tokio::test]
async fn vtt_is_read_with_all_that_may_stand_in_it() {
    let file = "WEBVTT - a meeting\nKind: captions\nLanguage: pt-BR\n\nNOTE Ana: not said\n00:01 is no cue\n\nSTYLE\n\
        ::cue { color: red }\n\nintro\n00:01.500 --> 00:02.000 align:start line:0\n<v.loud Ana Souza>Hi <b>all</b> &amp; &lt;you&gt;</v>\n\n\
        100:00:00.000 --> 100:00:01.000\nBen: one\ntwo <00:01.700>three\n\n\
        00:03.000 --> 00:04.000\n<v Ana>Yes</v>\n<v Ben>No\n\n00:05.000 --> 00:06.000\na < b and <3\n\n\
        not a cue\n\n00:61.000 --> 00:62.000\nBen: late\n\n00:07.000 --> 00:08.000\n\n00:09.000 --> 00:10\nend";
    let page = page(file).await;
    assert_eq!(
        (transcript(&page).format, transcript(&page).language_code.as_deref()),
        (TranscriptFormat::Vtt, Some("pt-BR"))
    );
    let expected: Vec<Line<'_>> = vec![
        (Some(1500), Some(2000), ANA, "Hi all & <you>"),
        (Some(360_000_000), Some(360_001_000), Some("Ben"), "one\ntwo three"),
        (Some(3000), Some(4000), Some("Ana"), "Yes"),
        (Some(3000), Some(4000), Some("Ben"), "No"),
        (Some(5000), Some(6000), None, "a < b and <3\nnot a cue"),
        (Some(9000), Some(10_000), None, "end"),
    ];
    assert_eq!(lines(&page), expected);
    let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, &reject.raw[..])).collect();
    assert_eq!(rejects, [("unreadable_time", &b"00:61.000 --> 00:62.000\nBen: late"[..])]);
    assert!(transcript(&self::page("WEBVTT").await).segments.is_empty());
}

#[tokio::test]
async fn srt_is_read_with_or_without_numbers() {
    let file = "00:00:01,000 --> 00:00:02,000\nAna: 10:30: we start &amp; go\n\n\n2\n00:00:03,5 --> 00:00:04,000\n<i>no name</i>\n\n3\n00:00:05,000 --> 00:00:06,000\n<B>Ana: yes</B>\n";
    let page = page(file).await;
    let expected: Vec<Line<'_>> = vec![
        (Some(1000), Some(2000), Some("Ana"), "10:30: we start &amp; go"),
        (Some(3500), Some(4000), None, "no name"),
        (Some(5000), Some(6000), Some("Ana"), "yes"),
    ];
    assert_eq!((transcript(&page).format, lines(&page)), (TranscriptFormat::Srt, expected));
}

#[tokio::test]
async fn f86_a_timing_line_in_another_spelling_is_never_text() {
    let file = |line: &str| format!("1\n00:00:01,000 --> 00:00:02,000\ntwo words\n\n2\n{line}\nand three more\n");
    let first = (Some(1000), Some(2000), None, "two words");
    for line in [
        "3.5 --> 4.5",
        "00: 00: 03,500 --> 00: 00: 04,500",
        "00:00:03,500 -> 00:00:04,500",
        "00:00:03,500 --&gt; 00:00:04,500",
        "00:00:03,500 \u{2192} 00:00:04,500",
        "00:00:03,500 --> 00:00:04,500 50% X1:40 X2:600",
    ] {
        let page = page(file(line)).await;
        assert_eq!(lines(&page), [first, (Some(3500), Some(4500), None, "and three more")], "{line}");
        assert!(page.rejects.is_empty(), "{line}");
    }
    for line in [
        "-00:00:01.000 --> 00:00:03.000",
        "00:0x:03.000 --> 00:00:04.000",
        "3,500 --> 4,500",
        "3 --> 4",
        "1 0:00:03,000 --> 00:00:04,000 align:start",
        "00:99:03,000 -> 00:99:04,000",
    ] {
        let page = page(file(line)).await;
        assert_eq!(lines(&page), [first], "{line}");
        let rejects: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, reject.raw.clone())).collect();
        assert_eq!(rejects, [("unreadable_time", format!("2\n{line}\nand three more").into_bytes())], "{line}");
    }
    for line in [
        "I said --> go",
        "press 3 -> 4 now",
        "press 3 --> 4 now",
        "3 -> 4",
        "3:2 -> 4:1",
        "1:30pm --> 2:30pm",
        "10:00 --> 11:00 suits me",
        "Ana: 10:00 --> 11:00",
    ] {
        let page = page(format!("00:00:01,000 --> 00:00:02,000\nso\n{line}\nand more\n")).await;
        assert_eq!(lines(&page), [(Some(1000), Some(2000), None, &*format!("so\n{line}\nand more"))], "{line}");
        assert!(page.rejects.is_empty(), "{line}");
    }
    // the first cue of a file shows its format
    assert_eq!(lines(&page("3.5 --> 4.5\nhello\n").await), [(Some(3500), Some(4500), None, "hello")]);
}

#[tokio::test]
async fn an_utterance_without_words_is_none_in_any_form() {
    let json = r#"[{"startTime":1,"sentence":""},{"startTime":2,"sentence":"a"},{"startTime":3,"sentence":" \t "}]"#;
    let csv = "1,p,u,c,n,\n2,p,u,c,n,a\n3,p,u,c,n,\"  \"\n";
    for file in [json, csv] {
        let page = page(file).await;
        let said: Vec<_> = lines(&page).into_iter().map(|(begin, _, _, text)| (begin, text)).collect();
        assert_eq!(said, [(Some(2), "a")], "{file}");
        assert!(page.rejects.is_empty(), "{file}");
    }
}

#[tokio::test]
async fn a_transcript_that_is_not_whole_is_an_error() {
    let json = rtk_sample!("files/transcript.json").trim_end();
    for cut in [&json[..json.len() - 1], &json[..json.len() / 2], "[{\"sentence\""] {
        assert!(fault(Stream::Transcript, cut).await.contains("incomplete"));
    }
    let csv = rtk_sample!("files/transcript.headerless-ms.csv");
    assert!(fault(Stream::Transcript, &csv[..csv.len() - 5]).await.contains("never closed"));
    assert!(fault(Stream::Transcript, "1000,p,u,c,n,one\n2000,p,u").await.contains("cut off"));
    for cut in [
        "WEBVTT\n\n00:01.000 --> 00:0",
        "WEBVTT\n\n00:01.000 --> 00:02.000",
        "1\n00:00:01,000 --> 00:00:02,000\na\n\n2",
    ] {
        assert!(fault(Stream::Transcript, cut).await.contains("cut off"), "{cut}");
    }
    assert!(fault(Stream::Transcript, "<html><body>403</body></html>").await.contains("error page"));
    assert!(fault(Stream::Transcript, r#"{"success":false,"error":{"code":500}}"#).await.contains("error page"));
    assert!(fault(Stream::Transcript, "just words").await.contains("no known format"));
}

#[tokio::test]
async fn a_transcript_of_nothing_said_is_an_empty_list() {
    let header = "Timestamp,Participant ID,User ID,Custom Participant ID,Participant Name,Transcript\n";
    for file in ["[]", r#"{"segments":[]}"#, header, "WEBVTT\n"] {
        assert!(transcript(&page(file).await).segments.is_empty(), "{file}");
    }
}

#[tokio::test]
async fn a_summary_is_markdown_or_text_by_its_content() {
    let cases = [
        (rtk_sample!("files/summary.md"), SummaryFormat::Markdown),
        (rtk_sample!("files/summary.txt"), SummaryFormat::Text),
        ("Agreed:\n- ship it\n", SummaryFormat::Markdown),
        ("It is **done**.", SummaryFormat::Markdown),
        ("#1 on the list: 2 * 3 - 4", SummaryFormat::Text),
        ("[1] is a note", SummaryFormat::Text),
    ];
    for (file, format) in cases {
        let page = content(read_file(Stream::Summary, file).await.unwrap());
        let Artifact::Summary(summary) = &page.artifact else { panic!() };
        assert_eq!((summary.format, summary.body.as_str()), (format, file));
    }
    let page = content(read_file(Stream::Summary, b"\xef\xbb\xbfcaf\xe9".to_vec()).await.unwrap());
    let Artifact::Summary(summary) = &page.artifact else { panic!() };
    assert_eq!(summary.body, "caf\u{fffd}");
    assert_eq!(odd(&page, "replaced_text", "", ""), 1);
    assert!(fault(Stream::Summary, "<html>").await.contains("error page"));
    assert!(fault(Stream::Summary, r#"{"message":"not found"}"#).await.contains("error page"));
}
