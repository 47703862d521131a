//! Keys: which are accepted, until when, and `/v1/keys`.

use chrono::TimeDelta;

use super::*;

const ADDRESS: &str = "/v1/freshness";

/// Returns the status and the code of a request with these headers.
async fn ask(api: &Api, headers: &[(&str, &str)]) -> (u16, String) {
    let answer = api.send("GET", ADDRESS, headers).await;
    let code = if answer.status == 200 { Value::Null } else { answer.json()["code"].clone() };
    (answer.status.as_u16(), code.as_str().unwrap_or_default().to_owned())
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[tokio::test]
async fn a_key_is_given_as_bearer_or_by_x_api_key() {
    let api = Api::with_keys("").await;
    let (key, other) = (api.key(&[Scope::HealthRead], &[]).await, api.key(&[Scope::HealthRead], &[]).await);
    let bearer = format!("Bearer {key}");
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("authorization", bearer.as_str()), ("x-api-key", key.as_str())],
        vec![("x-api-key", key.as_str())],
    ] {
        assert_eq!(ask(&api, &headers).await.0, 200, "{headers:?}");
    }
    let lower = format!("bearer  {key}");
    assert_eq!(ask(&api, &[("authorization", &lower)]).await.0, 200);
    assert_eq!(ask(&api, &[]).await, refused("no_key"));
    let basic = format!("Basic {key}");
    for headers in [
        vec![("authorization", basic.as_str())],
        vec![("authorization", key.as_str())],
        vec![("authorization", "Bearer ")],
        vec![("x-api-key", "trib_live_x")],
        vec![("authorization", bearer.as_str()), ("x-api-key", other.as_str())],
    ] {
        assert_eq!(ask(&api, &headers).await, refused("unusable_key"), "{headers:?}");
    }
    let answer = api.send("GET", &format!("{ADDRESS}?api_key={key}"), &[]).await;
    assert_eq!(answer.status, 401, "a key in an address would be logged");
    assert!(!answer.text.contains(&key), "{}", answer.text);
}

#[tokio::test]
async fn a_right_id_with_another_secret_or_environment_is_refused() {
    let api = Api::with_keys("").await;
    let key = KeyText::parse(&api.key(&[Scope::HealthRead], &[]).await).unwrap();
    let id: Vec<u8> = (0..6).map(|at| u8::from_str_radix(&key.id[2 * at..2 * at + 2], 16).unwrap()).collect();
    let mut entropy = [7_u8; 38];
    entropy[..6].copy_from_slice(&id);
    let forged = KeyText::generate("live", &entropy);
    assert_eq!(forged.id, key.id);
    assert_eq!(ask(&api, &[("x-api-key", forged.reveal())]).await, refused("unusable_key"));
    let elsewhere = KeyText::generate("test", &entropy);
    let answer = api.send("GET", ADDRESS, &[("x-api-key", elsewhere.reveal())]).await;
    assert!(answer.status == 401 && answer.text.contains("another environment"), "{}", answer.text);
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"tributary\", error=\"invalid_token\"");
    // the database holds no key
    let stored: String =
        sqlx::query_scalar("select row_to_json(k)::text from ingest.api_keys k").fetch_one(api.pool()).await.unwrap();
    assert!(!stored.contains("trib_"), "{stored}");
}

#[tokio::test]
async fn a_key_ends_within_two_seconds_of_its_revocation_and_at_its_expiry() {
    let api = Api::with_keys("").await;
    let key = api.key(&[Scope::HealthRead], &[]).await;
    let asks = async |seconds: i64| {
        api.clock.set(api.clock.now() + TimeDelta::seconds(seconds));
        ask(&api, &[("x-api-key", &key)]).await
    };
    assert_eq!(asks(0).await.0, 200);
    // by another process
    let id = KeyText::parse(&key).unwrap().id;
    let operator = Operator { requested_by: "tests".to_owned(), request_id: None };
    api_key::revoke(api.pool(), &id, &operator, api.clock.now()).await.unwrap();
    assert_eq!(asks(2).await, refused("key_ended"));
    sqlx::query("update ingest.api_keys set revoked_at = null, expires_at = '2026-11-20T12:10:00Z'")
        .execute(api.pool())
        .await
        .unwrap();
    assert_eq!(asks(3).await.0, 200);
    assert_eq!(asks(600).await, refused("key_ended"));
}

