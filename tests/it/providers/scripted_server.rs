//! A provider that responds by a script and records its requests.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) at: Instant,
    /// Number of earlier requests.
    pub(crate) index: usize,
}

impl Call {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A response.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Responds with a file as an object store does: with the content type of bytes for every file.
pub(crate) fn file(body: impl Into<Vec<u8>>) -> Reply {
    Reply { status: 200, headers: vec![("content-type", "application/octet-stream".to_owned())], body: body.into() }
}

pub(crate) fn json(body: impl Into<String>) -> Reply {
    status(200, body)
}

pub(crate) fn status(status: u16, body: impl Into<String>) -> Reply {
    let body: String = body.into();
    Reply { status, headers: vec![("content-type", "application/json".to_owned())], body: body.into_bytes() }
}

pub(crate) struct Server {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (log, script) = (Arc::clone(&calls), Arc::new(script));
        let router = Router::new().fallback(move |request: Request| {
            let (log, script) = (Arc::clone(&log), Arc::clone(&script));
            async move {
                let call = {
                    let mut log = log.lock().unwrap();
                    let call = read(&request, log.len());
                    log.push(call.clone());
                    call
                };
                let reply = script(&call);
                let mut response = Response::builder().status(reply.status);
                for (name, value) in reply.headers {
                    response = response.header(name, value);
                }
                response.body(axum::body::Body::from(reply.body)).unwrap()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, calls, task }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn read(request: &Request, index: usize) -> Call {
    let url = reqwest::Url::parse(&format!("http://test{}", request.uri())).unwrap();
    Call {
        path: request.uri().path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: request.headers().clone(),
        at: Instant::now(),
        index,
    }
}
