//! The artifacts of one meeting in the simulated RealtimeKit, and KonPro's call that starts a session.

use std::collections::BTreeMap;

use serde_json::json;
use tributary::demo::simulator::feed::{Depth, FixedFile};
use tributary::demo::simulator::quirks::{ChatFormat, ParticipantsPaging, PeerReport, TranscriptFormat};
use tributary::model::message::word_count;

use super::*;

/// The utterances: start, end where stated, name, text.
type Said = Vec<(i64, Option<i64>, String, String)>;

impl Rig {
    async fn of_world(seed: u64) -> (Self, World) {
        let world = World::generate(&Shape::default(), seed, noon());
        (Self::new(Platform::Realtimekit, world.feed(Platform::Realtimekit)).await, world)
    }

    async fn status(&self, path: &str) -> u16 {
        self.send(path).await.expect("an answer").status().as_u16()
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.simulator.base_url())).bearer_auth("good");
        let answer = request.header("x-api-key", "good").body(body.to_string()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Returns the link of a file, if there is one.
    async fn link(&self, id: &str, file: &str) -> Option<String> {
        let answer = self.send(&format!("{RTK}/{id}/{file}")).await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        let data = body.get("data")?.as_object()?;
        let link = data.iter().find(|(name, _)| name.to_lowercase().replace('_', "").ends_with("downloadurl"));
        link.expect("a member for the link").1.as_str().map(str::to_owned)
    }

    /// Returns status and body at the file host, without a key.
    async fn fetch(&self, link: &str) -> (u16, String) {
        let answer = self.http.get(link).send().await.expect("an answer");
        let status = answer.status().as_u16();
        // not `text()`, which would drop a byte order mark
        (status, String::from_utf8(answer.bytes().await.expect("a body").to_vec()).expect("UTF-8"))
    }

    async fn file(&self, id: &str, file: &str) -> Option<String> {
        let (status, body) = self.fetch(&self.link(id, file).await?).await;
        assert_eq!(status, 200, "{body}");
        Some(body)
    }

    /// Returns all sessions, newest first.
    async fn sessions(&self) -> Vec<Value> {
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
    async fn transcribed(&self) -> Vec<(String, Value)> {
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

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

fn text(value: &Value) -> String {
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
async fn a_chat_is_told_in_csv_or_json() {
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

#[tokio::test]
async fn participants_explain_the_minutes_but_for_a_few_meetings() {
    let (rig, world) = Rig::of_world(3).await;
    let (mut unexplained, mut rejoined, mut people, mut minutes, mut live) = (0, 0, 0_u64, 0.0, 0);
    let sessions = rig.sessions().await;
    for session in &sessions {
        let list = rig.json(&format!("{RTK}/{}/participants?per_page=100", text(&session["id"]))).await;
        let participants = list["data"]["participants"].as_array().expect("a list");
        let sum: f64 = participants.iter().map(|p| number(&p["duration"])).sum();
        let users: std::collections::BTreeSet<String> = participants.iter().map(|p| text(&p["user_id"])).collect();
        rejoined += participants.len() - users.len();
        people += participants.len() as u64;
        minutes += sum;
        if session["status"] == "LIVE" {
            live += participants.iter().filter(|p| p["left_at"].is_null() && p["duration"] == 0).count();
        } else {
            let gap = number(&session["minutes_consumed"]) - sum;
            assert!(gap > -0.01, "more explained than metered: {gap}");
            unexplained += usize::from(gap > 0.01);
        }
    }
    println!("{} sessions, {people} presences, {rejoined} rejoined, {unexplained} unexplained", sessions.len());
    assert!((1..sessions.len() / 30).contains(&unexplained) && live > 0);
    let share = rejoined * 100 / usize::try_from(people).expect("some");
    assert!((3..13).contains(&share), "{share} %");
    let truth = world.truth(noon()).realtimekit;
    assert_eq!(truth.participants, Some(people));
    let told: f64 = truth.participant_minutes.expect("told").to_string().parse().expect("a number");
    assert!((told - minutes).abs() < 0.001, "{told} {minutes}");
}

#[tokio::test]
async fn the_list_of_participants_has_pages_orders_and_events() {
    let (rig, _) = Rig::of_world(3).await;
    let sessions = rig.sessions().await;
    let crowded = sessions.iter().max_by_key(|s| s["max_concurrent_participants"].as_u64()).expect("one");
    let path = format!("{RTK}/{}/participants", text(&crowded["id"]));
    let all = rig.json(&format!("{path}?per_page=100&sort_by=joinedAt&sort_order=ASC")).await["data"].clone();
    let total = all["participants"].as_array().expect("a list").len();
    assert!(total > 8 && all["paging"] == json!({"total_count": total, "start_offset": 1, "end_offset": total}));
    for (first_page, paging) in
        [(1, ParticipantsPaging::InsideData), (0, ParticipantsPaging::BesideData), (1, ParticipantsPaging::Absent)]
    {
        rig.simulator.set_quirks(Quirks { first_page, participants_paging: paging, ..Quirks::default() });
        let second = rig.json(&format!("{path}?per_page=3&page_no={}&sort_by=joinedAt", first_page + 1)).await;
        assert_eq!(second["data"]["participants"][0]["id"], all["participants"][3]["id"]);
        let place = match paging {
            ParticipantsPaging::InsideData => &second["data"]["paging"],
            ParticipantsPaging::BesideData => &second["paging"],
            ParticipantsPaging::Absent => {
                assert!(second.get("paging").is_none() && second["data"].get("paging").is_none());
                continue;
            }
        };
        assert_eq!(place["start_offset"], 4);
    }
    rig.simulator.set_quirks(Quirks::default());
    let longest = rig.json(&format!("{path}?per_page=1&sort_by=duration&sort_order=DESC")).await;
    let longest = &longest["data"]["participants"][0];
    let most =
        all["participants"].as_array().expect("a list").iter().map(|p| number(&p["duration"])).fold(0.0, f64::max);
    assert!((number(&longest["duration"]) - most).abs() < 1e-9 && longest.get("peer_events").is_none());
    let one = rig.json(&format!("{path}/{}?include_peer_events=true", text(&longest["id"]))).await;
    let one = &one["data"]["participant"];
    assert_eq!(
        (&one["joined_at"], &one["peer_events"][1]["event_name"]),
        (&longest["joined_at"], &"PEER_JOINING".into())
    );
    assert_eq!(rig.status(&format!("{path}/nobody")).await, 404);
    assert_eq!(rig.status(&format!("{path}?sort_by=name")).await, 400);
    assert_eq!(rig.status(&format!("{RTK}/nothing/participants")).await, 404);
}

#[tokio::test]
async fn files_come_after_the_end_and_vanish_a_week_later() {
    let (rig, _) = Rig::of_world(3).await;
    let live = rig.sessions().await.into_iter().filter(|session| session["status"] == "LIVE");
    let live: Vec<String> = live.map(|session| text(&session["id"])).collect();
    assert!(live.len() > 2);
    let mut seen = BTreeMap::new();
    for minutes in (0..360).step_by(6) {
        rig.clock.set(noon() + TimeDelta::minutes(minutes));
        for id in &live {
            let ended_at = rig.json(&format!("{RTK}/{id}")).await["data"]["ended_at"].clone();
            if let Some(link) = rig.link(id, "transcript").await {
                let ended_at: DateTime<Utc> = text(&ended_at).parse().expect("only ended meetings have files");
                seen.entry(id.clone()).or_insert((minutes, ended_at, link));
            }
        }
    }
    let (id, (minutes, ended_at, link)) = seen.into_iter().next().expect("one of them is transcribed");
    assert!(minutes > 0);
    assert_eq!(rig.fetch(&link).await.0, 403, "its link has expired meanwhile");
    rig.clock.set(ended_at + TimeDelta::days(7) - TimeDelta::seconds(1));
    let last = rig.link(&id, "transcript").await.expect("still there");
    assert_eq!(rig.fetch(&last).await.0, 200);
    rig.clock.set(ended_at + TimeDelta::days(7));
    assert_eq!(rig.link(&id, "transcript").await, None);
    let (status, body) = rig.fetch(&last).await;
    assert_eq!((status, body.contains("NoSuchKey")), (404, true), "a link outlives its file");
    rig.clock.set(noon() + TimeDelta::minutes(360));
    let at_once = TimeDelta::zero();
    rig.simulator.set_quirks(Quirks { files_ready_after: Some(at_once), ..Quirks::default() });
    assert!(rig.link(&id, "transcript").await.is_some());
}

#[tokio::test]
async fn links_need_no_key_and_expire() {
    let (rig, _) = Rig::of_world(3).await;
    let (id, _) = rig.transcribed().await.remove(0);
    let answer = rig.json(&format!("{RTK}/{id}/transcript?format=JSON")).await["data"].clone();
    assert_eq!(answer["sessionId"], id.as_str());
    assert_eq!(answer["transcript_download_url_expiry"], "2026-03-04T12:05:00.000Z");
    let link = text(&answer["transcript_download_url"]);
    let host = format!("http://{}/", rig.simulator.files_address().expect("a host of files"));
    assert!(link.starts_with(&host) && !host.starts_with(&rig.simulator.base_url()));
    rig.clock.set(noon() + TimeDelta::seconds(299));
    assert_eq!(rig.fetch(&link).await.0, 200);
    let (status, body) = rig.fetch(&link.replace("JSON", "SRT")).await;
    assert_eq!((status, body.contains("SignatureDoesNotMatch")), (403, true));
    rig.clock.set(noon() + TimeDelta::seconds(300));
    let (status, body) = rig.fetch(&link).await;
    assert_eq!((status, body.contains("Request has expired"), body.starts_with("<?xml")), (403, true, true));
    let with_key = rig.http.get(&link).bearer_auth("good").header("x-odd", "1").send().await.expect("an answer");
    assert_eq!(with_key.status().as_u16(), 403);
    let requests = rig.simulator.file_requests();
    let has = |request: &tributary::demo::simulator::RequestRecord, name: &str| {
        request.headers.iter().any(|(given, _)| given == name)
    };
    let (last, others) = requests.split_last().expect("requests");
    assert!(has(last, "authorization") && has(last, "x-odd"), "what is sent along is seen");
    assert!(others.iter().all(|request| !has(request, "authorization") && !has(request, "x-api-key")));
    rig.simulator.set_quirks(Quirks { link_lifetime_seconds: -60, ..Quirks::default() });
    let dead = rig.link(&id, "chat").await;
    if let Some(dead) = dead {
        assert_eq!(rig.fetch(&dead).await.0, 403);
    }
}

/// A reader of every file of every meeting finds the values of `/truth`, and meets all the ways in which a file can be
/// missing.
#[tokio::test]
async fn the_truth_is_what_a_reader_of_all_files_finds() {
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
                words += said.iter().map(|(.., text)| u64::try_from(word_count(text)).expect("a count")).sum::<u64>();
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

#[tokio::test]
async fn a_summary_can_be_asked_for() {
    let (rig, world) = Rig::of_world(3).await;
    let mut asked = None;
    for (id, _) in rig.transcribed().await {
        if rig.link(&id, "summary").await.is_none() {
            asked = Some(id);
            break;
        }
    }
    let id = asked.expect("not all transcribed meetings are summarized");
    let path = format!("{RTK}/{id}/summary");
    let before = world.truth(noon() + TimeDelta::minutes(2)).realtimekit.summaries;
    assert_eq!(
        rig.post(&path, &json!({})).await,
        (200, json!({"success": true, "data": {"session_id": id, "status": "QUEUED"}}))
    );
    assert_eq!(rig.link(&id, "summary").await, None, "it takes a while");
    rig.clock.set(noon() + TimeDelta::minutes(2));
    let summary = rig.file(&id, "summary").await.expect("made");
    assert!(summary.contains("unblock the rollout"), "{summary}");
    assert_eq!(world.truth(rig.clock_now()).realtimekit.summaries, before.map(|count| count + 1));
    let live = rig.sessions().await.into_iter().find(|session| session["status"] == "LIVE").expect("one");
    assert_eq!(rig.post(&format!("{RTK}/{}/summary", text(&live["id"])), &json!({})).await.0, 400);
    assert_eq!(rig.post(RTK, &json!({})).await.0, 405);
}

#[tokio::test]
async fn reports_come_in_two_shapes() {
    let (rig, _) = Rig::of_world(3).await;
    let (mut measured, mut unmeasured, mut worst) = (0, 0, 5.0_f64);
    for session in rig.sessions().await.iter().filter(|session| session["status"] == "ENDED").take(40) {
        let list = rig.json(&format!("{RTK}/{}/participants?per_page=100", text(&session["id"]))).await;
        for participant in list["data"]["participants"].as_array().expect("a list") {
            let path = format!("{RTK}/peer-report/{}", text(&participant["id"]));
            rig.simulator.set_quirks(Quirks::default());
            let nested = rig.json(&path).await["data"]["participant"].clone();
            assert_eq!((&nested["session_id"], &nested["role"]), (&session["id"], &participant["preset_name"]));
            rig.simulator.set_quirks(Quirks { peer_report: PeerReport::Flat, ..Quirks::default() });
            let flat = rig.json(&path).await["data"].clone();
            assert_eq!((&flat["id"], &flat["peer_report"]), (&participant["id"], &nested["peer_report"]));
            assert_eq!((&flat["preset_name"], flat.get("role")), (&participant["preset_name"], None));
            let sent = &nested["peer_report"]["quality"]["audio_producer_cumulative"];
            if let Some(mos) = sent["quality_mos"]["avg"].as_f64() {
                measured += 1;
                worst = worst.min(mos);
            } else {
                unmeasured += 1;
                assert_eq!(nested["peer_report"], json!({}));
            }
        }
    }
    assert!(measured > 60 && unmeasured > 5 && worst < 3.2, "{measured} {unmeasured} {worst}");
    assert_eq!(rig.status(&format!("{RTK}/peer-report/00000000-0000-4000-8000-000000000000")).await, 404);
    assert_eq!(rig.status(&format!("{RTK}/peer-report/x?filters=quality_stats,events")).await, 400);
}

#[tokio::test]
async fn what_is_behind_a_session_can_be_given_to_the_letter() {
    let feed = FixedFeed::new([]).with_depth(
        "s0",
        Depth {
            participants: vec![r#"{"id":"p1","joined_at":"x\""}"#.to_owned(), "7".to_owned()],
            chat: FixedFile::ready("id\n"),
            transcript: FixedFile::ready_from(noon() + TimeDelta::minutes(3), "\"1000\""),
            summary: FixedFile::NoLink,
            summary_on_request: Some(FixedFile::ready("made")),
            peer_reports: BTreeMap::from([("p1".to_owned(), r#"{"n":1e400}"#.to_owned())]),
        },
    );
    for number in 0..2 {
        let (id, json) = (format!("s{number}"), format!(r#"{{"id":"s{number}"}}"#));
        feed.insert(FixedRecord { id, created_at: noon(), updated_at: noon(), json });
    }
    let feed = Arc::new(feed);
    let rig = Rig::new(Platform::Realtimekit, feed.clone()).await;
    let list = rig.send(&format!("{RTK}/s0/participants")).await.expect("an answer").text().await.expect("text");
    assert_eq!(
        list,
        r#"{"success":true,"data":{"participants":[{"id":"p1","joined_at":"x\""},7],"paging":{"total_count":2,"start_offset":1,"end_offset":2}}}"#
    );
    let report = rig.send(&format!("{RTK}/peer-report/p1")).await.expect("an answer").text().await.expect("text");
    assert_eq!(report, r#"{"success":true,"data":{"n":1e400}}"#);
    assert_eq!(rig.file("s0", "chat").await.as_deref(), Some("id\n"));
    assert_eq!(rig.status(&format!("{RTK}/s0/transcript")).await, 404);
    rig.clock.set(noon() + TimeDelta::minutes(3));
    assert_eq!(rig.file("s0", "transcript").await.as_deref(), Some("\"1000\""));
    assert_eq!((rig.status(&format!("{RTK}/s0/summary")).await, rig.link("s0", "summary").await), (200, None));
    assert_eq!(rig.post(&format!("{RTK}/s0/summary"), &json!({})).await.0, 200);
    assert_eq!(rig.file("s0", "summary").await.as_deref(), Some("made"));
    feed.edit_depth("s0", |depth| depth.chat = FixedFile::Absent);
    assert_eq!(rig.status(&format!("{RTK}/s0/chat")).await, 404);
    // no content
    let empty = rig.json(&format!("{RTK}/s1/participants")).await;
    assert_eq!(
        empty["data"],
        json!({"participants": [], "paging": {"total_count": 0, "start_offset": 0, "end_offset": 0}})
    );
    assert_eq!(rig.status(&format!("{RTK}/s1/chat")).await, 404);
    assert_eq!(rig.post(&format!("{RTK}/s1/summary"), &json!({})).await.0, 400);
    assert_eq!(rig.status(&format!("{RTK}/s2/chat")).await, 404);
}

#[tokio::test]
async fn accidents_of_files_have_a_script_of_their_own() {
    let (content, slow) = ("0123456789".repeat(3), Duration::from_millis(30));
    let file = FixedFile::ready(content.clone());
    let depth = Depth { chat: file.clone(), transcript: file, ..Depth::default() };
    let rig = Rig::new(
        Platform::Realtimekit,
        Arc::new({
            let feed = FixedFeed::new([]).with_depth("s0", depth);
            feed.insert(FixedRecord { id: "s0".into(), created_at: noon(), updated_at: noon(), json: "{}".into() });
            feed
        }),
    )
    .await;
    rig.simulator.file_script(vec![
        Fault::new(Effect::CutBody),
        Fault::new(Effect::CutBodyOfUnknownLength).from_request(2),
        Fault::new(Effect::ShortBody).from_request(3),
        Fault::new(Effect::forbidden_xml()).from_request(4),
        Fault::new(Effect::zero_bytes()).from_request(5),
        Fault::new(Effect::redirect("http://127.0.0.1:1/")).from_request(6),
        Fault::new(Effect::OversizedBody { bytes: 1_000_000 }).from_request(7),
        Fault::new(Effect::SlowDrip { piece_bytes: 10, pause: slow }).from_request(8),
        Fault::new(Effect::zero_bytes()).only("/transcript").from_request(9),
    ]);
    let (chat, transcript) = (rig.link("s0", "chat").await.expect("a link"), rig.link("s0", "transcript").await);
    for is_announced in [true, false] {
        let cut = rig.http.get(&chat).send().await.expect("the head of an answer");
        assert_eq!((cut.status().as_u16(), cut.content_length().is_some()), (200, is_announced));
        cut.bytes().await.expect_err("the body breaks off");
    }
    assert_eq!(rig.fetch(&chat).await, (200, content[..15].to_owned()));
    assert_eq!(rig.fetch(&chat).await.0, 403);
    assert_eq!(rig.fetch(&chat).await, (200, String::new()));
    let redirected = rig.http.get(&chat).send().await.expect("an answer");
    assert_eq!(
        (redirected.status().as_u16(), &redirected.headers()["location"]),
        (302, &"http://127.0.0.1:1/".parse().expect("a header"))
    );
    assert!(rig.fetch(&chat).await.1.len() > 1_000_000);
    let began = Instant::now();
    assert_eq!(rig.fetch(&chat).await, (200, content.clone()));
    assert!(began.elapsed() >= slow * 3);
    assert_eq!(rig.fetch(&chat).await, (200, content));
    assert_eq!(rig.fetch(&transcript.expect("a link")).await, (200, String::new()));
    assert_eq!((rig.simulator.file_requests().len(), rig.simulator.requests().len()), (10, 2));
}

#[tokio::test]
async fn the_window_of_calls_can_be_short() {
    let rig = Rig::new(Platform::Realtimekit, numbered(1)).await;
    rig.simulator.set_quirks(Quirks { calls_per_window: 2, calls_window_seconds: 10, ..Quirks::default() });
    let first = rig.send(RTK).await.expect("an answer");
    assert_eq!(first.headers()["ratelimit"], "\"default\";r=1;t=10");
    assert_eq!(first.headers()["ratelimit-policy"], "\"default\";q=2;w=10");
    assert_eq!((rig.status(RTK).await, rig.status(RTK).await), (200, 429));
    rig.clock.set(noon() + TimeDelta::seconds(10));
    assert_eq!(rig.status(RTK).await, 200);
}

#[tokio::test]
async fn konpro_starts_a_session_and_lists_it() {
    let world = World::generate(&Shape::default(), 3, noon());
    let rig = Rig::new(Platform::Konpro, world.feed(Platform::Konpro)).await;
    let path = "/v1/streaming/new";
    let before = world.truth(noon()).konpro.sessions;
    let body = json!({"quality": "high", "avatar_id": "Anna", "voice": {"voice_id": "Warm", "rate": 1.1}, "activity_idle_timeout": 60});
    let (status, answer) = rig.post(path, &body).await;
    assert_eq!((status, &answer["code"], &answer["data"]["session_duration_limit"]), (200, &100.into(), &600.into()));
    assert!(text(&answer["data"]["access_token"]).starts_with("simulated-token-"));
    assert_eq!(rig.simulator.requests()[0].body, body.to_string());
    let list = rig.json("/v1/streaming/sessions?page=1&page_size=1").await;
    let listed = &list["data"][0];
    assert_eq!(listed["session_id"], answer["data"]["session_id"]);
    assert_eq!(
        (&listed["status"], &listed["avatar_id"], &listed["voice_name"]),
        (&"new".into(), &"Anna".into(), &"Warm".into())
    );
    rig.clock.set(noon() + TimeDelta::minutes(5));
    let list = rig.json("/v1/streaming/sessions?page=1&page_size=100").await;
    let later =
        list["data"].as_array().expect("a list").iter().find(|s| s["session_id"] == answer["data"]["session_id"]);
    let later = later.expect("still listed");
    assert_eq!((&later["status"], &later["duration"]), (&"connected".into(), &60.into()), "no user talked to it");
    assert_eq!(world.truth(noon()).konpro.sessions, before + 1);
    for wrong in [
        json!({"quality": "best"}),
        json!({"activity_idle_timeout": 29}),
        json!({"stt_settings": {"confidence": 2}}),
        json!({"voice": "Warm"}),
        json!([]),
    ] {
        let (status, answer) = rig.post(path, &wrong).await;
        assert_eq!((status, &answer["detail"][0]["loc"][0]), (422, &"body".into()), "{wrong}");
    }
    assert_eq!(rig.status(path).await, 405);
    assert_eq!(rig.post("/v1/streaming/sessions", &json!({})).await.0, 405);
}
