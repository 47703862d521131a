//! Files of one meeting in the simulated RealtimeKit: transcripts in every form, and chat.

use serde_json::json;
use tributary_simulator::quirks::{ChatFormat, TranscriptFormat};
use unicode_segmentation::UnicodeSegmentation as _;

use super::*;

/// The utterances: start, end where stated, name, text.
type Said = Vec<(i64, Option<i64>, String, String)>;

impl Rig {
    pub(crate) async fn of_world(seed: u64) -> (Self, World) {
        let world = World::generate(&Shape::default(), seed, noon());
        (Self::new(Platform::Realtimekit, world.feed(Platform::Realtimekit)).await, world)
    }

    pub(crate) async fn status(&self, path: &str) -> u16 {
        self.send(path).await.expect("an answer").status().as_u16()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.simulator.base_url())).bearer_auth("good");
        let answer = request.header("x-api-key", "good").body(body.to_string()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Returns the link of a file, if there is one.
    pub(crate) async fn link(&self, id: &str, file: &str) -> Option<String> {
        let answer = self.send(&format!("{RTK}/{id}/{file}")).await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        let data = body.get("data")?.as_object()?;
        let link = data.iter().find(|(name, _)| name.to_lowercase().replace('_', "").ends_with("downloadurl"));
        link.expect("a member for the link").1.as_str().map(str::to_owned)
    }

    /// Returns status and body at the file host, without a key.
    pub(crate) async fn fetch(&self, link: &str) -> (u16, String) {
        let answer = self.http.get(link).send().await.expect("an answer");
        let status = answer.status().as_u16();
        // not `text()`, which would drop a byte order mark
        (status, String::from_utf8(answer.bytes().await.expect("a body").to_vec()).expect("UTF-8"))
    }

    pub(crate) async fn file(&self, id: &str, file: &str) -> Option<String> {
        let (status, body) = self.fetch(&self.link(id, file).await?).await;
        assert_eq!(status, 200, "{body}");
        Some(body)
    }

    /// Returns all sessions, newest first.
    pub(crate) async fn sessions(&self) -> Vec<Value> {
        let mut sessions = Vec::new();
        for page in 1.. {
            let page = self.json(&format!("{RTK}?per_page=100&page_no={page}")).await;
            let records = page["data"]["sessions"].as_array().expect("a list").clone();
            if records.is_empty() {
                break;
            }
            sessions.extend(records);
        }
        sessions
    }

    /// Returns the newest ended meetings whose transcript has content, with that content as JSON.
    pub(crate) async fn transcribed(&self) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for session in self.sessions().await.iter().take(80) {
            let id = session["id"].as_str().expect("an id").to_owned();
            if let Some(text) = self.file(&id, "transcript?format=JSON").await.filter(|text| !text.is_empty()) {
                found.push((id, serde_json::from_str(&text).expect("JSON")));
            }
        }
        found
    }
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is text")).to_owned()
}

/// Returns the records of a CSV file, parsed character by character.
fn csv(file: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = file.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            letter => field.push(letter),
        }
    }
    assert!(!quoted && field.is_empty() && record.is_empty(), "the last record is whole");
    records
}

fn said_in_json(file: &Value) -> Said {
    let segments = file.as_array().expect("a list").iter();
    segments
        .map(|segment| {
            let time = |name: &str| segment[name].as_i64();
            let name = segment["peerData"]["displayName"].as_str().unwrap_or("Unknown").to_owned();
            (time("startTime").expect("a start"), time("endTime"), name, text(&segment["sentence"]))
        })
        .collect()
}

fn said_in_csv(file: &str, time: impl Fn(&str) -> i64) -> Said {
    let named = |name: &str| if name.is_empty() { "Unknown".to_owned() } else { name.to_owned() };
    csv(file).into_iter().map(|record| (time(&record[0]), None, named(&record[4]), record[5].clone())).collect()
}

/// Returns the expected bytes of a subtitle file.
fn cues(said: &Said, head: &str, point: char, is_numbered: bool, separator: &str) -> String {
    let time = |ms: i64| {
        let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        format!("{hours:02}:{minutes:02}:{seconds:02}{point}{:03}", ms % 1_000)
    };
    let cues = said.iter().enumerate().map(|(index, (start, end, name, text))| {
        let number = if is_numbered { format!("{}\n", index + 1) } else { String::new() };
        format!("{number}{} --> {}\n{name}: {text}\n{separator}", time(*start), time(end.expect("an end")))
    });
    format!("{head}{}", cues.collect::<String>())
}

