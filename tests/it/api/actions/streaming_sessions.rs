//! `/v1/sources/{slug}/streaming-sessions`: a session is started once, and its settings join the polled session.

use serde_json::{Value, json};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::scripted_provider::{Reply, Stage, answer, says, until};
use super::{LAUNCH, SECRETS, SUMMARY, assert_discreet, handed_over, whole_body};
use crate::harness::logs::Logs;
use crate::harness::{World, plain_feed};

#[tokio::test]
async fn a_session_is_started_and_handed_over_once() {
    let (logs, _guard) = Logs::caught();
    let stage = Stage::new(says(200, handed_over())).await;
    let first = stage.launch("key-1", &whole_body()).await;
    assert_eq!(first.status, 201, "{:#}", first.json);
    assert_eq!(first.headers["cache-control"], "no-store");
    assert_eq!(first.json["access"]["url"], SECRETS[0]);
    assert_eq!(first.json["access"]["access_token"], SECRETS[1]);
    assert_eq!(first.json["access"]["livekit_agent_token"], SECRETS[2]);
    assert_eq!(first.json["access"]["realtime_endpoint"], SECRETS[3]);
    assert_eq!(first.json["provider_session_id"], "session-1");
    assert_eq!((&first.json["tokens_already_given"], &first.json["is_recorded"]), (&json!(false), &json!(true)));
    let calls = stage.provider.calls();
    assert_eq!((calls.len(), calls[0].line.as_str()), (1, "POST /v1/streaming/new"));
    assert_eq!(calls[0].body, whole_body(), "it is passed on as it is");

    let again = stage.launch("key-1", &whole_body()).await;
    assert_eq!((again.status, &again.json["access"]), (201, &json!(null)));
    assert_eq!(again.json["tokens_already_given"], true);
    assert_eq!(again.json["provider_session_id"], "session-1");
    assert_eq!((&again.json["session_duration_limit_seconds"], &again.json["is_paid"]), (&json!(600), &json!(false)));
    assert_eq!(stage.provider.calls().len(), 1);

    let line = stage.newest().await;
    assert_eq!((&line["kind"], &line["state"]), (&json!("start_streaming_session"), &json!("succeeded")));
    assert!(line["requested_by"].as_str().is_some_and(|who| who.starts_with("127.0.0.1:")), "{line:#}");
    assert_eq!(line["started_at"], "2026-03-10T12:00:00Z");
    assert_eq!(line["request_id"].as_str(), first.headers["request-id"].to_str().ok());
    assert_eq!(line["session_id"], json!(null), "it was not polled yet");

    let dump = stage.dump().await;
    assert!(dump.contains("session-1") && dump.contains("Anna"), "the dump holds the tables");
    assert_discreet(&dump, "the database");
    assert_discreet(&line.to_string(), "the journal");
    let logs = logs.text();
    assert!(logs.contains("start_streaming_session"), "the call is logged");
    assert_discreet(&logs, "the logs");
}

#[tokio::test]
async fn the_settings_of_a_launch_are_kept_and_join_the_polled_session() {
    let stage = Stage::new(says(200, handed_over())).await;
    assert_eq!(stage.launch("", &whole_body()).await.status, 201);
    let launch = "select concat_ws(' ', session_id::text, quality, avatar_id, voice_id, voice_rate, voice_emotion,
                         stt_provider, stt_confidence, video_encoding, version, has_knowledge_base, knowledge_base_id,
                         disable_idle_timeout, activity_idle_timeout_seconds, session_duration_limit_seconds, is_paid)
                    from analytics.session_launches where source = 'konpro' and provider_session_id = 'session-1'";
    let settings = "high Anna v-1 1.25 Excited deepgram 0.55 H264 v1 t kb-1 f 30 600 f";
    assert_eq!(stage.text(launch).await, settings);
    let polled =
        "insert into core.sessions (session_id, created_at, started_at, first_seen_at, last_changed_at, source_id,
                     provider, session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash)
                  select 21, '2026-03-10 12:00Z', '2026-03-10 12:00Z', '2026-03-10 12:05Z', '2026-03-10 12:05Z',
                     source_id, 'konpro', 'avatar', 'live', 'not_applicable', 'session-1', '', ''
                    from core.sources where source_slug = 'konpro'";
    sqlx::query(polled).execute(&stage.db.pool).await.expect("a session");
    assert_eq!(stage.text(launch).await, format!("21 {settings}"));
    assert_eq!(stage.newest().await["session_id"], 21);

    // what was not requested and not returned stays unknown
    let bare = json!({"data": {"session_id": "session-2", "url": "wss://x"}});
    stage.provider.will(says(200, bare));
    assert_eq!(stage.launch("", &json!({})).await.json["is_paid"], json!(null));
    let unknown = "select num_nulls(quality, avatar_id, voice_id, voice_rate, stt_confidence, disable_idle_timeout,
                                    session_duration_limit_seconds, is_paid)::text
                     from analytics.session_launches where provider_session_id = 'session-2' and not has_knowledge_base";
    assert_eq!(stage.text(unknown).await, "8");
}

