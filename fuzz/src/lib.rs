//! What must hold for any bytes: the functions that cargo-fuzz calls, and that a test calls with the kept corpus.
//!
//! They reach the readers through the interfaces that the service uses, so that nothing is public for them alone.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use serde_json::value::RawValue;
use tributary::clock::{Dice, SystemClock};
use tributary::connector::download::target::AddressPolicy;
use tributary::connector::download::{DownloadLimits, Downloader};
use tributary::connector::error::PullErrorKind;
use tributary::connector::http::{ApiClient, HttpLimits, Priority, http_client};
use tributary::connector::json_repair;
use tributary::connector::limits::CallBudget;
use tributary::connector::{Connector, ConnectorSettings};
use tributary::model::artifact::{Artifact, ArtifactPage, ArtifactRequest, SessionRef};
use tributary::model::id::{ProviderRecordId, SourceSlug};
use tributary::model::stream::Stream;
use tributary::query::cursor;

/// A valid answer is left alone, a repaired one is not repaired again and grows by its escapes alone, and a repaired list
/// is valid.
pub fn json_repair(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let is_valid = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
    let Some(repaired) = json_repair::repaired(text) else { return };
    assert!(!is_valid(text), "it was valid: {text:?} became {repaired:?}");
    assert_eq!(json_repair::repaired(&repaired), None, "{repaired:?} of {text:?}");
    assert!(repaired.len() <= 6 * text.len() + 16, "{} bytes of {text:?}", repaired.len());
    let is_list = text.trim_start().starts_with('[');
    assert!(!is_list || is_valid(&repaired), "{text:?} became {repaired:?}");
}

/// A file of separated values is read, or refused as unreadable, and neither depends on an earlier file.
pub fn csv(bytes: &[u8]) {
    for stream in [Stream::Chat, Stream::Transcript] {
        check_file(stream, bytes);
    }
}

/// So are subtitles, with and without the signature of their format.
pub fn subtitles(bytes: &[u8]) {
    check_file(Stream::Transcript, bytes);
    check_file(Stream::Transcript, &[b"WEBVTT\n\n00:01.000 --> 00:02.000\n", bytes].concat());
}

fn check_file(stream: Stream, bytes: &[u8]) {
    let Some(page) = read(stream, bytes) else { return };
    assert_eq!(read(stream, bytes).as_ref(), Some(&page), "another result at the second reading");
    let texts: Vec<&str> = match &page.artifact {
        Artifact::Chat(messages) => messages.iter().filter_map(|message| message.body.as_deref()).collect(),
        Artifact::Transcript(transcript) => {
            for segment in &transcript.segments {
                assert!(segment.end_offset_ms.is_none_or(|end| segment.offset_ms.is_none_or(|start| start <= end)));
            }
            transcript.segments.iter().map(|segment| segment.body.as_str()).collect()
        }
        _ => Vec::new(),
    };
    // Postgres stores no NUL
    assert!(texts.iter().all(|text| !text.contains('\0')), "a NUL in {texts:?}");
    assert!(page.rejects.iter().all(|reject| !reject.detail.contains('\0')), "a NUL in {:?}", page.rejects);
}

fn read(stream: Stream, bytes: &[u8]) -> Option<ArtifactPage> {
    static CONNECTOR: LazyLock<Arc<dyn Connector>> = LazyLock::new(connector);
    let session = SessionRef {
        provider_session_id: ProviderRecordId::parse("s1").expect("an id"),
        started_at: "2026-03-02T14:00:00Z".parse().expect("an instant"),
        ended_at: None,
    };
    let now = "2026-03-04T20:00:00Z".parse().expect("an instant");
    let request = ArtifactRequest { session: &session, participant: None, cursor: None, may_be_large: true, now };
    CONNECTOR.read_artifact(stream, bytes, request).unwrap_or_else(|error| {
        let unreadable = [PullErrorKind::Contract, PullErrorKind::FileCut, PullErrorKind::ErrorPage];
        assert!(unreadable.contains(&error.kind), "{error:?}");
        None
    })
}

/// A connector to an address that is never called.
fn connector() -> Arc<dyn Connector> {
    let entry = tributary::providers::entry("realtimekit").expect("a provider with files");
    let limits = HttpLimits::default();
    let dice = || Arc::new(Dice::seeded(1));
    (entry.connect)(ConnectorSettings {
        slug: SourceSlug::parse("fuzz").expect("a slug"),
        account_id: Some("account".to_owned()),
        app_id: Some("app".to_owned()),
        page_size: None,
        facts: BTreeMap::new(),
        api: ApiClient {
            large: tributary::connector::body::LargeAnswers::default(),
            http: http_client(limits).expect("a client"),
            base_url: "http://127.0.0.1:1".parse().expect("an address"),
            credential: entry.credential,
            api_key: "none".into(),
            budget: Arc::new(CallBudget::per_minute(1)),
            priority: Priority::Live,
            default_retry_after: TimeDelta::seconds(1),
            limits,
            clock: Arc::new(SystemClock),
            dice: dice(),
        },
        downloads: Downloader::new(DownloadLimits::default(), AddressPolicy::Loopback, dice()).expect("a client"),
    })
}

const QUESTION: &str = "state=live";

/// A cursor that is accepted has no NUL, which Postgres would refuse, and a sort key is the same after it is written again.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(key) = cursor::decode::<Value>(QUESTION, text) else { return };
    assert!(!has_nul(&key), "{key:?}");
    if let Ok(key) = cursor::decode::<(DateTime<Utc>, i64)>(QUESTION, text) {
        assert_eq!(cursor::decode(QUESTION, &cursor::encode(QUESTION, &key)), Ok(key));
    }
    if let Ok(key) = cursor::decode::<(Option<String>, i64)>(QUESTION, text) {
        assert_eq!(cursor::decode(QUESTION, &cursor::encode(QUESTION, &key)), Ok(key));
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}
