//! `/v1/audit` and `analytics.audit`: who read content, who gave commands, who was refused.

use super::*;

#[tokio::test]
async fn reads_of_content_commands_and_refusals_are_recorded() {
    let api = Api::with_keys("").await;
    let key = api.key(&[Scope::ContentRead, Scope::SyncOperate, Scope::HealthRead], &[]).await;
    let admin = api.key(&[Scope::KeysManage], &[]).await;
    let id = KeyText::parse(&key).unwrap().id;
    assert_eq!(api.send_as(&key, "GET", "/v1/sessions/32/messages").await.status, 200);
    assert_eq!(api.send_as(&key, "GET", "/v1/sessions/99/messages").await.status, 404);
    assert_eq!(api.send_as(&key, "POST", "/v1/sync/sources/konvo-eu/pause").await.status, 200);
    assert_eq!(api.send_as(&key, "GET", "/v1/metrics").await.status, 403);
    assert_eq!(api.send_as(&key, "GET", "/v1/sync/runs").await.status, 200, "reads without content are not recorded");
    let entries = api.send_as(&admin, "GET", &format!("/v1/audit?key_id={id}")).await;
    let entries = entries.json();
    let of = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {} {} {}", text("kind"), text("action"), text("target"), text("scope"), entry["status"])
    };
    let told: Vec<String> = entries["items"].as_array().unwrap().iter().rev().map(of).collect();
    // the command is written before its turn, the reads after theirs
    let mut told = told;
    told.sort();
    assert_eq!(
        told,
        [
            "command POST /v1/sync/sources/{slug}/pause /v1/sync/sources/konvo-eu/pause sync:operate 200",
            "read GET /v1/sessions/{session_id}/messages /v1/sessions/32/messages content:read 200",
            "read GET /v1/sessions/{session_id}/messages /v1/sessions/99/messages content:read 404",
            "refused GET /v1/metrics /v1/metrics metrics:read 403",
        ]
    );
    assert_eq!((&entries["items"][0]["caller"], &entries["items"][0]["address"]), (&json!("test"), &json!("unknown")));
    assert!(entries["items"].as_array().unwrap().iter().all(|entry| entry["request_id"].is_string()));
    // reading the log is recorded too, and commands of the command line
    let all = api.send_as(&admin, "GET", "/v1/audit?kind=read&scope=keys:manage").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all:#}");
    let by_hand = api.send_as(&admin, "GET", "/v1/audit?kind=command").await.json();
    let by_hand: Vec<&Value> =
        by_hand["items"].as_array().unwrap().iter().filter(|it| it["status"].is_null()).collect();
    assert_eq!((by_hand.len(), &by_hand[0]["action"]), (2, &json!("key_create")), "the keys of this test");
    api.access_policy.audit.flush().await;
    let seen: i64 = sqlx::query_scalar("select count(*) from analytics.audit where kind = 'read'")
        .fetch_one(api.pool())
        .await
        .unwrap();
    assert_eq!(seen, 5, "two of messages, three of this log");
}

#[tokio::test]
async fn a_command_that_cannot_be_recorded_is_not_executed() {
    let api = Api::new().await;
    sqlx::raw_sql("alter table ingest.audit add constraint broken check (kind <> 'command')")
        .execute(api.pool())
        .await
        .unwrap();
    let answer = api.send("POST", "/v1/sync/sources/konvo-eu/pause", &[]).await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    let paused: i64 = sqlx::query_scalar("select count(*) from ingest.operations").fetch_one(api.pool()).await.unwrap();
    assert_eq!(paused, 0);
}

#[tokio::test]
async fn entries_expire() {
    let api = Api::new().await;
    sqlx::raw_sql(
        "insert into ingest.audit (at, kind, caller, action) values ('2025-11-19Z', 'read', 'a', 'b'), ('2025-11-21Z', 'read', 'a', 'b')",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let year_ago = "2025-11-20T12:00:00Z".parse().unwrap();
    let cutoffs = tributary::store::prune::Cutoffs {
        raw_before: None,
        journals_before: year_ago,
        webhooks_before: year_ago,
        audit_before: year_ago,
    };
    let pruned = tributary::store::prune::prune(api.pool(), &cutoffs, || false).await.unwrap();
    assert_eq!(pruned.audit_entries, 1);
    let left: i64 = sqlx::query_scalar("select count(*) from ingest.audit").fetch_one(api.pool()).await.unwrap();
    assert_eq!(left, 1);
}
