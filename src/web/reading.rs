//! What the panels of a page read: each its own query, all metrics from one snapshot, so that they agree.
//!
//! A metric query is the query string of `/v1/metrics/query`, read and computed by the same code. A panel whose scope
//! is missing, or whose query fails, costs its neighbours nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::http::Uri;

use crate::api::access::guard::QUERY;
use crate::api::metrics::Question;
use crate::api::metrics::query::QueryParameters;
use crate::api::metrics::question::understand;
use crate::api::parameters::Asked;
use crate::api::problem::{AccessProblem, ApiError};
use crate::api::state::{ApiState, SharedCatalogs};
use crate::model::api_key::Scope;
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::catalog::Catalog;
use crate::query::metrics::answer::MetricRow;
use crate::query::metrics::series::answer::SeriesAnswer;
use crate::query::metrics::series::series;
use crate::query::snapshot::Snapshot;
use crate::web::visit::Visit;
use crate::web::words;

/// Address of metric queries.
pub(crate) const METRICS_PATH: &str = "/v1/metrics/query";

/// What the panels of a page read, for its caller.
pub(crate) struct Reading {
    state: ApiState,
    catalog: Catalog,
    request_id: String,
    shows_content: AtomicBool,
    /// Whether a panel failed on the read replica, so that the page has to be read from the primary.
    is_lost: AtomicBool,
}

/// The answer to a query of the API, as arrays.
pub(crate) struct Answered {
    /// The answer.
    pub(crate) answer: SeriesAnswer,
    /// Its query string.
    pub(crate) question: String,
    /// Whether the range cuts the first bucket, and the last.
    cut: [bool; 2],
}

impl Answered {
    /// Returns whether the range cuts a bucket, so that it is shorter than the others.
    pub(crate) fn is_partial(&self, at: usize) -> bool {
        let [first, last] = self.cut;
        (first && at == 0) || (last && at + 1 == self.answer.labels.len())
    }

    /// Returns the name of a bucket: its day, or its day and time.
    pub(crate) fn bucket_name(&self, at: usize) -> String {
        let label = self.answer.labels.get(at).map(String::as_str).unwrap_or_default();
        label.get(..16).unwrap_or(label).replace('T', " ")
    }
}

/// The reason why a panel shows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The key lacks the scope.
    Forbidden {
        /// The scopes, one of which is needed.
        scopes: String,
    },
    /// It failed.
    Failed {
        /// What failed.
        title: &'static str,
        /// Why, with advice.
        detail: String,
        /// Id of the request in the log.
        request_id: String,
    },
}

