//! A fourth provider, added from outside the crate: a folder (this file), a row and a migration.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, Selection};
use tributary::app::{self, App};
use tributary::clock::Clock;
use tributary::connector::record::{DriftItems, Fields, elements, members};
use tributary::connector::{
    CheckReport, Credential, OpenSet, ProviderEntry, StoredBytes, StreamPolicy, no_such_stream,
};
use tributary::model::field::FieldPresence;
use tributary::model::id::ProviderRecordId;
use tributary::model::page::{Count, Record, Reject};
use tributary::model::session::{EndSource, Extension, ExtensionTable, SessionKind, SessionState};
use tributary::model::session_outcome::SessionOutcome;
use tributary::model::source::{Capabilities, MessageSupport, MinutesBasis};

use super::scripted_server::{Server, json as reply};
use super::*;
use crate::harness::World;
use crate::harness::router::Api;

static ROW: [ProviderEntry; 1] = [ProviderEntry {
    name: "parlor",
    default_base_url: "https://parlor.example",
    default_requests_per_minute: 60,
    default_retry_after_seconds: 60,
    default_schedule: "0 */5 * * * *",
    required_settings: &[],
    credential: Credential::Bearer,
    capabilities: Capabilities {
        minutes_basis: Some(MinutesBasis::SessionTime),
        has_outcomes: true,
        messages: MessageSupport::None,
        session_kinds: &[SessionKind::Chat],
        session_streams: &[],
    },
    hooks: None,
    connect: |settings| Arc::new(Parlor { api: settings.api }),
}];

const MIGRATION: &str = "create table core.parlor_sessions (
  source_id int not null, session_id bigint not null, topic text, primary key (source_id, session_id))";

static EXTENSION: ExtensionTable = ExtensionTable { name: "parlor_sessions", columns: &[("topic", "text")] };

struct Parlor {
    api: ApiClient,
}

impl Parlor {
    async fn talks(&self, request: PageRequest<'_>, limit: usize) -> Result<(Vec<Box<RawValue>>, u64), PullError> {
        let offset = request.cursor.map_or("0", |cursor| &cursor.0);
        let query = [
            ("from", request.window.from.to_rfc3339()),
            ("to", request.window.to.to_rfc3339()),
            ("offset", offset.to_owned()),
            ("limit", limit.to_string()),
        ];
        let answer = self.api.get("/talks", &query).await?;
        let envelope = members(&answer.body).ok_or_else(|| answer.contract_error("it is no object"))?;
        let list = envelope.get("talks").and_then(|list| elements(list.get()));
        let total = envelope.get("count").and_then(|count| count.get().parse().ok());
        match (list, total) {
            (Some(list), Some(total)) => Ok((list.into_iter().map(ToOwned::to_owned).collect(), total)),
            _ => Err(answer.contract_error("the list or its count is missing")),
        }
    }
}

#[async_trait]
impl Connector for Parlor {
    fn policy(&self, stream: Stream) -> Option<StreamPolicy> {
        let policy =
            StreamPolicy { overlap: TimeDelta::hours(1), open_set: OpenSet::ByListing, split_above_records: 1000 };
        (stream == Stream::Sessions).then_some(policy)
    }

    async fn fetch_page(&self, stream: Stream, request: PageRequest<'_>) -> Result<Page, PullError> {
        if stream != Stream::Sessions {
            return Err(no_such_stream(stream));
        }
        let (talks, total) = self.talks(request, 2).await?;
        let seen = request.cursor.map_or(0, |cursor| cursor.0.parse().unwrap()) + talks.len() as u64;
        let next = (!talks.is_empty() && seen < total).then(|| Cursor(seen.to_string()));
        let mut page = Page { total: Some(total), page_size: 2, next, ..Page::default() };
        for talk in talks {
            match read(talk.get()) {
                Ok(record) => page.records.push(record),
                Err(reject) => page.rejects.push(reject),
            }
        }
        Ok(page)
    }

    async fn count(&self, _: Stream, request: PageRequest<'_>) -> Result<Count, PullError> {
        Ok(Count::of(Some(self.talks(request, 1).await?.1)))
    }

    async fn fetch_session(&self, _: &ProviderRecordId, _: PageRequest<'_>) -> Result<Page, PullError> {
        Err(PullError::contract("GET one talk", "there is no such call"))
    }

    fn read_record(&self, stored: StoredBytes<'_>) -> Result<Record, Reject> {
        read(std::str::from_utf8(stored.bytes).unwrap())
    }

    async fn check(&self, request: PageRequest<'_>) -> Result<CheckReport, PullError> {
        let (_, total) = self.talks(request, 1).await?;
        Ok(CheckReport { clock_skew_seconds: None, findings: vec![("total".to_owned(), total.to_string())] })
    }
}