#[tokio::test]
async fn every_form_of_a_transcript_says_the_same() {
    let (rig, _) = Rig::of_world(3).await;
    let transcribed = rig.transcribed().await;
    assert!(transcribed.len() > 15, "{} transcripts", transcribed.len());
    for (id, json) in &transcribed {
        let said = said_in_json(json);
        let without_end: Said =
            said.iter().map(|(at, _, name, text)| (*at, None, name.clone(), text.clone())).collect();
        let headerless = rig.file(id, "transcript").await.expect("CSV unless asked otherwise");
        assert_eq!(said_in_csv(&headerless, |ms| ms.parse().expect("milliseconds")), without_end);
        assert!(headerless.starts_with('"') && headerless.ends_with("\"\n"), "all fields are quoted");
        let srt = rig.file(id, "transcript?format=SRT").await.expect("SRT");
        assert_eq!(srt, cues(&said, "", ',', true, "\n"));
        let vtt = rig.file(id, "transcript?format=VTT").await.expect("VTT");
        assert_eq!(vtt, cues(&said, "WEBVTT\n\n", '.', false, "\n").trim_end_matches('\n').to_owned() + "\n");
        // every speaker is a participant, and offsets count from the start of the session
        let list = rig.json(&format!("{RTK}/{id}/participants?per_page=100")).await;
        let peers: Vec<String> =
            list["data"]["participants"].as_array().expect("a list").iter().map(|p| text(&p["id"])).collect();
        assert!(json.as_array().expect("a list").iter().all(|s| peers.contains(&text(&s["peerData"]["id"]))));
    }
    let (id, json) = &transcribed[0];
    let session = rig.json(&format!("{RTK}/{id}")).await;
    let started: DateTime<Utc> = text(&session["data"]["started_at"]).parse().expect("an instant");
    let offsets: Vec<i64> = said_in_json(json).iter().map(|(at, ..)| *at).collect();
    let moved = |by: i64| offsets.iter().map(|at| at + by).collect::<Vec<_>>();
    let times = |said: Said| said.iter().map(|(at, ..)| *at).collect::<Vec<_>>();

    rig.simulator.set_quirks(Quirks { transcript_format: TranscriptFormat::EpochTimes, ..Quirks::default() });
    let epoch = rig.file(id, "transcript?format=JSON").await.expect("a file");
    assert_eq!(times(said_in_json(&serde_json::from_str(&epoch).expect("JSON"))), moved(started.timestamp_millis()));

    rig.simulator.set_quirks(Quirks { transcript_format: TranscriptFormat::AlwaysHeaderCsv, ..Quirks::default() });
    let file = rig.file(id, "transcript?format=JSON").await.expect("a file");
    let (header, records) = file.split_once('\n').expect("a header");
    assert_eq!(header, "Timestamp,Participant ID,User ID,Custom Participant ID,Participant Name,Transcript");
    let epoch = |text: &str| text.parse::<DateTime<Utc>>().expect("ISO").timestamp_millis();
    assert_eq!(times(said_in_csv(records, epoch)), moved(started.timestamp_millis()));

    for (format, begins) in [
        (TranscriptFormat::AlwaysVtt, "WEBVTT\n"),
        (TranscriptFormat::AlwaysSrt, "1\n00:"),
        (TranscriptFormat::AlwaysHeaderlessCsv, "\""),
    ] {
        rig.simulator.set_quirks(Quirks { transcript_format: format, ..Quirks::default() });
        let file = rig.file(id, "transcript?format=JSON").await.expect("a file");
        assert!(file.starts_with(begins), "{format:?}: {file:.20}");
    }
    let longer = TimeDelta::zero();
    rig.simulator.set_quirks(Quirks { transcript_replaced_after: Some(longer), ..Quirks::default() });
    let replaced: Value =
        serde_json::from_str(&rig.file(id, "transcript?format=JSON").await.expect("a file")).expect("JSON");
    assert_eq!(said_in_json(&replaced).len(), offsets.len() + 1);
}

