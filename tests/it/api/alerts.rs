//! `/v1/alerts`: incidents open and are resolved over complete buckets alone, and their signed messages arrive.

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use tributary::app::alerting::Alerting;
use tributary::app::alerts::{self, AlertsVerb};
use tributary::app::{App, checking, parse_config};
use tributary::clock::Dice;

use super::*;

/// The bytes of the key of the signatures.
const KEY: [u8; 32] = [9; 32];

/// A local receiver: it checks each signature and keeps what it accepted.
#[derive(Clone, Default)]
struct Receiver {
    messages: Arc<Mutex<Vec<(String, Value)>>>,
    /// Answers before it accepts.
    refusals: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let kept = receiver.clone();
        let take = move |headers: HeaderMap, body: String| std::future::ready(kept.take(&headers, &body));
        let router = Router::new().route("/incidents", axum::routing::post(take));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/incidents", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    fn take(&self, headers: &HeaderMap, body: &str) -> StatusCode {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&KEY).unwrap();
        mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
        let signature = header("webhook-signature").strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        if mac.verify_slice(&signature.unwrap_or_default()).is_err() {
            return StatusCode::UNAUTHORIZED;
        }
        let id = header("webhook-id").to_owned();
        if let Some(status) = self.refusals.lock().unwrap().pop() {
            self.messages.lock().unwrap().push((id, json!({"refused": status})));
            return StatusCode::from_u16(status).unwrap();
        }
        self.messages.lock().unwrap().push((id, serde_json::from_str(body).unwrap()));
        StatusCode::NO_CONTENT
    }

    fn messages(&self) -> Vec<(String, Value)> {
        self.messages.lock().unwrap().clone()
    }

    /// Returns type, value and reason of each message.
    fn told(&self) -> Vec<String> {
        let text = |message: &Value| {
            let incident = &message["data"]["incident"];
            let (value, reason) = (&incident["opened_value"], incident["resolved_reason"].as_str().unwrap_or("-"));
            let level = incident["level_percent"].as_i64().map_or(String::new(), |level| format!(" {level} %"));
            format!("{} {value}{level} {reason}", message["type"].as_str().unwrap_or("refused"))
        };
        self.messages().iter().map(|(_, message)| text(message)).collect()
    }
}

/// The world of `api_world.sql`, with alerts.
struct Watched {
    api: Api,
    receiver: Receiver,
    toml: String,
    environment: BTreeMap<String, String>,
    configured_at: DateTime<Utc>,
}

impl Watched {
    /// `alerts`: sections without receivers; the clock stands at `now`.
    async fn new(alerts: &[&str], now: &str) -> Self {
        let (receiver, url) = Receiver::start().await;
        let section = |alert: &&str| format!("[[alerts]]\n{alert}\nurl = \"{url}\"\nsecret_env = \"ALERT_KEY\"\n");
        let toml: String = alerts.iter().map(section).collect();
        let environment = BTreeMap::from([("ALERT_KEY".to_owned(), format!("whsec_{}", STANDARD.encode(KEY)))]);
        let api = Api::new().await;
        api.clock.set(now.parse().unwrap());
        Self { api, receiver, toml, environment, configured_at: "2026-11-01T00:00:00Z".parse().unwrap() }
    }

    /// An instance of the service.
    fn instance(&self) -> (Alerting, ApiState) {
        let pool = self.api.pool().clone();
        let state = state(pool.clone(), "", Memory::off(), self.api.clock.clone());
        state.alerts.replace(&parse_config(&self.toml, &self.environment).unwrap().alerts, self.configured_at);
        (Alerting::new(state.clone(), pool).unwrap(), state)
    }

    async fn look_at(&self, now: &str) {
        self.api.clock.set(now.parse().unwrap());
        self.instance().0.look().await;
    }

    async fn alert(&self) -> Value {
        let api = Api {
            router: router(self.instance().1, tributary::web::pages()),
            db: None,
            ..Api::over(self.api.pool().clone())
        };
        api.get("/v1/alerts").await["items"][0].clone()
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.api.pool()).await.unwrap()
    }
}

