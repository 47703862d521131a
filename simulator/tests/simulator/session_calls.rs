//! Calls about one session to the simulated providers: participants, reports, summaries, and KonPro's start of one.

use std::collections::BTreeMap;

use serde_json::json;
use tributary_simulator::fixed_feed::{Depth, FixedFile};
use tributary_simulator::quirks::{ParticipantsPaging, PeerReport};

use super::meeting_files::{number, text};
use super::*;

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
    assert_eq!(rig.status(&format!("{path}/unknown")).await, 404);
    assert_eq!(rig.status(&format!("{path}?sort_by=name")).await, 400);
    assert_eq!(rig.status(&format!("{RTK}/nothing/participants")).await, 404);
}

#[tokio::test]
async fn a_summary_can_be_requested() {
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
    rig.set_clock(noon() + TimeDelta::minutes(2));
    let summary = rig.file(&id, "summary").await.expect("made");
    assert!(summary.contains("unblock the rollout"), "{summary}");
    assert_eq!(world.truth(noon() + TimeDelta::minutes(2)).realtimekit.summaries, before.map(|count| count + 1));
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
async fn artifacts_of_a_session_can_be_given_to_the_letter() {
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
    rig.set_clock(noon() + TimeDelta::minutes(3));
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
async fn the_window_of_calls_can_be_short() {
    let rig = Rig::new(Platform::Realtimekit, numbered(1)).await;
    rig.simulator.set_quirks(Quirks { calls_per_window: 2, calls_window_seconds: 10, ..Quirks::default() });
    let first = rig.send(RTK).await.expect("an answer");
    assert_eq!(first.headers()["ratelimit"], "\"default\";r=1;t=10");
    assert_eq!(first.headers()["ratelimit-policy"], "\"default\";q=2;w=10");
    assert_eq!((rig.status(RTK).await, rig.status(RTK).await), (200, 429));
    rig.set_clock(noon() + TimeDelta::seconds(10));
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
    rig.set_clock(noon() + TimeDelta::minutes(5));
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
