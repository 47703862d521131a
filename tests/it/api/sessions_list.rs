//! `/v1/sessions`: pages without loss or repeat, filters and cursors.

use super::*;

#[tokio::test]
async fn sessions_are_walked_without_loss_or_repeat() {
    let api = Api::new().await;
    // by end and by minutes most are missing, and come last; equal ones by their numbers
    run(
        &api,
        "update core.sessions set ended_at = '2026-11-18 10:00Z' where session_id = 21;
         update core.sessions set ended_at = '2026-11-18 10:30Z' where session_id = 22;
         update core.sessions set ended_at = '2026-11-18 13:30Z' where session_id = 33",
    )
    .await;
    let sorts = [
        ("-started_at", 23, 31),
        ("started_at", 31, 23),
        ("-ended_at", 33, 11),
        ("ended_at", 21, 51),
        ("-minutes_consumed", 14, 13),
        ("minutes_consumed", 22, 35),
        ("-message_count", 32, 11),
        ("message_count", 31, 51),
    ];
    for (sort, first, last) in sorts {
        let (mut seen, mut path) = (Vec::new(), format!("/v1/sessions?limit=2&sort={sort}"));
        loop {
            let answer = api.send("GET", &path, &[]).await;
            let body = answer.json();
            seen.extend(body["items"].as_array().unwrap().iter().map(|item| item["session_id"].as_i64().unwrap()));
            assert!(seen.len() <= 13, "rows repeat: {seen:?}");
            if body["page"]["has_more"] == false {
                assert_eq!(body["page"]["next"], Value::Null);
                break;
            }
            let link = answer.header("link");
            path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
            assert!(path.contains(body["page"]["next"].as_str().unwrap()));
        }
        assert_eq!((seen.first(), seen.last()), (Some(&first), Some(&last)), "{sort}");
        seen.sort_unstable();
        assert_eq!(seen, [11, 12, 13, 14, 21, 22, 23, 31, 32, 33, 34, 35, 51]);
    }
}

#[tokio::test]
async fn sessions_are_filtered() {
    let api = Api::new().await;
    run(
        &api,
        "insert into core.konpro_sessions (source_id, session_id, avatar_id, voice_name) values (2, 21, 'av-1', null), (2, 22, 'av-1', 'Emma');
         insert into core.konvo_sessions (source_id, session_id, skill_type) values (3, 33, 'refund'), (3, 32, 'order');
         insert into core.trail_steps (source_id, session_id, step_number, step_type, step) values (3, 33, 1, 'handoff', '{}');
         insert into core.realtimekit_sessions (source_id, session_id, meeting_id, app_id) values (1, 11, 'm-1', 'a'), (1, 12, 'm-1', null);
         insert into core.participants (participant_id, source_id, session_id, provider_participant_id, joined_at, preset_name, is_rejoin)
         overriding system value
         values (1, 1, 11, 'p1', '2026-11-18 10:00Z', 'host', false), (2, 1, 12, 'p2', '2026-11-18 22:30Z', 'guest', false);
         insert into core.participant_quality (source_id, session_id, provider_participant_id, country_code, has_report, fetched_at)
         values (1, 11, 'p1', 'DE', true, '2026-11-20Z')",
    )
    .await;
    for (query, ids) in [
        ("outcome=unresolved", vec![33]),
        ("provider=konvo&channel=whatsapp", vec![35, 33, 31]),
        ("source=konvo-eu&session_state=open", vec![35]),
        ("session_kind=avatar&started_from=2026-11-19", vec![23]),
        ("range=yesterday", vec![23, 13]),
        ("provider_session_id=id-11,id-12", vec![12, 11]),
        ("provider=konvo&source=rtk-prod", vec![]),
        ("outcome_not=open,resolved,not_applicable", vec![34, 33]),
        ("provider=konvo&missing=channel", vec![34]),
        ("starts_with=channel:web", vec![32]),
        ("avatar_id=av-1", vec![22, 21]),
        ("voice_name=Emma", vec![22]),
        ("skill_type=refund", vec![33]),
        ("meeting_id=m-1&present=app_id", vec![11]),
        ("preset_name=host,guest", vec![12, 11]),
        ("preset_name=host&country_code=DE", vec![11]),
        ("trail_step=handoff", vec![33]),
    ] {
        let answer = api.get(&format!("/v1/sessions?{query}")).await;
        let found: Vec<i64> =
            answer["items"].as_array().unwrap().iter().map(|s| s["session_id"].as_i64().unwrap()).collect();
        assert_eq!(found, ids, "{query}");
    }
    let capped = api.get("/v1/sessions?limit=5000").await;
    assert_eq!(capped["items"].as_array().unwrap().len(), 13);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters() {
    let api = Api::new().await;
    let next = api.get("/v1/sessions?limit=1&provider=konvo").await["page"]["next"].as_str().unwrap().to_owned();
    let problem = api.problem(&format!("/v1/sessions?limit=1&provider=konpro&cursor={next}"), 422).await;
    assert_eq!(problem["errors"][0]["code"], "cursor_mismatch");
    let other_limit = api.get(&format!("/v1/sessions?limit=3&provider=konvo&cursor={next}")).await;
    assert_eq!(other_limit["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_named_range_keeps_its_start_while_pages_are_turned() {
    let api = Api::new().await;
    let question = "/v1/sessions?range=last_72_hours&zone=UTC&limit=2";
    let first = api.get(question).await;
    let next = first["page"]["next"].as_str().unwrap();
    let expected = api.get(&format!("{question}&cursor={next}")).await;
    api.clock.set("2026-11-20T14:00:00Z".parse().unwrap());
    let later = api.get(&format!("{question}&cursor={next}")).await;
    assert_eq!(later["items"], expected["items"]);
    assert!(!expected["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_forged_cursor_is_refused() {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let api = Api::new().await;
    let at = ["-262000-01-01T00:00:00Z", "a\\u0000", "2026"];
    let minutes = ["2026-11-18T09:00:00Z", "many", "1e999"];
    for (sort, forgeries) in [("-started_at", at), ("-minutes_consumed", minutes)] {
        let path = format!("/v1/sessions?limit=2&sort={sort}");
        let first = api.get(&path).await;
        let next = BASE64_URL_SAFE_NO_PAD.decode(first["page"]["next"].as_str().unwrap()).unwrap();
        let position: Value = serde_json::from_slice(&next).unwrap();
        let key = position[1]["key"]["value"].as_str().unwrap();
        for forged in forgeries {
            let text = String::from_utf8(next.clone()).unwrap().replace(key, forged);
            let cursor = BASE64_URL_SAFE_NO_PAD.encode(text);
            let problem = api.problem(&format!("{path}&cursor={cursor}"), 422).await;
            assert_eq!(problem["errors"][0]["code"], "invalid_cursor", "{forged}");
        }
    }
}

#[tokio::test]
async fn a_list_of_nothing_is_not_a_list_of_everything() {
    let api = Api::new().await;
    let problem = api.problem("/v1/sessions?provider=,", 422).await;
    assert_eq!(problem["errors"][0]["code"], "empty_value");
}