const CHATS: &str = "name = \"many-chats\"\nquery = \"metrics=sessions&source=konvo-eu&granularity=day\"\nabove = 3";

#[tokio::test]
async fn an_incident_opens_over_a_complete_day_and_is_resolved_by_the_next_one() {
    // four chats began on the 18th, and none on the 19th
    let watched = Watched::new(&[CHATS], "2026-11-19T12:00:00Z").await;
    assert_eq!(watched.alert().await["evaluated_at"], Value::Null);
    // two instances at once open one incident
    let (one, other) = (watched.instance().0, watched.instance().0);
    tokio::join!(one.look(), other.look());
    assert_eq!(watched.receiver.told(), ["alert.opened 4 -"]);
    let message = watched.receiver.messages()[0].1.clone();
    assert_eq!(message["data"]["alert"], "many-chats");
    assert_eq!(message["data"]["incident"]["bucket_start"], "2026-11-17T23:00:00Z");
    let alert = watched.alert().await;
    assert_eq!((&alert["is_firing"], &alert["above"]), (&json!(true), &json!(3)), "{alert:#}");
    assert_eq!(alert["last"]["value"], 4, "{alert:#}");
    assert_eq!(alert["incidents"][0]["is_delivered"], true, "{alert:#}");
    assert_eq!(alert["incidents"][0]["last_status"], 204, "{alert:#}");

    // nothing new has ended
    watched.look_at("2026-11-19T13:00:00Z").await;
    assert_eq!(watched.receiver.messages().len(), 1);
    watched.look_at("2026-11-20T12:00:00Z").await;
    assert_eq!(watched.receiver.told(), ["alert.opened 4 -", "alert.resolved 4 cleared"]);
    let alert = watched.alert().await;
    assert_eq!((&alert["is_firing"], &alert["incidents"][0]["resolved_value"]), (&json!(false), &json!(0)));
    // the day of today is not over
    watched.look_at("2026-11-20T12:10:00Z").await;
    assert_eq!(watched.alert().await["not_evaluated"], Value::Null);
}

#[tokio::test]
async fn a_bucket_that_is_not_complete_is_not_compared_until_it_is() {
    let alert = "name = \"few\"\nquery = \"metrics=sessions&source=konpro-eu\"\nbelow = 5";
    // of the 19th one session is known, and the provider has not been read since the 18th
    let watched = Watched::new(&[alert], NOW).await;
    watched.look_at(NOW).await;
    let alert = watched.alert().await;
    assert_eq!(alert["is_firing"], false, "{alert:#}");
    let held = json!({"bucket_start": "2026-11-18T23:00:00Z", "reason": "awaiting_sync"});
    assert_eq!(alert["not_evaluated"], held, "{alert:#}");
    assert!(watched.receiver.messages().is_empty());
    run(&watched.api, "update ingest.windows set window_to = '2026-11-20 11:50Z' where source_id = 2").await;
    watched.look_at("2026-11-20T12:01:00Z").await;
    assert_eq!(watched.receiver.told(), ["alert.opened 1 -"]);
    assert_eq!(watched.alert().await["not_evaluated"], Value::Null);
}

#[tokio::test]
async fn for_buckets_and_resolve_buckets_count_complete_buckets_in_a_row() {
    let alert = "name = \"quiet\"\nquery = \"metrics=sessions&source=konvo-eu&granularity=hour\"\nbelow = 1\n\
                 for_buckets = 3\nresolve_buckets = 2";
    // by hours of the 18th, UTC: chats began at 12 (two), 14 and 15; before them there were none since the 17th
    let watched = Watched::new(&[alert], "2026-11-18T10:05:00Z").await;
    watched.look_at("2026-11-18T10:05:00Z").await;
    assert_eq!(watched.receiver.told(), ["alert.opened 0 -"], "three hours without a chat");
    watched.look_at("2026-11-18T13:05:00Z").await;
    assert_eq!(watched.receiver.messages().len(), 1, "one hour with chats is not enough");
    watched.look_at("2026-11-18T15:05:00Z").await;
    assert_eq!(watched.receiver.messages().len(), 1, "the hour of 13 had none in between");
    watched.look_at("2026-11-18T16:05:00Z").await;
    assert_eq!(watched.receiver.told()[1], "alert.resolved 0 cleared", "the hours of 14 and 15");
}

