//! `/v1/people/erasures` and `/v1/people/exports`, over the meetings of `meetings_world.sql`.

use super::*;
use crate::harness::citus;
use tributary::app::erasing;
use tributary::model::person::PersonKey;
use tributary::store::erasure::People;

/// An API with keys, one of which may erase and export.
async fn world() -> (Api, String) {
    let api = Api::with_keys("").await;
    sqlx::raw_sql(include_str!("../worlds/meetings_world.sql")).execute(api.pool()).await.unwrap();
    let key = api.key(&[Scope::PeopleManage], &[]).await;
    (api, format!("Bearer {key}"))
}

async fn post(api: &Api, key: &str, path: &str, body: Value) -> (u16, Value) {
    api.send_json("POST", path, &[("authorization", key)], &body).await
}

async fn finish(api: &Api) {
    let people = People { pool: api.pool().clone(), person_key: PersonKey::new(vec![7; 32]).unwrap() };
    erasing::finish_all(&people, api.clock.as_ref(), &CancellationToken::new()).await.unwrap();
}

#[tokio::test]
async fn a_person_is_erased_with_a_proof_and_without_a_trace_of_its_name() {
    let (api, key) = world().await;
    let ada = json!({"source": "rtk-eu", "identity": "crm-17"});
    let rows = json!({
        "core.people": 1, "core.participants": 2, "core.messages": 1, "core.transcript_segments": 2, "core.session_summaries": 1
    });
    let (status, planned) = post(&api, &key, "/v1/people/erasures", ada.clone()).await;
    assert_eq!(
        (status, &planned["is_dry_run"], &planned["erasure_id"]),
        (200, &json!(true), &Value::Null),
        "{planned:#}"
    );
    assert_eq!((&planned["person_count"], &planned["rows"]), (&json!(1), &rows), "{planned:#}");
    let names = "select count(*) from core.participants where display_name = 'Ada'";
    assert_eq!(sqlx::query_scalar::<_, i64>(names).fetch_one(api.pool()).await.unwrap(), 2, "a dry run by default");

    let (status, begun) = post(&api, &key, "/v1/people/erasures?dry_run=false", ada.clone()).await;
    assert_eq!((status, &begun["is_dry_run"]), (202, &json!(false)), "{begun:#}");
    let path = format!("/v1/people/erasures/{}", begun["erasure_id"]);
    let read = async || {
        let answer = api.send("GET", &path, &[("authorization", &key)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"), "{}", answer.text);
        answer.json()
    };
    assert_eq!(read().await["state"], "running");
    finish(&api).await;
    let proof = read().await;
    assert_eq!((&proof["state"], &proof["erased_rows"]), (&json!("done"), &rows), "{proof:#}");
    assert_eq!((&proof["found_by_identifier"], &proof["found_by_name"]), (&json!({}), &json!({})), "{proof:#}");
    assert_eq!(proof["sessions"], "keep");
    // what Ben said and is called stays, as do all figures
    let left: String = sqlx::query_scalar(
        "select concat_ws('|', (select string_agg(coalesce(display_name, '-'), ',' order by participant_id)
                                  from core.participants where session_id = 61),
                          (select string_agg(body, ',' order by position) from core.transcript_segments where session_id = 61),
                          (select sum(word_count) from core.transcript_segments where session_id = 61),
                          (select count(*) from core.messages where session_id = 61 and body is null and char_count = 5),
                          (select count(distinct person_id) from core.participants where session_id = 61))",
    )
    .fetch_one(api.pool())
    .await
    .unwrap();
    assert_eq!(left, "-,-,Ben,-|,Good morning.,|30|1|2");
    // the same request again is the same erasure
    let (status, again) = post(&api, &key, "/v1/people/erasures?dry_run=false", ada).await;
    assert_eq!(
        (status, &again["erasure_id"], &again["person_count"]),
        (202, &begun["erasure_id"], &json!(0)),
        "{again:#}"
    );
    let list = api.send("GET", "/v1/people/erasures", &[("authorization", &key)]).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list:#}");
    api.access_policy.audit.flush().await;
    let trace: Option<String> = sqlx::query_scalar(
        "select string_agg(t, ' ') from (select a::text as t from ingest.audit a union all select o::text from ingest.operations o
          union all select e::text from ingest.erasures e) x",
    )
    .fetch_one(api.pool())
    .await
    .unwrap();
    let trace = trace.unwrap();
    assert!(trace.contains("POST /v1/people/erasures") && trace.contains("erase_person"), "{trace}");
    assert!(!trace.contains("crm-17") && !trace.contains("Ada"), "{trace}");
}

