//! Hosts, origins and proxies: by which names the API is reached, and whose pages may use it.
//!
//! A web page can point a name of its own at this address (DNS rebinding), and then reads what a browser on this
//! network can reach. Such a request names the page's host, so only known hosts are answered, in every mode.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tower_http::cors::CorsLayer;

use crate::api::access::audit_log::AuditLog;
use crate::api::access::budget::{ADDRESS, Budgets, RATE_LIMIT, RATE_LIMIT_POLICY, READ};
use crate::api::access::key_ring::KeyRing;
use crate::api::access::tls::ByTls;
use crate::api::formats::STATED;
use crate::api::problem::{AccessProblem, ApiError};
use crate::api::request_id::REQUEST_ID;
use crate::clock::Clock;
use crate::config::{AuthMode, ServerConfig};

/// Header with a key, for clients that cannot set `Authorization`.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Who may ask, and how.
#[derive(Debug)]
pub struct AccessPolicy {
    server: ServerConfig,
    /// The keys; `None`: every caller may do everything.
    pub(crate) keys: Option<KeyRing>,
    pub(crate) budgets: Budgets,
    /// The audit log.
    pub audit: AuditLog,
    pub(crate) pool: PgPool,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Where a request comes from: the address of the peer and the host it names, or both as a trusted proxy states them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrival {
    pub(crate) address: Option<String>,
    pub(crate) host: Option<String>,
    /// Whether the client reached the service, or the proxy before it, by TLS.
    pub(crate) is_secure: bool,
}

impl AccessPolicy {
    /// The policy as configured. Must be called on a runtime: it starts the writer of the audit log.
    pub fn new(server: &ServerConfig, pool: &PgPool, clock: Arc<dyn Clock>) -> Self {
        let keys = || KeyRing::new(pool.clone(), Arc::clone(&clock), server.key_environment.clone());
        Self {
            keys: (server.auth == AuthMode::Keys).then(keys),
            budgets: Budgets::new(server.requests_per_minute, server.concurrent_queries),
            audit: AuditLog::start(pool.clone()),
            pool: pool.clone(),
            server: server.clone(),
            clock,
        }
    }

    /// Returns the environment of the keys made here.
    pub(crate) fn key_environment(&self) -> &str {
        &self.server.key_environment
    }

    /// Returns whether requests to this host are answered: a loopback name, the address listened on, or a configured
    /// name. Browsers always state the host; a client that does not is none that a page can use.
    fn is_known_host(&self, host: Option<&str>) -> bool {
        let Some(host) = host.map(str::to_ascii_lowercase) else { return true };
        let name = without_port(&host);
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        name == "localhost"
            // the wildcard address is none that a client should name
            || address.is_some_and(|it| it.is_loopback() || (it == self.server.listen.ip() && !it.is_unspecified()))
            || self.server.public_hosts.iter().any(|known| *known == host || known == name)
    }

    /// Returns whether a request that changes something may come from where it does: from no page, from a page of this
    /// host, or from one of an allowed origin.
    pub(crate) fn is_permitted_origin(&self, headers: &HeaderMap, host: Option<&str>) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
        };
        let Ok(origin) = origin.to_str() else { return false };
        if self.server.allowed_origins.iter().any(|allowed| allowed == origin) {
            return true;
        }
        let origin = origin.parse::<Uri>().ok();
        let authority = origin.as_ref().and_then(Uri::authority);
        authority.zip(host).is_some_and(|(own, host)| host.eq_ignore_ascii_case(own.as_str()))
            && headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin")
    }

    /// Answers preflights of allowed origins, and lets their pages read the answers.
    pub(crate) fn cors(&self) -> CorsLayer {
        let origins = self.server.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let query = Method::from_bytes(b"QUERY").unwrap_or(Method::POST);
        let own = [header::ETAG, header::LINK, header::RETRY_AFTER, REQUEST_ID, RATE_LIMIT, RATE_LIMIT_POLICY];
        CorsLayer::new()
            .allow_origin(origins.collect::<Vec<_>>())
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, query])
            .allow_headers([
                header::AUTHORIZATION,
                API_KEY,
                header::CONTENT_TYPE,
                header::ACCEPT,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
                HeaderName::from_static("idempotency-key"),
                REQUEST_ID,
            ])
            .expose_headers(own.into_iter().chain(STATED).collect::<Vec<_>>())
            .max_age(std::time::Duration::from_mins(10))
    }

    /// Takes from the budget of the host of a caller without a usable key.
    pub(crate) fn charge_address(&self, arrival: &Arrival, now: DateTime<Utc>) -> Result<(), AccessProblem> {
        let address = arrival.address.as_deref().unwrap_or("unknown");
        // by host, not by connection
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        self.budgets.take(&format!("{ADDRESS}{host}"), READ, now)?;
        Ok(())
    }

    fn arrival(&self, request: &Request) -> Arrival {
        let is_trusted = |address: IpAddr| self.server.trusted_proxies.iter().any(|proxy| proxy.contains(address));
        let headers = request.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let is_proxied = peer.is_some_and(|peer| is_trusted(peer.ip()));
        // each proxy appends the address it sees, so the last that is no proxy of ours is the client's
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let forwarded: Vec<&str> = forwarded.flat_map(|list| list.split(',')).map(str::trim).collect();
        let of_client = |text: &&&str| !text.parse::<IpAddr>().is_ok_and(is_trusted);
        let client = forwarded.iter().rev().find(of_client).filter(|_| is_proxied).map(|client| (*client).to_owned());
        // the host of an absolute address counts, and not the header beside it (RFC 9112)
        let own = request.uri().authority().map(Authority::as_str).or_else(|| text("host"));
        let host = text("x-forwarded-host").filter(|_| is_proxied).or(own);
        let is_secure = match text("x-forwarded-proto").filter(|_| is_proxied) {
            Some(scheme) => scheme.eq_ignore_ascii_case("https"),
            None => request.extensions().get::<ByTls>().is_some_and(|by_tls| by_tls.0),
        };
        let address = client.or_else(|| peer.map(|peer| peer.to_string()));
        Arrival { address, host: host.map(ToOwned::to_owned), is_secure }
    }
}

/// Returns a host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

/// Headers of every response: no page may frame it, guess its type, or send its address elsewhere.
const SECURITY: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Header of every response that reaches its client by TLS: for a year, browsers use nothing else for this host. The
/// names below it may be those of other services.
const TRANSPORT: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));

/// Refuses requests that name a foreign host. Probes and scrapes may name any address of the process.
pub(crate) async fn enter(State(policy): State<Arc<AccessPolicy>>, mut request: Request, next: Next) -> Response {
    let arrival = policy.arrival(&request);
    let is_secure = arrival.is_secure;
    let is_probe = match request.uri().path() {
        "/healthz" | "/readyz" => true,
        // a page that is led here under a foreign name names that, and never an address
        "/metrics" => arrival.host.as_deref().is_some_and(|host| {
            host.parse::<SocketAddr>().is_ok() || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        }),
        _ => false,
    };
    let mut response = if is_probe || policy.is_known_host(arrival.host.as_deref()) {
        request.extensions_mut().insert(arrival);
        request.extensions_mut().insert(Arc::clone(&policy));
        next.run(request).await
    } else {
        ApiError::from(AccessProblem::WrongHost).into_response()
    };
    for (name, value) in SECURITY {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_secure {
        response.headers_mut().extend([TRANSPORT]);
    }
    response
}