#[tokio::test]
async fn a_budget_fires_as_soon_as_the_known_minutes_reach_a_level() {
    let alert = "name = \"minutes\"\nquery = \"metrics=minutes_consumed&source=rtk-prod\"\nmonthly_budget = 160";
    // 100.5 + 40.25 minutes of November are known, 88 % of the budget
    let watched = Watched::new(&[alert], NOW).await;
    watched.look_at(NOW).await;
    assert_eq!(watched.receiver.told(), ["alert.opened 140.75 80 % -"]);
    let alert = watched.alert().await;
    assert_eq!(alert["not_evaluated"]["reason"], "in_progress", "{alert:#}");
    assert_eq!(alert["incidents"][0]["limit"], 128, "{alert:#}");
    run(&watched.api, "update core.sessions set provider_minutes = 119.75 where session_id = 11").await;
    watched.look_at("2026-11-20T12:05:00Z").await;
    assert_eq!(watched.receiver.told()[1..], ["alert.opened 160 100 % -"]);
    // fewer minutes prove nothing while the month is not complete
    run(&watched.api, "update core.sessions set provider_minutes = 1 where session_id = 11").await;
    watched.look_at("2026-12-01T12:00:00Z").await;
    assert_eq!(watched.receiver.messages().len(), 2);
    run(&watched.api, "update ingest.windows set window_to = '2026-12-01 11:50Z' where source_id = 1").await;
    watched.look_at("2026-12-01T12:05:00Z").await;
    let mut ended = watched.receiver.told()[2..].to_vec();
    ended.sort();
    assert_eq!(ended, ["alert.resolved 140.75 80 % period_ended", "alert.resolved 160 100 % period_ended"]);
    watched.look_at("2026-12-01T12:10:00Z").await;
    assert_eq!(watched.receiver.messages().len(), 4, "nothing opens again");
}

#[tokio::test]
async fn a_message_survives_a_crash_and_is_sent_again_until_it_is_accepted() {
    let watched = Watched::new(&[CHATS], "2026-11-19T12:00:00Z").await;
    // the process dies between the evaluation and the delivery
    watched.instance().0.evaluate().await;
    assert!(watched.receiver.messages().is_empty());
    assert_eq!(watched.number("select count(*) from ingest.alert_deliveries where next_try_at is not null").await, 1);
    watched.receiver.refusals.lock().unwrap().extend([503, 500]);
    let noon: DateTime<Utc> = "2026-11-19T12:00:00Z".parse().unwrap();
    // at once, after 5 seconds, and after 5 minutes more
    for (seconds, count) in [(1, 1), (3, 1), (7, 2), (200, 2), (310, 3), (4_000, 3)] {
        watched.api.clock.set(noon + TimeDelta::seconds(seconds));
        watched.instance().0.deliver().await;
        assert_eq!(watched.receiver.messages().len(), count, "after {seconds} s");
    }
    assert_eq!(watched.receiver.told(), ["refused null -", "refused null -", "alert.opened 4 -"]);
    let ids: std::collections::BTreeSet<String> = watched.receiver.messages().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 1, "one id over all attempts");
    let journal: Vec<(i32, Option<i32>)> =
        sqlx::query_as("select attempt, status from ingest.alert_attempts order by attempt")
            .fetch_all(watched.api.pool())
            .await
            .unwrap();
    assert_eq!(journal, [(1, Some(500)), (2, Some(503)), (3, Some(204))]);
    let alert = watched.alert().await;
    assert_eq!(
        (&alert["incidents"][0]["attempt_count"], &alert["incidents"][0]["is_delivered"]),
        (&json!(3), &json!(true))
    );
}

