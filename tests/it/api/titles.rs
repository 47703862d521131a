//! Titles of meetings: content, which only keys with its scope read, each time recorded, and never from memory.

use super::*;

const TOP: &str = "/v1/metrics/query?metrics=sessions&dimensions=meeting_id&source=rtk-prod&from=2026-11-18&to=2026-11-19\
                   &zone=Europe/Berlin&shape=series&titles=true";
const LIST: &str = "/v1/sessions?source=rtk-prod&meeting_id=m-1&sort=started_at&titles=true";

async fn titled(api: &Api) {
    run(
        api,
        "insert into core.realtimekit_sessions (source_id, session_id, meeting_id, meeting_title)
         values (1, 11, 'm-1', 'Weekly'), (1, 12, 'm-1', 'Weekly sync')",
    )
    .await;
}

async fn read_count(api: &Api) -> i64 {
    api.access_policy.audit.flush().await;
    let reads = "select count(*) from analytics.audit where kind = 'read' and scope = 'content:read' and status = 200";
    sqlx::query_scalar(reads).fetch_one(api.pool()).await.unwrap()
}

#[tokio::test]
async fn p14_titles_are_for_keys_with_their_scope_alone() {
    let api = Api::remembering(Duration::from_mins(10), "[server]\nauth = \"keys\"").await;
    titled(&api).await;
    let plain = api.key(&[Scope::MetricsRead, Scope::SessionsRead], &[]).await;
    let full = api.key(&[Scope::MetricsRead, Scope::SessionsRead, Scope::ContentRead], &[]).await;
    // in turn, so that neither gets what was computed for the other
    for turn in 1..=2 {
        let answer = api.send_as(&plain, "GET", TOP).await;
        assert_eq!((&answer.json()["labels"], answer.json().get("titles")), (&json!(["m-1"]), None), "{}", answer.text);
        assert!(answer.text.contains("titles_not_readable") && !answer.text.contains("Weekly"), "{}", answer.text);
        assert_eq!(answer.header("cache-control").split(',').next(), Some("private"));
        let answer = api.send_as(&full, "GET", TOP).await;
        assert_eq!((&answer.json()["labels"], &answer.json()["keys"]), (&json!(["Weekly sync"]), &json!(["m-1"])));
        assert_eq!(answer.header("cache-control"), "no-store");
        let list = api.send_as(&plain, "GET", LIST).await.json();
        assert_eq!(list["items"][0]["meeting_title"], Value::Null);
        let list = api.send_as(&full, "GET", LIST).await.json();
        assert_eq!(
            (&list["items"][0]["meeting_title"], &list["items"][1]["meeting_title"]),
            (&json!("Weekly"), &json!("Weekly sync"))
        );
        let one = api.send_as(&plain, "GET", "/v1/sessions/11?titles=true").await.json();
        assert_eq!((&one["meeting_id"], &one["meeting_title"]), (&json!("m-1"), &Value::Null));
        let one = api.send_as(&full, "GET", "/v1/sessions/11?titles=true").await.json();
        assert_eq!(one["meeting_title"], "Weekly");
        let csv = api.send_as(&full, "GET", &format!("{LIST}&format=csv")).await;
        assert!(csv.text.contains("Weekly sync"), "{}", csv.text);
        assert_eq!(csv.header("cache-control"), "no-store");
        assert_eq!(read_count(&api).await, 4 * turn, "each reading is recorded");
    }
    // without the parameter there are none, and nothing is recorded
    let without = api.send_as(&full, "GET", &TOP.replace("&titles=true", "")).await;
    assert!(!without.text.contains("Weekly"), "{}", without.text);
    let without = api.send_as(&full, "GET", &LIST.replace("&titles=true", "")).await;
    assert_eq!(without.json()["items"][0]["meeting_title"], Value::Null);
    assert_eq!(read_count(&api).await, 8);
}

#[tokio::test]
async fn a_table_has_the_titles_beside_the_ids() {
    let api = Api::with_keys("").await;
    titled(&api).await;
    let full = api.key(&[Scope::MetricsRead, Scope::ContentRead], &[]).await;
    let plain = api.key(&[Scope::MetricsRead], &[]).await;
    let csv = api.send_as(&full, "GET", &TOP.replace("&shape=series", "&format=csv")).await;
    let (head, rows) = csv.text.split_once("\r\n").unwrap();
    assert!(head.contains(",meeting_id,meeting_title,sessions,"), "{head}");
    assert!(rows.contains(",m-1,Weekly sync,"), "{rows}");
    // without them there is no column
    let csv = api.send_as(&plain, "GET", &TOP.replace("&shape=series", "&format=csv")).await;
    assert!(csv.text.contains(",meeting_id,sessions,"), "{}", csv.text);
}

#[tokio::test]
async fn p14_a_batch_shows_titles_by_the_same_rule() {
    let api = Api::with_keys("").await;
    titled(&api).await;
    let query = json!({"metrics": ["sessions"], "dimensions": ["meeting_id"], "titles": true,
                       "time": {"from": "2026-11-18", "to": "2026-11-19"}});
    let body = json!({"queries": [query, {"metrics": ["minuets"]}]});
    let plain = api.key(&[Scope::MetricsRead], &[]).await;
    let full = api.key(&[Scope::MetricsRead, Scope::ContentRead], &[]).await;
    let limited = api.key(&[Scope::MetricsRead, Scope::ContentRead], &["konvo-eu"]).await;
    for (key, title) in [(plain, Value::Null), (full, json!("Weekly sync"))] {
        let key = format!("Bearer {key}");
        let (status, answer) = api.send_json("POST", "/v1/metrics/batch", &[("authorization", &key)], &body).await;
        assert_eq!(status, 200, "{answer:#}");
        assert_eq!(answer["results"][0]["answer"]["titles"]["meeting_id"]["m-1"], title, "{answer:#}");
    }
    assert_eq!(read_count(&api).await, 1);
    let answer = api.send_as(&limited, "GET", &TOP.replace("&source=rtk-prod", "")).await;
    assert!(!answer.text.contains("Weekly"), "of another source: {}", answer.text);
}
