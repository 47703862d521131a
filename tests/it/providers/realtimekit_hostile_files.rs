//! Files of any bytes: no reader panics, and everything read from a truncated file was in the whole one.

use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tributary::model::artifact::{Artifact, ArtifactAnswer};

use super::realtimekit_artifacts::{ask, is_unreadable, rtk_sample};
use super::realtimekit_links::link_answer;
use super::scripted_server::{Server, file};
use super::*;

const SAMPLES: [(Stream, &str); 7] = [
    (Stream::Chat, rtk_sample!("files/chat.csv")),
    (Stream::Transcript, rtk_sample!("files/transcript.json")),
    (Stream::Transcript, rtk_sample!("files/transcript.headerless-ms.csv")),
    (Stream::Transcript, rtk_sample!("files/transcript.srt")),
    (Stream::Transcript, rtk_sample!("files/transcript.vtt")),
    (Stream::Summary, rtk_sample!("files/summary.md")),
    (Stream::Summary, rtk_sample!("files/summary.txt")),
];

/// A server of one file that changes, and a connector to it.
struct Bench {
    runtime: tokio::runtime::Runtime,
    bytes: Arc<Mutex<Vec<u8>>>,
    connector: Arc<dyn Connector>,
    _server: Server,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let shared = Arc::clone(&bytes);
        let server = runtime.block_on(Server::start(move |call| match call.path.as_str() {
            "/file" => file(shared.lock().unwrap().clone()),
            _ => link_answer(call),
        }));
        let connector = connect("realtimekit", &server.url);
        Self { runtime, bytes, connector, _server: server }
    }

    fn read(&self, stream: Stream, bytes: &[u8]) -> Result<ArtifactAnswer, PullError> {
        *self.bytes.lock().unwrap() = bytes.to_vec();
        self.runtime.block_on(ask(&*self.connector, stream, None, None))
    }
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let bench = Bench::new();
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    // Bytes of the alphabets of the formats, and samples with a piece replaced.
    let wild = vec(prop_oneof![any::<u8>(), prop::sample::select(&b"[]{}\",;:\r\n-><v/&. 0123456789"[..])], 0..200);
    let input = (0..SAMPLES.len(), any::<prop::sample::Index>(), 0..20_usize, wild, any::<bool>());
    TestRunner::new(config)
        .run(&input, |(sample, place, removed, wild, is_alone)| {
            let (stream, sample) = SAMPLES[sample];
            let mut bytes = sample.as_bytes().to_vec();
            let from = place.index(bytes.len());
            let to = (from + removed).min(bytes.len());
            bytes.splice(from..to, wild.iter().copied());
            let answer = bench.read(stream, if is_alone { &wild } else { &bytes });
            if let Err(error) = answer {
                prop_assert!(is_unreadable(&error), "{error:?}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn f63_a_cut_chat_gives_no_message_that_was_not_sent() {
    let bench = Bench::new();
    let sample = rtk_sample!("files/chat.csv").as_bytes();
    let chat = |bytes: &[u8]| match bench.read(Stream::Chat, bytes) {
        Ok(ArtifactAnswer::Content(page)) => {
            assert!(page.rejects.is_empty());
            let Artifact::Chat(messages) = page.artifact else { panic!() };
            Some(messages)
        }
        Ok(ArtifactAnswer::Absent(_)) => None,
        Err(error) => {
            assert!(is_unreadable(&error), "{error:?}");
            None
        }
    };
    let whole = chat(sample).unwrap();
    let mut kept = 0;
    for length in 0..sample.len() {
        if let Some(messages) = chat(&sample[..length]) {
            assert_eq!(messages, whole[..messages.len()], "cut at {length}");
            kept += 1;
        }
    }
    // A file is whole only before and after a line's end: the head and five messages.
    assert!(kept <= 13, "{kept} cuts were not seen");
}

#[test]
fn a_cut_transcript_in_json_is_never_taken_for_whole() {
    let bench = Bench::new();
    let sample = rtk_sample!("files/transcript.json").trim_end().as_bytes();
    for length in (1..sample.len()).step_by(3) {
        let error = bench.read(Stream::Transcript, &sample[..length]).unwrap_err();
        assert!(is_unreadable(&error), "cut at {length}: {error:?}");
    }
}

#[test]
fn a_hostile_file_takes_no_longer_than_another() {
    let bench = Bench::new();
    let times = "WEBVTT\n\n00:01.000 --> 00:02.000\n";
    let pieces = ["<", "<v ", "<v>", "&amp", "\"", ",", "\n", "a,\"b\"\n", "-->\n\n", "[", "{\"a\":"];
    let begun = std::time::Instant::now();
    for piece in pieces {
        let much = piece.repeat(200_000 / piece.len());
        for file in [much.clone(), format!("{times}{much}"), format!("id,payload\n{much}")] {
            for stream in [Stream::Chat, Stream::Transcript, Stream::Summary] {
                if let Err(error) = bench.read(stream, file.as_bytes()) {
                    assert!(is_unreadable(&error), "{error:?}");
                }
            }
        }
    }
    // A hundred files; one of quadratic time would take minutes alone.
    assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{:?}", begun.elapsed());
}
