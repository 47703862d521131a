//! Files in the place of a RealtimeKit summary. Any text could be one, so that all others must be recognized.

use tributary::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage};

use super::realtimekit_artifacts::{content, is_unreadable};
use super::realtimekit_links::read_file;
use super::*;

pub(crate) fn summary(page: &ArtifactPage) -> &str {
    let Artifact::Summary(summary) = &page.artifact else { panic!("{:?}", page.artifact) };
    &summary.body
}

async fn page(stream: Stream, file: impl Into<Vec<u8>>) -> ArtifactPage {
    content(read_file(stream, file).await.unwrap())
}

async fn fault(stream: Stream, file: impl Into<Vec<u8>>) -> String {
    let error = read_file(stream, file).await.unwrap_err();
    assert!(is_unreadable(&error), "{error:?}");
    error.detail
}

#[tokio::test]
async fn f18_a_summary_that_is_none_is_not_stored() {
    for nothing in [
        "null",
        "undefined",
        "[]",
        " null\n",
        "\"\"",
        r#"{"summary":null}"#,
        r#"{"data":{"summary":" "}}"#,
        "None",
        "N/A\n",
        "[object Object]",
        "false",
        "0",
        "\u{200b}\u{feff}",
        r#"{"summary":"None"}"#,
    ] {
        let answer = read_file(Stream::Summary, nothing).await.unwrap();
        assert_eq!(answer, ArtifactAnswer::Absent(Absence::ZeroBytes), "{nothing}");
    }
    for error in [
        "error code: 522",
        "502 Bad Gateway",
        "HTTP/1.1 503 Service Unavailable\n",
        "Error 404: Not Found.",
        "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        "<!-- gw --><html><body>Sign in</body></html>",
        "<Code>AccessDenied</Code>",
        "<center><h1>502 Bad Gateway</h1></center>",
        "cache: miss\n<!DOCTYPE html><html></html>",
        r#"{"error":{"code":7},"summary":"none"}"#,
        r#"{"success":false,"summary":""}"#,
        r#"{"message":"not found"}"#,
        r#"[{"message":"not found"}]"#,
    ] {
        assert!(fault(Stream::Summary, error).await.contains("error page"), "{error}");
    }
    let binary: [&[u8]; 6] = [
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        b"PK\x03\x04\x14\0\x06\0word/document.xml",
        b"We met\0and agreed",
        b"We met\x01 and agreed",
        b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0",
    ];
    for bytes in binary {
        assert!(fault(Stream::Summary, bytes).await.contains("not text"), "{bytes:?}");
    }
    for (file, text) in [
        (r##"{"summary":"# Standup\n- done"}"##, "# Standup\n- done"),
        (r#"{"success":true,"error":null,"data":{"summary":"It is done."}}"#, "It is done."),
        (r#"[{"Summary":"It is done."}]"#, "It is done."),
        ("Done.\n<!-- by hand -->\n<3 it", "Done.\n<!-- by hand -->\n<3 it"),
        (r#""It is\ndone.""#, "It is\ndone."),
        ("Null results were discussed.", "Null results were discussed."),
        ("Error code: 522 came up twice.", "Error code: 522 came up twice."),
        ("Ben explained `<html>` and <b>bold</b> text.", "Ben explained `<html>` and <b>bold</b> text."),
    ] {
        assert_eq!(summary(&page(Stream::Summary, file).await), text, "{file}");
    }
}
