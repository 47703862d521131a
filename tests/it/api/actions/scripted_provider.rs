//! The service as a user runs it, with a provider that follows a script and records its calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tributary::app::reloading::Reloads;
use tributary::app::serving::{self, Role};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice, SettableClock};
use tributary::connector::http::{HttpLimits, http_client};

use crate::harness::db::TestDatabase;
use crate::harness::{API_KEY, noon};

/// The provider's reaction to a call.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Responds with status, headers and body.
    Says(u16, Vec<(&'static str, &'static str)>, String),
    /// Responds as `Says` once it is notified.
    Waits(Arc<Notify>, String),
    /// Never responds.
    Hangs,
}

#[expect(clippy::needless_pass_by_value, reason = "a script reads better without references")]
pub(crate) fn says(status: u16, body: impl ToString) -> Reply {
    Reply::Says(status, vec![("content-type", "application/json")], body.to_string())
}

/// A call as received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) line: String,
    pub(crate) body: Value,
}

/// A provider.
pub(crate) struct Provider {
    pub(crate) url: String,
    reply: Arc<Mutex<Reply>>,
    calls: Arc<Mutex<Vec<Call>>>,
    task: tokio_util::task::AbortOnDropHandle<()>,
}

impl Provider {
    pub(crate) async fn start(reply: Reply) -> Self {
        let (reply, calls) = (Arc::new(Mutex::new(reply)), Arc::<Mutex<Vec<Call>>>::default());
        let (script, log) = (Arc::clone(&reply), Arc::clone(&calls));
        let router = Router::new().fallback(move |request: Request| {
            let (script, log) = (Arc::clone(&script), Arc::clone(&log));
            async move {
                let line = format!("{} {}", request.method(), request.uri().path());
                let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
                // a call without a body is recorded as null
                let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") };
                log.lock().expect("a log").push(Call { line, body });
                let reply = script.lock().expect("a script").clone();
                perform(reply).await
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, reply, calls, task: tokio_util::task::AbortOnDropHandle::new(task) }
    }

    pub(crate) fn will(&self, reply: Reply) {
        *self.reply.lock().expect("a script") = reply;
    }

    /// Stops listening.
    pub(crate) async fn goes_away(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("a log").clone()
    }

    /// Waits until the provider was called so often.
    pub(crate) async fn was_called(&self, times: usize) {
        until(async || self.calls().len() >= times).await;
    }
}

/// Waits until `is_so`, for some seconds at most.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("it never came");
}

async fn perform(reply: Reply) -> Response {
    let (status, headers, body) = match reply {
        Reply::Says(status, headers, body) => (status, headers, body),
        Reply::Waits(go, body) => {
            go.notified().await;
            (200, Vec::new(), body)
        }
        Reply::Hangs => std::future::pending().await,
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).expect("a response")
}

/// A response of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

/// The service, its database and its provider.
pub(crate) struct Stage {
    pub(crate) db: TestDatabase,
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) provider: Provider,
    pub(crate) http: reqwest::Client,
    process: Process,
}

impl Stage {
    /// Creates a stage on which all sources allow actions.
    pub(crate) async fn new(reply: Reply) -> Self {
        Self::with("[sources.actions]\nenabled = true\n", reply).await
    }

    pub(crate) async fn with(actions: &str, reply: Reply) -> Self {
        let (db, provider) = (TestDatabase::new().await, Provider::start(reply).await);
        let clock = Arc::new(SettableClock::at(noon()));
        let app = app(&db, &clock, &provider, actions).await;
        sqlx::raw_sql(include_str!("../../worlds/live_and_ended_sessions.sql"))
            .execute(&db.pool)
            .await
            .expect("a world");
        let process = Process::start(app).await;
        let http = http_client(HttpLimits::default()).expect("a client");
        Self { db, clock, provider, http, process }
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.process.base)
    }

    /// Builds a request with these headers besides the content type.
    pub(crate) fn request(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.post(self.address(path)).json(body);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        answer(self.request(path, headers, body)).await
    }

    /// Starts a streaming session.
    pub(crate) async fn launch(&self, key: &str, body: &Value) -> Answer {
        let headers = [("idempotency-key", key)];
        self.post("/v1/sources/konpro/streaming-sessions", if key.is_empty() { &[] } else { &headers }, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = answer(self.http.get(self.address(path))).await;
        assert_eq!(answer.status, 200, "{path}: {:#}", answer.json);
        answer.json
    }

    /// Returns the journal, newest first.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        self.get("/v1/actions").await["items"].as_array().expect("a list").clone()
    }

    /// Returns the newest line of the journal.
    pub(crate) async fn newest(&self) -> Value {
        self.journal().await.first().cloned().unwrap_or_default()
    }

    pub(crate) async fn text(&self, sql: &'static str) -> String {
        let text: Option<String> = sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.expect(sql);
        text.unwrap_or_default()
    }

    /// Returns every row of every table as text.
    pub(crate) async fn dump(&self) -> String {
        self.text(
            "select string_agg(query_to_xml(format('select t::text from %I.%I t', schemaname, tablename),
                                            true, true, '')::text, '')
               from pg_tables where schemaname in ('core', 'ingest', 'public')",
        )
        .await
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, json: answer.json().await.unwrap_or(json!(null)) }
}

/// Creates the service; all its sources are at `provider`, and a poller has registered them.
pub(crate) async fn app(db: &TestDatabase, clock: &Arc<SettableClock>, provider: &Provider, actions: &str) -> App {
    let source = |slug: &str, provider_name: &str, more: &str| {
        format!(
            "[[sources]]\nslug = \"{slug}\"\nprovider = \"{provider_name}\"\nbase_url = \"{}\"\napi_key_env = \"{slug}\"\n\
             requests_per_minute = 100000\n{more}{actions}",
            provider.url
        )
    };
    let toml = [
        "[server]\nlisten = \"127.0.0.1:0\"\n[http]\ntotal_timeout_ms = 1500\n".to_owned(),
        source("konpro", "konpro", ""),
        source("konvo", "konvo", ""),
        source("rtk", "realtimekit", "account_id = \"acc\"\napp_id = \"app\"\n"),
    ];
    let environment = ["konpro", "konvo", "rtk"].map(|slug| (slug.to_owned(), format!("{API_KEY}-{slug}")));
    let config = app::parse_config(&toml.concat(), &BTreeMap::from(environment)).expect("a configuration");
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let app = App::new(config, Some(db.options.clone()), clock, Arc::new(Dice::seeded(7))).expect("an app");
    app::sources::connect_sources(&app, &db.pool).await.expect("the sources are registered");
    app
}

/// A process of the service: a separate thread and runtime, which logs to the same subscriber as its creator.
pub(crate) struct Process {
    pub(crate) base: String,
    kill: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    /// Serves on a free port.
    pub(crate) async fn start(app: App) -> Self {
        let (tell, told) = tokio::sync::oneshot::channel();
        let (kill, killed) = (CancellationToken::new(), CancellationToken::new());
        let logs = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::spawn({
            let kill = kill.clone();
            move || {
                let _logs = tracing::dispatcher::set_default(&logs);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let on_ready = |address| tell.send(address).expect("a receiver");
                    tokio::select! {
                        served = serving::serve(&app, Role::Api, killed, Reloads::none(), on_ready) => served.expect("it serves"),
                        () = kill.cancelled() => {}
                    }
                });
            }
        });
        let base = format!("http://{}", told.await.expect("it is ready"));
        Self { base, kill, thread: Some(thread) }
    }
}

impl Drop for Process {
    /// Aborts the work of the process.
    fn drop(&mut self) {
        self.kill.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
