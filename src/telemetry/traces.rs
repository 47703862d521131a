//! Spans of requests, runs and calls to providers, and their export by OTLP over HTTP (the feature `otel`).
//!
//! A span has names, numbers, statuses and the id of a request: neither a path with its ids, nor a query, nor a text of
//! a person. Events of the log are not exported. Without the feature, only requests have a span, for the log.

use tracing::Span;

/// Returns the span of a request to this process. `traceparent` is the header of a caller that traces.
pub fn of_request(id: Option<&str>, method: &str, path: &str, route: Option<&str>, traceparent: Option<&str>) -> Span {
    #[cfg(not(feature = "otel"))]
    {
        let _ = (route, traceparent);
        tracing::info_span!("request", id, method, path)
    }
    #[cfg(feature = "otel")]
    {
        let _ = path;
        let route = route.unwrap_or("none");
        let name = format!("{method} {route}");
        let span = tracing::info_span!("request", id, method, route, otel.name = name, otel.kind = "server");
        export::follow(&span, traceparent);
        span
    }
}

/// Returns the span of a run; without the feature there is none.
pub fn of_run(source: &str, stream: &str) -> Span {
    #[cfg(feature = "otel")]
    return tracing::info_span!("run", source, stream);
    #[cfg(not(feature = "otel"))]
    {
        let _ = (source, stream);
        Span::none()
    }
}

/// Returns the span of a call to a provider; without the feature there is none.
pub fn of_call(host: &str, method: &str) -> Span {
    #[cfg(feature = "otel")]
    return tracing::info_span!("provider call", host, method, otel.kind = "client");
    #[cfg(not(feature = "otel"))]
    {
        let _ = (host, method);
        Span::none()
    }
}

/// Adds to the current span how its request or call ended; `None`: without an answer.
pub fn answered(status: Option<u16>) {
    #[cfg(feature = "otel")]
    export::answered(&Span::current(), status);
    #[cfg(not(feature = "otel"))]
    let _ = status;
}

/// Adds to the current span the number and the verdict of its run.
pub fn run_ended(run_id: i64, verdict: &'static str) {
    #[cfg(feature = "otel")]
    export::run_ended(&Span::current(), run_id, verdict);
    #[cfg(not(feature = "otel"))]
    let _ = (run_id, verdict);
}

#[cfg(feature = "otel")]
pub(super) use self::export::Export;

#[cfg(feature = "otel")]
mod export {
    use std::collections::HashMap;

    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::{Status, TracerProvider};
    use opentelemetry::{Key, KeyValue};
    use opentelemetry_otlp::SpanExporter;
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::{Level, Span, Subscriber};
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::filter_fn;
    use tracing_subscriber::registry::LookupSpan;

    /// Sends spans until it is dropped. Address and time limits are those of the `OTEL_*` variables.
    #[derive(Debug)]
    pub(crate) struct Export(SdkTracerProvider);

    impl Export {
        /// Starts the export of this version and instance; an error is a fault of the variables.
        pub(crate) fn start(
            version: &'static str,
            instance: &'static str,
        ) -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
            // the crypto provider of all clients; a second installation fails and is harmless
            let _ = rustls::crypto::ring::default_provider().install_default();
            let exporter = SpanExporter::builder().with_http().build()?;
            let resource = Resource::builder().with_attributes([
                KeyValue::new("service.version", version),
                KeyValue::new("service.instance.id", instance),
            ]);
            let is_named = Resource::builder()
                .build()
                .get(&Key::from("service.name"))
                .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
            let resource = if is_named { resource } else { resource.with_service_name("tributary") };
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build());
            Ok(Self(provider.build()))
        }

        /// Returns the layer that sees the spans of this program.
        pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
        where
            S: Subscriber + for<'a> LookupSpan<'a>,
        {
            let ours = filter_fn(|metadata| {
                metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with("tributary")
            });
            tracing_opentelemetry::layer()
                .with_tracer(self.0.tracer("tributary"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_filter(ours.with_max_level_hint(Level::INFO))
        }
    }

    impl Drop for Export {
        fn drop(&mut self) {
            if let Err(error) = self.0.shutdown() {
                tracing::debug!(%error, "the last spans were not sent");
            }
        }
    }

    pub(super) fn follow(span: &Span, traceparent: Option<&str>) {
        let Some(traceparent) = traceparent else { return };
        let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
        // refused only where the span is not exported
        let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
    }

    pub(super) fn answered(span: &Span, status: Option<u16>) {
        if let Some(status) = status {
            span.set_attribute("http.response.status_code", i64::from(status));
        }
        if status.is_none_or(|status| status >= 500) {
            span.set_status(Status::error(""));
        }
    }

    pub(super) fn run_ended(span: &Span, run_id: i64, verdict: &'static str) {
        span.set_attribute("run_id", run_id);
        span.set_attribute("verdict", verdict);
        if matches!(verdict, "failed" | "incomplete") {
            span.set_status(Status::error(verdict));
        }
    }
}