#[tokio::test]
async fn a_person_is_exported_with_its_own_rows_alone() {
    let (api, key) = world().await;
    let (status, ada) = post(&api, &key, "/v1/people/exports", json!({"source": "rtk-eu", "identity": "crm-17"})).await;
    assert_eq!(status, 200, "{ada:#}");
    assert_eq!((&ada["person_ids"], &ada["names"]), (&json!(["person-ada"]), &json!(["Ada"])), "{ada:#}");
    let counts: BTreeMap<String, usize> = ada["rows"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(table, rows)| (table.clone(), rows.as_array().unwrap().len()))
        .collect();
    let expected = [
        ("core.messages", 1),
        ("core.participant_quality", 2),
        ("core.participants", 2),
        ("core.sessions", 1),
        ("core.transcript_segments", 2),
    ];
    assert_eq!(counts, expected.map(|(table, count)| (table.to_owned(), count)).into());
    let text = ada.to_string();
    assert!(text.contains("That is all.") && !text.contains("Ben") && !text.contains("Good morning."), "{text}");
    let (_, nothing) = post(&api, &key, "/v1/people/exports", json!({"source": "rtk-eu", "identity": "crm-99"})).await;
    assert_eq!((&nothing["person_ids"], &nothing["rows"]), (&json!([]), &json!({})));
}

#[tokio::test]
async fn faults_of_the_body_are_named_and_limited_keys_are_refused() {
    let (api, key) = world().await;
    let limited = format!("Bearer {}", api.key(&[Scope::PeopleManage], &["rtk-eu"]).await);
    let wrong =
        json!({"source": "rtk-eu", "identity": "", "identity_kind": "contatc", "sessions": "drop", "person": "x"});
    let (status, problem) = post(&api, &key, "/v1/people/erasures", wrong).await;
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!((status, pointers.len()), (422, 4), "{problem:#}");
    for pointer in ["/identity", "/identity_kind", "/sessions", "/person"] {
        assert!(pointers.contains(&pointer), "{pointer}: {problem:#}");
    }
    let (status, problem) =
        post(&api, &key, "/v1/people/exports", json!({"source": "rtk", "identity": "crm-17"})).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{problem:#}");
    assert!(!problem.to_string().contains("crm-17"));
    let (status, problem) =
        post(&api, &limited, "/v1/people/exports", json!({"source": "rtk-eu", "identity": "crm-17"})).await;
    assert_eq!((status, &problem["code"]), (403, &json!("sources_limited")), "{problem:#}");
}

#[tokio::test]
async fn a_merge_brings_no_erased_person_back() {
    let (api, key) = world().await;
    let operator = format!("Bearer {}", api.key(&[Scope::SyncOperate], &[]).await);
    let (_, begun) =
        post(&api, &key, "/v1/people/erasures?dry_run=false", json!({"source": "rtk-eu", "identity": "crm-17"})).await;
    finish(&api).await;
    sqlx::raw_sql(
        "update core.sources set is_enabled = false where source_id in (6, 7);
         -- the person at the other source, under the pseudonym that the merge leaves it with
         insert into core.participants (source_id, session_id, provider_participant_id, person_id, display_name)
         select 7, 71, 'u2', person_id, 'Ada' from ingest.erased_people where source_id = 6 order by person_id limit 1",
    )
    .execute(api.pool())
    .await
    .unwrap();
    // its identities are gone, so that it could not be recognized at the other source
    let path = "/v1/sync/sources/rtk-eu/merge?into=rtk-us&dry_run=false";
    let (status, problem) = post(&api, &operator, path, json!({})).await;
    assert_eq!(status, 409, "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("people were erased"), "{problem:#}");
    // the other way round, what moves there is erased again
    let path = "/v1/sync/sources/rtk-us/merge?into=rtk-eu&dry_run=false";
    let (status, merged) = post(&api, &operator, path, json!({})).await;
    if citus::skips("Citus moves no row to another source, and the service refuses a merge") {
        assert_eq!((status, &merged["code"]), (409, &json!("source_not_changed")), "{merged:#}");
        return;
    }
    assert_eq!(status, 200, "{merged:#}");
    let proof = format!("/v1/people/erasures/{}", begun["erasure_id"]);
    assert_eq!(api.send("GET", &proof, &[("authorization", &key)]).await.json()["state"], "running");
    finish(&api).await;
    assert_eq!(api.send("GET", &proof, &[("authorization", &key)]).await.json()["state"], "done");
    let left = "select count(*) from core.participants where display_name = 'Ada'";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(api.pool()).await.unwrap(), 0);
}
