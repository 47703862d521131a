//! Links to files of the simulated RealtimeKit: they need no key, expire, vanish, and fail as scripted.

use std::collections::BTreeMap;

use tributary_simulator::fixed_feed::{Depth, FixedFile};

use super::meeting_files::text;
use super::*;

#[tokio::test]
async fn files_come_after_the_end_and_vanish_a_week_later() {
    let (rig, _) = Rig::of_world(3).await;
    let live = rig.sessions().await.into_iter().filter(|session| session["status"] == "LIVE");
    let live: Vec<String> = live.map(|session| text(&session["id"])).collect();
    assert!(live.len() > 2);
    let mut seen = BTreeMap::new();
    for minutes in (0..360).step_by(6) {
        rig.set_clock(noon() + TimeDelta::minutes(minutes));
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
    rig.set_clock(ended_at + TimeDelta::days(7) - TimeDelta::seconds(1));
    let last = rig.link(&id, "transcript").await.expect("still there");
    assert_eq!(rig.fetch(&last).await.0, 200);
    rig.set_clock(ended_at + TimeDelta::days(7));
    assert_eq!(rig.link(&id, "transcript").await, None);
    let (status, body) = rig.fetch(&last).await;
    assert_eq!((status, body.contains("NoSuchKey")), (404, true), "a link outlives its file");
    rig.set_clock(noon() + TimeDelta::minutes(360));
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
    rig.set_clock(noon() + TimeDelta::seconds(299));
    assert_eq!(rig.fetch(&link).await.0, 200);
    let (status, body) = rig.fetch(&link.replace("JSON", "SRT")).await;
    assert_eq!((status, body.contains("SignatureDoesNotMatch")), (403, true));
    rig.set_clock(noon() + TimeDelta::seconds(300));
    let (status, body) = rig.fetch(&link).await;
    assert_eq!((status, body.contains("Request has expired"), body.starts_with("<?xml")), (403, true, true));
    let with_key = rig.http.get(&link).bearer_auth("good").header("x-odd", "1").send().await.expect("an answer");
    assert_eq!(with_key.status().as_u16(), 403);
    let requests = rig.simulator.file_requests();
    let has = |request: &tributary_simulator::RequestRecord, name: &str| {
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