#[tokio::test]
async fn of_two_instances_with_another_definition_the_one_configured_last_evaluates_it() {
    let watched = Watched::new(&[CHATS], "2026-11-19T12:00:00Z").await;
    let former = watched.instance().0;
    former.look().await;
    let configured_at = "2026-11-19T12:05:00Z".parse().unwrap();
    let watched = Watched { toml: watched.toml.replace("above = 3", "above = 2"), configured_at, ..watched };
    let told = ["alert.opened 4 -", "alert.resolved 4 definition_changed", "alert.opened 4 -"];
    for minute in 5..9 {
        watched.look_at(&format!("2026-11-19T12:0{minute}:00Z")).await;
        assert_eq!(watched.receiver.told(), told, "minute {minute}");
        watched.api.clock.set(format!("2026-11-19T12:0{minute}:45Z").parse().unwrap());
        former.look().await;
    }
    assert_eq!(watched.receiver.told(), told);
    assert_eq!(watched.number("select count(*) from ingest.alert_incidents").await, 2);
    // the later one is gone for good
    watched.api.clock.set("2026-11-19T12:30:00Z".parse().unwrap());
    former.look().await;
    assert_eq!(watched.receiver.told()[3..], ["alert.resolved 4 definition_changed", "alert.opened 4 -"]);
}

#[tokio::test]
async fn an_alert_that_no_instance_has_any_more_is_not_firing_for_ever() {
    let watched = Watched::new(&[CHATS], "2026-11-19T12:00:00Z").await;
    watched.receiver.refusals.lock().unwrap().push(503);
    watched.look_at("2026-11-19T12:00:00Z").await;
    let configured = watched.toml.clone();
    let (open, owed) = (
        "select count(*) from ingest.alert_incidents where resolved_at is null",
        "select count(*) from ingest.alert_deliveries where next_try_at is not null",
    );
    let watched = Watched { toml: String::new(), ..watched };
    // another instance may still have it
    watched.look_at("2026-11-19T12:09:00Z").await;
    assert_eq!((watched.number(open).await, watched.number(owed).await), (1, 1));
    watched.look_at("2026-11-19T12:11:00Z").await;
    assert_eq!((watched.number(open).await, watched.number(owed).await), (0, 0));
    // configured again, it begins with what it last compared
    let watched = Watched { toml: configured, ..watched };
    watched.look_at("2026-11-20T12:00:00Z").await;
    assert_eq!(watched.alert().await["is_firing"], false);
    assert_eq!(watched.alert().await["incidents"][0]["resolved_reason"], "definition_changed");
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_the_messages_to_no_other() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let watched = Watched::new(&[CHATS], "2026-11-19T12:00:00Z").await;
    let hanging = format!(
        "[[alerts]]\n{}\nurl = \"http://{}/\"\nsecret_env = \"ALERT_KEY\"\n",
        CHATS.replace("many-chats", "a-silent-one"),
        silent.local_addr().unwrap()
    );
    let watched = Watched { toml: hanging + &watched.toml, ..watched };
    watched.api.clock.set("2026-11-19T12:00:00Z".parse().unwrap());
    let instance = watched.instance().0;
    instance.evaluate().await;
    assert_eq!(watched.number("select count(*) from ingest.alert_deliveries where next_try_at is not null").await, 2);
    tokio::select! {
        () = instance.deliver() => panic!("the silent receiver answers nothing"),
        () = async {
            while watched.receiver.messages().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        } => {}
    }
    assert_eq!(watched.receiver.told(), ["alert.opened 4 -"]);
}

#[tokio::test]
async fn another_definition_ends_the_incidents_of_the_one_before() {
    let watched = Watched::new(&[CHATS], "2026-11-19T12:00:00Z").await;
    watched.look_at("2026-11-19T12:00:00Z").await;
    let watched = Watched { toml: watched.toml.replace("above = 3", "above = 9"), ..watched };
    watched.look_at("2026-11-19T12:05:00Z").await;
    assert_eq!(watched.receiver.told(), ["alert.opened 4 -", "alert.resolved 4 definition_changed"]);
    assert_eq!(watched.alert().await["is_firing"], false);
}