impl Reading {
    /// Reads the sources that the caller may see.
    pub(crate) async fn open(visit: &Visit) -> Result<Self, ApiError> {
        let state = ApiState { shared_catalogs: Some(SharedCatalogs::default()), ..visit.state.clone() };
        let catalog = state.catalog(None).await?;
        let (shows_content, is_lost) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { state, catalog, request_id: visit.request_id.clone(), shows_content, is_lost })
    }

    /// Returns the sources that the caller may see.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Notes that the page shows content, so that the response is audited and not stored.
    pub(crate) fn note_content(&self) {
        self.shows_content.store(true, Ordering::Relaxed);
    }

    /// Returns whether a panel shows content.
    pub(crate) fn shows_content(&self) -> bool {
        self.shows_content.load(Ordering::Relaxed)
    }

    /// Refuses to answer with what the read replica failed to give.
    pub(crate) fn refuse_lost(&self) -> Result<(), ApiError> {
        let is_lost = self.is_lost.load(Ordering::Relaxed);
        if is_lost { Err(ApiError::NotReady("The read replica failed.")) } else { Ok(()) }
    }

    /// Reads one panel, for callers with one of these scopes.
    pub(crate) async fn part<T>(
        &self,
        scopes: &'static [Scope],
        read: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, Trouble> {
        self.allow(scopes)?;
        read.await.map_err(|error| self.trouble(error))
    }

    /// Refuses callers without any of these scopes.
    fn allow(&self, scopes: &'static [Scope]) -> Result<(), Trouble> {
        if self.state.caller.has_any(scopes) {
            return Ok(());
        }
        let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        Err(Trouble::Forbidden { scopes: names.join(" or ") })
    }

    /// Answers query strings of `/v1/metrics/query`, all from one snapshot.
    pub(crate) async fn metrics(&self, asked: Vec<String>) -> Vec<Result<Answered, Trouble>> {
        if let Err(trouble) = self.allow(&[Scope::MetricsRead]) {
            return asked.iter().map(|_| Err(trouble.clone())).collect();
        }
        if asked.is_empty() {
            return Vec::new();
        }
        // no connection is held while another is waited for
        let mut questions = Vec::with_capacity(asked.len());
        for asked in asked {
            questions.push(self.question(&asked).await.map(|question| (asked, question)));
        }
        let snapshot = Snapshot::take(&self.state.pool).await.map_err(|error| self.trouble(error.into()));
        let may_have_twin = questions.len() > 1 && !self.state.is_distributed;
        let twin = match snapshot.as_ref().ok().filter(|_| may_have_twin) {
            Some(snapshot) => snapshot.twin(&self.state.pool).await.unwrap_or_else(|error| {
                tracing::debug!(error = %error, "a page is read by one connection");
                None
            }),
            None => None,
        };
        let left = Mutex::new(questions.into_iter().enumerate());
        let beside = async {
            match &twin {
                Some(twin) => Box::pin(self.answers_of(&left, Ok(twin))).await,
                None => Vec::new(),
            }
        };
        let (mut answers, others) = tokio::join!(Box::pin(self.answers_of(&left, snapshot.as_ref())), beside);
        answers.extend(others);
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Answers the queries that are left, one after the other; returns each answer with its place.
    async fn answers_of(
        &self,
        left: &Mutex<impl Iterator<Item = (usize, Result<(String, Question), ApiError>)>>,
        snapshot: Result<&Snapshot, &Trouble>,
    ) -> Vec<(usize, Result<Answered, Trouble>)> {
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut answers = Vec::new();
        while let Some((place, question)) = next() {
            let answer = match (question, snapshot) {
                (Err(error), _) => Err(self.trouble(error)),
                (Ok(_), Err(trouble)) => Err(trouble.clone()),
                (Ok((asked, question)), Ok(snapshot)) => {
                    self.answer(snapshot, asked, &question).await.map_err(|error| self.trouble(error))
                }
            };
            answers.push((place, answer));
        }
        answers
    }

    /// Answers one query string of `/v1/metrics/query`, for a caller with the scope for it.
    pub(crate) async fn answer_to(&self, asked: String) -> Result<Answered, ApiError> {
        let question = self.question(&asked).await?;
        let snapshot = Snapshot::take(&self.state.pool).await?;
        self.answer(&snapshot, asked, &question).await
    }

    /// Reads a query string, by the rules of the API.
    async fn question(&self, asked: &str) -> Result<Question, ApiError> {
        if let Some(key_id) = &self.state.caller.key_id {
            let now = self.state.clock.now();
            self.state.access_policy.budgets.take(key_id, QUERY, now).map_err(AccessProblem::from)?;
        }
        let address = format!("{METRICS_PATH}?{asked}").parse::<Uri>().map_err(|_| ApiError::NoSuchPath)?;
        let Asked { given, faults } = Asked::<QueryParameters>::of(&address)?;
        let understood = understand(&self.state, &given.raw_query(), Granularity::None, MAX_BUCKETS, faults).await?;
        Question::of(&self.state, understood)
    }

    /// Computes an answer. A statement that fails costs only its own panel.
    async fn answer(&self, snapshot: &Snapshot, asked: String, question: &Question) -> Result<Answered, ApiError> {
        if question.shows_titles {
            self.note_content();
        }
        snapshot.mark().await?;
        let answer = match question.answer(snapshot).await {
            Ok(answer) => answer,
            Err(error) => {
                snapshot.return_to_mark().await?;
                return Err(error.into());
            }
        };
        let is_cut = |row: Option<&MetricRow>| row.is_some_and(|row| row.bucket.is_partial);
        let cut = [is_cut(answer.rows.first()), is_cut(answer.rows.last())];
        Ok(Answered { answer: series(&question.understood.query, answer), question: asked, cut })
    }

    /// Returns an error as a panel shows it, and writes the log.
    fn trouble(&self, error: ApiError) -> Trouble {
        if self.state.counts_not(&error) {
            self.is_lost.store(true, Ordering::Relaxed);
        }
        let problem = error.of_part(&self.request_id);
        let detail = words::quoted(&problem.detail);
        Trouble::Failed { title: problem.title, detail, request_id: problem.instance }
    }
}