#[tokio::test]
async fn the_last_use_is_written_to_the_minute() {
    let api = Api::with_keys("").await;
    let key = api.key(&[Scope::HealthRead], &[]).await;
    let used = async |wanted: &str| {
        assert_eq!(ask(&api, &[("x-api-key", &key)]).await.0, 200);
        for _ in 0..100 {
            let at: Option<String> = sqlx::query_scalar("select last_used_at::text from ingest.api_keys")
                .fetch_one(api.pool())
                .await
                .unwrap();
            if at.as_deref() == Some(wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it is not {wanted}");
    };
    used("2026-11-20 12:00:00+00").await;
    sqlx::query("update ingest.api_keys set last_used_at = '2026-01-01Z'").execute(api.pool()).await.unwrap();
    api.clock.set("2026-11-20T12:00:50Z".parse().unwrap());
    used("2026-01-01 00:00:00+00").await;
    api.clock.set("2026-11-20T12:01:10Z".parse().unwrap());
    used("2026-11-20 12:01:00+00").await;
}

#[tokio::test]
async fn keys_are_made_rotated_and_revoked_over_http() {
    let api = Api::with_keys("").await;
    let admin = api.key(&[Scope::KeysManage, Scope::HealthRead], &[]).await;
    let send = async |path: &str, body: Value| api.send_json("POST", path, &[("x-api-key", &admin)], &body).await;
    let wanted = json!({"label": "dash", "owner": "bi", "scopes": ["health:read"], "sources": ["rtk-prod"]});
    let (status, made) = send("/v1/keys", wanted).await;
    assert_eq!(status, 201, "{made:#}");
    let key = made["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with(&format!("trib_live_{}_", made["key_id"].as_str().unwrap())), "{made:#}");
    assert_eq!(ask(&api, &[("x-api-key", &key)]).await.0, 200);
    let (status, rotated) =
        send(&format!("/v1/keys/{}/rotate", made["key_id"].as_str().unwrap()), json!({"overlap_hours": 1})).await;
    assert_eq!((status, &rotated["replaced_ends_at"]), (201, &json!("2026-11-20T13:00:00Z")), "{rotated:#}");
    let successor = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!(
        (ask(&api, &[("x-api-key", &key)]).await.0, ask(&api, &[("x-api-key", &successor)]).await.0),
        (200, 200)
    );
    let (status, again) = send(&format!("/v1/keys/{}/rotate", made["key_id"].as_str().unwrap()), json!({})).await;
    assert_eq!((status, &again["code"]), (409, &json!("key_ended")), "one successor: {again:#}");
    api.clock.set(api.clock.now() + TimeDelta::hours(1));
    assert_eq!(ask(&api, &[("x-api-key", &key)]).await, refused("key_ended"));
    assert_eq!(ask(&api, &[("x-api-key", &successor)]).await.0, 200);
    let revoke = format!("/v1/keys/{}/revoke", rotated["key_id"].as_str().unwrap());
    assert_eq!(api.send("POST", &revoke, &[("x-api-key", &admin)]).await.status, 200);
    assert_eq!(ask(&api, &[("x-api-key", &successor)]).await, refused("key_ended"), "at once in this process");
    let list = api.send("GET", "/v1/keys", &[("x-api-key", &admin)]).await;
    let states: Vec<Value> = list.json()["items"].as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == "active").count(), 1, "{}", list.text);
    assert!(!list.text.contains(key.rsplit('_').next().unwrap()), "{}", list.text);
    let journal: Vec<String> = sqlx::query_scalar(
        "select kind || ' ' || requested_by from ingest.operations where request_id is not null order by operation_id",
    )
    .fetch_all(api.pool())
    .await
    .unwrap();
    assert_eq!(journal.len(), 3, "{journal:?}");
    assert!(journal[0].starts_with("key_create key test ("), "{journal:?}");
}

#[tokio::test]
async fn a_key_gives_no_more_than_it_has() {
    let api = Api::with_keys("").await;
    let admin = api.key(&[Scope::KeysManage, Scope::HealthRead], &[]).await;
    let other = KeyText::parse(&api.key(&[Scope::ContentRead], &[]).await).unwrap().id;
    let send = async |path: &str, body: Value| {
        let (status, answer) = api.send_json("POST", path, &[("x-api-key", &admin)], &body).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned(), answer)
    };
    let body = |scopes: Value| json!({"label": "dash", "owner": "bi", "scopes": scopes});
    let (status, code, _) = send("/v1/keys", body(json!(["content:read"]))).await;
    assert_eq!((status, code.as_str()), (403, "beyond_own_scopes"));
    let (status, code, _) = send(&format!("/v1/keys/{other}/rotate"), json!({})).await;
    assert_eq!((status, code.as_str()), (403, "beyond_own_scopes"), "a rotation shows a new key");
    for faulty in [
        body(json!([])),
        body(json!(["metrics"])),
        json!({"label": "", "owner": "bi", "scopes": ["health:read"]}),
        json!({"label": "a", "owner": "b", "scopes": ["health:read"], "sources": []}),
        json!({"label": "a", "owner": "b", "scopes": ["health:read"], "sources": ["nowhere"]}),
        json!({"label": "a", "owner": "b\nc", "scopes": ["health:read"]}),
        json!({"label": "a", "owner": "b", "scopes": ["keys:manage"], "sources": ["rtk-prod"]}),
        json!({"label": "a", "owner": "b", "scopes": ["costs:write"], "sources": ["rtk-prod"]}),
        json!({"label": "a", "owner": "b", "scopes": ["people:manage"], "sources": ["rtk-prod"]}),
        json!({"label": "a", "owner": "b", "scopes": ["health:read"], "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"label": "a", "owner": "b", "scopes": ["health:read"], "admin": true}),
        json!({"label": "a", "owner": "b", "scopes": ["health:read"], "sources": ["rtk-prod\u{0}"]}),
    ] {
        let (status, code, answer) = send("/v1/keys", faulty).await;
        assert_eq!((status, code.as_str()), (422, "invalid_body"), "{answer:#}");
    }
    let (_, _, answer) =
        send("/v1/keys", json!({"label": "a", "owner": "b", "scopes": [], "sources": ["x\u{0}"]})).await;
    assert_eq!(
        (&answer["errors"][0]["code"], &answer["errors"][0]["pointer"]),
        (&json!("invalid_text"), &json!("/sources/0"))
    );
    assert_eq!(send("/v1/keys/0123456789ab/revoke", json!({})).await.0, 404);
}

#[tokio::test]
async fn a_service_without_keys_makes_none() {
    let api = Api::new().await;
    let body = json!({"label": "dash", "owner": "bi", "scopes": ["health:read"]});
    let (status, answer) = api.send_json("POST", "/v1/keys", &[], &body).await;
    assert_eq!((status, &answer["code"]), (403, &json!("keys_not_in_use")), "{answer:#}");
}