#[tokio::test]
async fn a_chat_comes_as_csv_or_json() {
    let (rig, _) = Rig::of_world(3).await;
    let mut texts = String::new();
    let mut files = 0;
    for session in rig.sessions().await.iter().take(60) {
        let id = text(&session["id"]);
        rig.simulator.set_quirks(Quirks::default());
        let Some(file) = rig.file(&id, "chat").await.filter(|file| !file.is_empty()) else { continue };
        files += 1;
        let mut records = csv(&file);
        let header = records.remove(0).join(", ");
        assert_eq!(
            header,
            "id, participantId, sessionId, meetingId, displayName, pinned, isEdited, payloadType, payload, createdAt"
        );
        assert!(records.iter().all(|record| record.len() == 10 && record[2] == id));
        rig.simulator.set_quirks(Quirks { chat_format: ChatFormat::Json, ..Quirks::default() });
        let json: Value = serde_json::from_str(&rig.file(&id, "chat").await.expect("a file")).expect("JSON");
        let payloads: Vec<String> = json.as_array().expect("a list").iter().map(|m| text(&m["payload"])).collect();
        assert_eq!(payloads, records.iter().map(|record| record[8].clone()).collect::<Vec<_>>());
        rig.simulator.set_quirks(Quirks { chat_bom: true, chat_crlf: true, ..Quirks::default() });
        let odd = rig.file(&id, "chat").await.expect("a file");
        assert!(odd.starts_with("\u{feff}id,") && odd.ends_with("\r\n"));
        texts.push_str(&payloads.concat());
    }
    assert!(files > 20, "{files} files");
    for odd in ["👋", "\n", ",", "\"", "=SUM", "こ", "مرحبا"] {
        assert!(texts.contains(odd), "{odd:?} is never written");
    }
}

/// A reader of every file of every meeting finds the values of `/truth`, and meets all the ways in which a file can be
/// missing.
#[tokio::test]
async fn the_truth_equals_the_content_of_all_files() {
    let (rig, world) = Rig::of_world(3).await;
    rig.simulator.set_quirks(Quirks { calls_per_window: 100_000, ..Quirks::default() });
    let truth = world.truth(noon()).realtimekit;
    assert!(truth.transcripts > Some(20) && truth.summaries > Some(10), "{truth:?}");
    let (mut messages, mut transcripts, mut segments, mut words, mut summaries) = (0, 0, 0, 0, 0);
    let (mut missing, mut without_link, mut zero_bytes) = (0, 0, 0);
    for session in rig.sessions().await {
        let path = format!("{RTK}/{}/transcript", text(&session["id"]));
        let is_young = text(&session["created_at"]).as_str() > "2026-02-26" && session["status"] == "ENDED";
        missing += u32::from(rig.status(&path).await == 404 && is_young);
        let id = text(&session["id"]);
        match rig.file(&id, "transcript?format=JSON").await {
            Some(file) if file.is_empty() => zero_bytes += 1,
            Some(file) => {
                let said = said_in_json(&serde_json::from_str(&file).expect("JSON"));
                transcripts += 1;
                segments += said.len() as u64;
                words += said.iter().map(|(.., text)| text.unicode_words().count() as u64).sum::<u64>();
            }
            None => without_link += u32::from(rig.status(&path).await == 200),
        }
        summaries += u64::from(rig.file(&id, "summary").await.is_some_and(|file| !file.is_empty()));
        let chat = rig.file(&id, "chat").await.unwrap_or_default();
        messages += csv(&chat).len().saturating_sub(1) as u64;
    }
    assert_eq!(
        [Some(messages), Some(transcripts), Some(segments), Some(words), Some(summaries)],
        [truth.chat_messages, truth.transcripts, truth.transcript_segments, truth.transcript_words, truth.summaries]
    );
    println!("{truth:?}; {missing} missing, {without_link} without link, {zero_bytes} zero bytes");
    assert!(missing > 0 && without_link > 0 && zero_bytes > 0);
    let told: Value = rig
        .http
        .get(format!("{}/truth", rig.simulator.base_url()))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(told["transcript_words"], json!(words));
}
