//! Links to files of one RealtimeKit session: followed without a credential, and requested again once they expired.

use tributary::connector::error::PullErrorKind;
use tributary::model::artifact::{Absence, ArtifactAnswer};

use super::realtimekit_artifacts::{SESSION, ask, content, rtk_sample};
use super::scripted_server::{Call, Reply, Server, file, json, status};
use super::*;

/// The vendor's response, with a link to `/file` at the called server.
pub(crate) fn link_answer(call: &Call) -> Reply {
    let (sample, name) = match call.path.rsplit('/').next().unwrap() {
        "chat" => (rtk_sample!("chat.json"), "chat.csv"),
        "transcript" => (rtk_sample!("transcript.json"), "transcript.csv"),
        _ => (rtk_sample!("summary.json"), "summary.md"),
    };
    let link = format!("{}/file?signature=secret", call.headers["host"].to_str().unwrap());
    json(sample.replace(&format!("127.0.0.1:9/files/{name}?sig=sample"), &link))
}

/// Returns the result of reading `bytes` behind the link of `stream`.
pub(crate) async fn read_file(stream: Stream, bytes: impl Into<Vec<u8>>) -> Result<ArtifactAnswer, PullError> {
    let bytes = bytes.into();
    let server =
        Server::start(move |call| if call.path == "/file" { file(bytes.clone()) } else { link_answer(call) }).await;
    ask(&*connect("realtimekit", &server.url), stream, None, None).await
}

#[tokio::test]
async fn an_answer_without_a_link_is_absent() {
    let bodies = [
        r#"{"success":true,"data":{"chat_download_url":null}}"#,
        r#"{"success":true,"data":{"chat_download_url":"","chat_download_url_expiry":""}}"#,
        r#"{"success":true,"data":{"chat_download_url":"null"}}"#,
        r#"{"success":true,"data":{}}"#,
        r#"{"success":true,"data":null}"#,
    ];
    for body in bodies {
        let server = Server::start(move |_| json(body)).await;
        let answer = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap();
        assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::NoLink), 1), "{body}");
    }
    // A field that was renamed or moved must not look like a chat that was never made.
    for body in [
        r#"{"data":{"url":"https://files.example/x?sig=secret"}}"#,
        r#"{"data":{"chat":{"download_url":"https://files.example/x?sig=secret"}}}"#,
        r#"{"data":{"files":["https://files.example/x?sig=secret"]}}"#,
    ] {
        let server = Server::start(move |_| json(body)).await;
        let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
        assert_eq!(error.kind, PullErrorKind::Contract, "{body}");
        assert!(!error.to_string().contains("files.example"));
    }
}

#[tokio::test]
async fn f61_links_are_followed_without_a_credential_and_requested_as_documented() {
    let calls = [
        (Stream::Chat, "chat", rtk_sample!("files/chat.csv")),
        (Stream::Transcript, "transcript", rtk_sample!("files/transcript.json")),
        (Stream::Summary, "summary", rtk_sample!("files/summary.md")),
    ];
    for (stream, name, sample) in calls {
        let server =
            Server::start(move |call| if call.path == "/file" { file(sample) } else { link_answer(call) }).await;
        let page = content(ask(&*connect("realtimekit", &server.url), stream, None, None).await.unwrap());
        assert_eq!(page.raw.as_deref(), Some(sample.as_bytes()));
        let [asked, fetched] = &server.calls()[..] else { panic!() };
        assert_eq!(asked.path, format!("{SESSION}/{name}"));
        assert_eq!(asked.query("format"), (stream == Stream::Transcript).then_some("JSON"));
        assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(fetched.query("signature"), Some("secret"));
        assert!(["authorization", "x-api-key", "cookie"].iter().all(|name| !fetched.headers.contains_key(*name)));
    }
}

#[tokio::test]
async fn f59_a_dead_link_is_requested_once_more() {
    for dead in [403, 404, 410] {
        // The object store's own page states the reason, and is not content.
        let gone = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
        let server = Server::start(move |call| match (call.path.as_str(), call.index) {
            ("/file", 1) => status(dead, gone),
            ("/file", _) => file("id,payload\na,hello\n"),
            _ => link_answer(call),
        })
        .await;
        let page = content(ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap());
        assert_eq!((page.raw.unwrap().len(), server.calls().len()), (19, 4));
        let server =
            Server::start(move |call| if call.path == "/file" { status(dead, gone) } else { link_answer(call) }).await;
        let answer = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap();
        assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::LinkDead), 4));
    }
}

#[tokio::test]
async fn f59_a_link_that_says_it_has_expired_is_tried() {
    let server = Server::start(|call| {
        if call.path == "/files/transcript.csv" {
            return file(rtk_sample!("files/transcript.headerless-ms.csv"));
        }
        let host = call.headers["host"].to_str().unwrap();
        json(rtk_sample!("transcript.expired-link.json").replace("127.0.0.1:9", host))
    })
    .await;
    content(ask(&*connect("realtimekit", &server.url), Stream::Transcript, None, None).await.unwrap());
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn no_failure_reveals_the_link() {
    let replies: [fn() -> Reply; 4] = [
        || status(500, "broken"),
        || file("<html>sign in</html>"),
        || file("neither this nor that"),
        || file("x".repeat(2 * 1024 * 1024)),
    ];
    let kinds = [PullErrorKind::Transient, PullErrorKind::ErrorPage, PullErrorKind::Contract, PullErrorKind::TooLarge];
    for (reply, kind) in replies.into_iter().zip(kinds) {
        let server = Server::start(move |call| if call.path == "/file" { reply() } else { link_answer(call) }).await;
        let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
        assert_eq!(error.kind, kind);
        let said = format!("{error} {error:?}");
        assert!(said.contains("chat file") && !said.contains("secret") && !said.contains("/file"), "{said}");
    }
    let server = Server::start(|_| json(r#"{"data":{"chat_download_url":"not a link, secret"}}"#)).await;
    let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_file_of_nothing_is_absent() {
    for stream in [Stream::Chat, Stream::Transcript, Stream::Summary] {
        for nothing in ["", "\u{feff}", "\r\n\n"] {
            let answer = read_file(stream, nothing).await.unwrap();
            assert_eq!(answer, ArtifactAnswer::Absent(Absence::ZeroBytes), "{stream}");
        }
    }
}