fn read(raw: &str) -> Result<Record, Reject> {
    let drift = DriftItems::default();
    let fields = Fields::open(raw, &drift)?;
    fields.expect(&["began_at", "id", "seconds", "topic", "was_settled"]);
    let id = fields.required_id("id")?;
    let began = fields.required_instant("began_at", &id)?;
    let seconds = fields.amount("seconds").unwrap_or_default();
    let ended = began + TimeDelta::seconds(i64::try_from(seconds.trunc().mantissa()).unwrap());
    let is_settled = fields.flag("was_settled").unwrap_or_default();
    let session = Session {
        provider_session_id: id,
        kind: SessionKind::Chat,
        provider_status: None,
        state: SessionState::Ended,
        outcome: if is_settled { SessionOutcome::Resolved } else { SessionOutcome::Unresolved },
        is_flagged_unresolved: Some(!is_settled),
        channel: None,
        identities: Vec::new(),
        parent_provider_session_id: None,
        group_key: None,
        created_at: began,
        started_at: began,
        ended_at: Some(ended),
        ended_at_source: Some(EndSource::Duration),
        completed_at: Some(ended),
        last_activity_at: None,
        duration_seconds: Some(seconds),
        provider_minutes: Some(seconds / dec("60")),
        max_concurrent_participants: None,
        provider_updated_at: None,
        extension: Some(Extension { table: &EXTENSION, values: vec![fields.text("topic")] }),
        messages: None,
        trail: None,
        is_partial: false,
        fields: FieldPresence::default(),
    };
    Ok(Record { raw: raw.as_bytes().to_vec(), session, drift: drift.into_inner(), alone: None })
}

const TALKS: [(&str, &str); 4] = [
    (
        "2026-03-09T10:00:00Z",
        r#"{"id":"a","began_at":"2026-03-09T10:00:00Z","seconds":90,"was_settled":true,"topic":"tea"}"#,
    ),
    ("2026-03-09T11:00:00Z", r#"{"began_at":"2026-03-09T11:00:00Z","seconds":10}"#),
    (
        "2026-03-09T12:00:00Z",
        r#"{"id":"b","began_at":"2026-03-09T12:00:00Z","seconds":150,"was_settled":true,"topic":"jam"}"#,
    ),
    (
        "2026-03-09T13:00:00Z",
        r#"{"id":"c","began_at":"2026-03-09T13:00:00Z","seconds":60,"was_settled":false,"mood":"dry"}"#,
    ),
];

async fn parlor() -> Server {
    Server::start(|call| {
        let number = |name: &str| call.query(name).unwrap().parse::<usize>().unwrap();
        let (from, to) = (at(call.query("from").unwrap()), at(call.query("to").unwrap()));
        let found: Vec<&str> =
            TALKS.iter().filter(|(began, _)| at(began) >= from && at(began) < to).map(|(_, talk)| *talk).collect();
        let page: Vec<&str> = found.iter().skip(number("offset")).take(number("limit")).copied().collect();
        reply(format!(r#"{{"count":{},"talks":[{}]}}"#, found.len(), page.join(",")))
    })
    .await
}

#[tokio::test]
async fn a_provider_of_one_folder_one_row_and_one_migration_is_polled_and_answered_for() {
    let (world, server) = (World::new().await, parlor().await);
    sqlx::raw_sql(MIGRATION).execute(&world.db.pool).await.unwrap();
    let toml = format!(
        "[[sources]]\nslug = \"parlor-eu\"\nprovider = \"parlor\"\nbase_url = \"{}\"\napi_key_env = \"PARLOR\"\n\
         history_from = \"2026-03-08T00:00:00Z\"\n",
        server.url
    );
    let environment = BTreeMap::from([("PARLOR".to_owned(), KEY.to_owned())]);
    let config = app::parse_config_with(&ROW, &toml, &environment).unwrap();
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let app = App::new(config, Some(world.db.options.clone()), clock, Arc::new(Dice::seeded(7))).unwrap();
    let app = App { providers: &ROW, ..app };

    let lines = polling::poll(&app, &Selection::default(), CancellationToken::new()).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].result, "complete", "{:?}", lines[0]);
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
    assert_eq!(world.number("select count(*) from core.parlor_sessions where topic in ('tea', 'jam')").await, 2);
    assert_eq!(world.number("select count(*) from analytics.rejected_records where provider = 'parlor'").await, 1);
    assert_eq!(world.number("select count(*) from analytics.provider_drift where path = '/mood'").await, 1);

    let api = Api::over(world.db.pool.clone());
    api.clock.set(world.clock.now());
    let question =
        "metrics=sessions,minutes_consumed,resolution_rate&dimensions=provider&from=2026-03-09&to=2026-03-10&zone=UTC";
    let answer = api.get(&format!("/v1/metrics/query?{question}")).await;
    assert_eq!(answer["rows"][0]["dimensions"], json!({"provider": "parlor"}));
    let values = &answer["rows"][0]["values"];
    assert_eq!(values["sessions"]["value"], json!(3));
    assert_eq!(values["minutes_consumed"]["value"], json!(5), "90 + 150 + 60 seconds");
    assert_eq!(
        (&values["resolution_rate"]["numerator"], &values["resolution_rate"]["denominator"]),
        (&json!(2), &json!(3))
    );
    let health = api.get("/v1/health/pollers").await;
    assert_eq!(health["items"][0]["provider"], "parlor");
    assert_eq!(health["items"][0]["is_failing"], false);
}