#[tokio::test]
async fn nothing_is_started_unless_actions_are_enabled() {
    for actions in ["", "[sources.actions]\nenabled = false\n"] {
        let stage = Stage::with(actions, says(200, handed_over())).await;
        for path in [LAUNCH, SUMMARY] {
            let refused = stage.post(path, &[], &json!({})).await;
            assert_eq!((refused.status, &refused.json["code"]), (403, &json!("actions_disabled")), "{path}");
            assert_eq!(refused.headers["content-type"], "application/problem+json");
        }
        assert!(stage.provider.calls().is_empty());
        assert!(stage.journal().await.is_empty());
    }
}

#[tokio::test]
async fn reasons_why_an_action_cannot_be_started_are_distinguished() {
    let stage = Stage::new(says(200, handed_over())).await;
    for (path, status, code) in [
        ("/v1/sources/nobody/streaming-sessions", 404, "not_found"),
        ("/v1/sources/konvo/streaming-sessions", 409, "not_offered"),
        ("/v1/sources/rtk/streaming-sessions", 409, "not_offered"),
        ("/v1/sessions/99/summary", 404, "not_found"),
        ("/v1/sessions/x/summary", 422, "invalid_query"),
        ("/v1/sessions/12/summary", 409, "session_not_ended"),
        ("/v1/sessions/31/summary", 409, "not_offered"),
        ("/v1/sessions/11/summary?force=true", 422, "invalid_query"),
    ] {
        let refused = stage.post(path, &[], &json!({})).await;
        assert_eq!((refused.status, &refused.json["code"]), (status, &json!(code)), "{path}: {:#}", refused.json);
    }
    assert_eq!(stage.post(SUMMARY, &[], &json!({"now": true})).await.json["code"], "invalid_body");
    assert!(stage.provider.calls().is_empty() && stage.journal().await.is_empty());
}

#[tokio::test]
async fn web_pages_of_others_start_nothing() {
    let stage = Stage::new(says(200, handed_over())).await;
    let own = stage.address("");
    let other_port = "http://127.0.0.1:1";
    for (headers, status) in [
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", other_port)], 403),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        // a name that resolves to this machine
        (
            vec![("origin", "http://evil.example:80"), ("host", "evil.example:80"), ("sec-fetch-site", "same-origin")],
            421,
        ),
        (vec![("content-type", "text/plain")], 415),
        (vec![("content-type", "application/x-www-form-urlencoded")], 415),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")], 201),
        (vec![("content-type", "application/json; charset=utf-8")], 201),
    ] {
        let mut request = stage.request(LAUNCH, &[], &json!({})).build().expect("a request");
        for (name, value) in &headers {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        let answered = stage.http.execute(request).await.expect("an answer");
        assert_eq!(answered.status().as_u16(), status, "{headers:?}");
    }
    assert_eq!(stage.provider.calls().len(), 2);
}

#[tokio::test]
async fn a_caller_who_disconnects_does_not_undo_a_started_action() {
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let stage = Stage::new(Reply::Waits(go.clone(), handed_over().to_string())).await;
    let request = stage.request(LAUNCH, &[("idempotency-key", "left")], &json!({}));
    let left = tokio::spawn(answer(request));
    stage.provider.was_called(1).await;
    left.abort();
    assert_eq!(stage.newest().await["state"], "started");
    go.notify_one();
    until(async || stage.newest().await["state"] != "started").await;
    let again = stage.launch("left", &json!({})).await;
    assert_eq!((again.status, &again.json["provider_session_id"]), (201, &json!("session-1")));
    assert_eq!(stage.provider.calls().len(), 1);
}

/// Two avatar sessions of ninety seconds; one of them was started through the service.
#[tokio::test]
async fn launch_settings_are_dimensions_of_metrics() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 2), Quirks::default()).await;
    let _chats = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 0), Quirks::default()).await;
    world.poll().await;
    sqlx::query(
        "insert into core.session_launches (source_id, provider_session_id, launched_at, quality, voice_id, stt_provider,
                activity_idle_timeout_seconds, session_duration_limit_seconds, has_knowledge_base)
         select source_id, provider_session_id, started_at, 'high', 'anna', 'deepgram', 120, 600, false
           from core.sessions where provider_session_id = 'konpro-00001'",
    )
    .execute(&world.db.pool)
    .await
    .expect("a launch");
    let api = world.api().await;
    for (dimension, value) in [
        ("launch_quality", "high"),
        ("launch_voice", "anna"),
        ("launch_stt_provider", "deepgram"),
        ("launch_idle_timeout_seconds", "120"),
        ("launch_duration_limit_seconds", "600"),
    ] {
        let answer = api
            .ok(&format!(
                "/v1/metrics/query?metrics=sessions,minutes_consumed,resolution_rate&dimensions={dimension}&range=last_7_days&granularity=none"
            ))
            .await;
        let groups: Vec<(&Value, String, String)> = answer["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| {
                let figure = |metric: &str| row["values"][metric]["value"].to_string();
                (&row["dimensions"][dimension], figure("sessions"), figure("minutes_consumed"))
            })
            .collect();
        let (one, minutes) = ("1".to_owned(), "1.5".to_owned());
        let expected = [(&json!(value), one.clone(), minutes.clone()), (&Value::Null, one, minutes)];
        assert_eq!(groups, expected, "{dimension}");
        // chats cannot be launched, so this group does not wait for outcomes
        assert_eq!(answer["rows"][0]["values"]["resolution_rate"]["reason"], "not_applicable");
    }
}
