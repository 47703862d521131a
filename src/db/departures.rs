//! Callers that depart before they have their answer: their statements end on the server.
//!
//! A statement whose future is dropped runs on, and its connection returns to the pool as if it were free. So after a
//! departure, each connection that returns and is still busy is closed, and the server, which looks for a closed socket
//! while it works, ends the statement. No cancel request is sent: it names a process of the server, and by the time it
//! arrives, another caller, or behind a pooler another client, could be using that process. This module knows neither
//! statements nor callers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor};
use tokio::time::{Instant, timeout};

/// A connection that returns within this time after a departure may belong to it.
const SOON: Duration = Duration::from_millis(500);
/// Time in which a connection that is free responds.
const RESPONDS_WITHIN: Duration = Duration::from_millis(50);
/// How often the server looks for a closed socket while it works. PgBouncer and Windows have no such setting.
const LOOK: &str = "set client_connection_check_interval = '50ms'";

/// The last departure of a caller; shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct Departures(Arc<Mutex<Option<Instant>>>);

impl Departures {
    /// Notes that a caller departs, before its statements are dropped.
    pub fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn are_recent(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|at| at.elapsed() < SOON)
    }

    /// Makes a pool close the connections that return busy after a departure.
    pub(super) fn watch(self, pool: PgPoolOptions) -> PgPoolOptions {
        pool.after_release(move |connection, _| {
            let departures = self.clone();
            Box::pin(async move {
                if !departures.are_recent() {
                    return Ok(true);
                }
                Ok(timeout(RESPONDS_WITHIN, connection.ping()).await.is_ok_and(|ping| ping.is_ok()))
            })
        })
    }
}

/// Makes the server end the statements of a closed connection.
pub(super) fn end_statements_of_closed(pool: PgPoolOptions) -> PgPoolOptions {
    pool.after_connect(|connection, _| {
        Box::pin(async move {
            match connection.execute(LOOK).await {
                Err(error) if error.as_database_error().is_none() => Err(error),
                // a server that cannot look ends a statement at its time limit
                _ => Ok(()),
            }
        })
    })
}
