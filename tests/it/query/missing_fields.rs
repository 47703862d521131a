//! `missing=<field>`: sessions that lack a field, of a volume at which a bad plan takes minutes.

use super::*;

/// 4,000 avatar sessions, and 4,000 chats of 1,000 people who come four times each.
const VOLUME: &str = "
    insert into core.people (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
    select 8, 'guest-' || n, 'contact', '2026-11-20Z', '2026-11-02Z' from generate_series(1, 1000) n;
    insert into core.sessions (session_id, created_at, started_at, ended_at, completed_at, first_seen_at, last_changed_at, source_id,
           provider, session_kind, session_state, outcome, provider_session_id, person_id, row_hash, raw_hash) overriding system value
    select 10000 + n, at, at, at, at, at, at, 8, 'konvo', 'chat', 'ended', 'resolved', 'v-' || n, 'guest-' || 1 + n % 1000, '', ''
      from generate_series(1, 4000) n, lateral (select timestamptz '2026-11-02Z' + n * interval '5 minutes' as at) t;
    insert into core.sessions (session_id, created_at, started_at, ended_at, first_seen_at, last_changed_at, source_id,
           provider, session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash) overriding system value
    select 20000 + n, at, at, at, at, at, 2, 'konpro', 'avatar', 'ended', 'not_applicable', 'w-' || n, '', ''
      from generate_series(1, 4000) n, lateral (select timestamptz '2026-11-02Z' + n * interval '5 minutes' as at) t;
    insert into core.konpro_sessions (source_id, session_id, avatar_id) select 2, 20000 + n, 'anna' from generate_series(1, 4000) n;
    insert into core.konvo_sessions (source_id, session_id, skill_type) select 8, 10000 + n, 'ORDER' from generate_series(1, 4000) n;
    analyze";

#[tokio::test]
async fn a_missing_field_costs_no_more_than_a_present_one() {
    let api = world().await;
    run(&api, VOLUME).await;
    let people = async |rest: &str| {
        let path = format!("/v1/metrics/query?metrics=returning_people&{NOVEMBER}&granularity=none{rest}");
        api.get(&path).await["totals"]["returning_people"]["value"].clone()
    };
    // no chat has an avatar, so that nothing is left out
    let all = people("").await;
    assert_eq!(people("&missing=avatar_id").await, all);
    assert_eq!(people("&missing=skill_type&source=konvo-lab").await, json!(0));
    let path = format!("/v1/metrics/rows?metrics=returning_people&{NOVEMBER}&group=%7B%22avatar_id%22:null%7D");
    assert!(api.get(&path).await["items"].as_array().is_some_and(|rows| !rows.is_empty()));
}