#[tokio::test]
async fn the_receiver_can_be_tested_and_check_names_alerts_that_cannot_be_asked() {
    let faulty = [
        ("metrics=invented", "`invented` is not a value of `metrics`"),
        ("metrics=sessions&range=today", "An alert has no `range`"),
        ("metrics=sessions,messages", "An alert has one metric"),
        ("metrics=sessions&dimensions=source", "An alert has no `dimensions`"),
        ("metrics=sessions&granularity=year", "`month`"),
    ];
    let sections: Vec<String> = faulty
        .iter()
        .enumerate()
        .map(|(number, (query, _))| format!("name = \"faulty-{number}\"\nquery = \"{query}\"\nabove = 1"))
        .chain([
            "name = \"rate\"\nquery = \"metrics=resolution_rate\"\nmonthly_budget = 3".to_owned(),
            CHATS.to_owned(),
        ])
        .collect();
    let sections: Vec<&str> = sections.iter().map(String::as_str).collect();
    let watched = Watched::new(&sections, NOW).await;
    let config = parse_config(&watched.toml, &watched.environment).unwrap();
    let database = watched.api.db.as_ref().unwrap().options.clone();
    let app = App::new(config, Some(database), watched.api.clock.clone(), Arc::new(Dice::seeded(7))).unwrap();
    let lines = checking::check(&app, |_| ()).await.unwrap();
    let of = |name: &str| lines.iter().find(|line| line.subject == format!("alert {name}")).unwrap();
    for (number, (query, detail)) in faulty.iter().enumerate() {
        let line = of(&format!("faulty-{number}"));
        assert!(!line.is_well && line.finding.contains(detail), "{query}: {}", line.finding);
    }
    assert!(of("rate").finding.contains("does not add up over a month"), "{}", of("rate").finding);
    assert!(of("many-chats").is_well, "{}", of("many-chats").finding);

    let test = |name: &str| AlertsVerb::Test { name: Some(name.to_owned()) };
    let code = alerts::run(&app, &test("many-chats")).await.unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
    assert_eq!(watched.receiver.told(), ["alert.test null -"]);
    watched.receiver.refusals.lock().unwrap().push(404);
    let code = alerts::run(&app, &test("many-chats")).await.unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::FAILURE));
    assert_eq!(watched.number("select count(*) from ingest.alert_deliveries where next_try_at is not null").await, 0);
    let error = alerts::run(&app, &test("other")).await.unwrap_err().to_string();
    assert!(error.contains("there is no alert `other`; the alerts are: faulty-0"), "{error}");
}

#[tokio::test]
async fn a_key_limited_to_sources_sees_the_alerts_of_these_alone() {
    let all = "name = \"all\"\nquery = \"metrics=sessions\"\nabove = 3";
    let watched = Watched::new(&[CHATS, all], NOW).await;
    let state =
        state(watched.api.pool().clone(), "[server]\nauth = \"keys\"", Memory::off(), watched.api.clock.clone());
    state.alerts.replace(&parse_config(&watched.toml, &watched.environment).unwrap().alerts, watched.configured_at);
    let api = Api { router: router(state, tributary::web::pages()), db: None, ..Api::over(watched.api.pool().clone()) };
    let key = async |sources: &'static [&'static str]| watched.api.key(&[Scope::MetricsRead], sources).await;
    // a key that is made later would be known within two seconds
    let keys = [key(&[]).await, key(&["konvo-eu", "rtk-prod"]).await, key(&["rtk-prod"]).await];
    let mut seen = Vec::new();
    for key in keys {
        seen.push(texts(&api.send_as(&key, "GET", "/v1/alerts").await.json(), "name").join(" "));
    }
    assert_eq!(seen, ["many-chats all", "many-chats", ""]);
}
