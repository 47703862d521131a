//! The problem responses in the API's description: which ones an endpoint may return, and what each status means.
//!
//! Endpoints name one of these sets, so that no endpoint omits a problem and all describe it alike. The text of
//! an actual problem is in [`crate::api::problem`].

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use crate::api::problem::PROBLEM_JSON;

/// Documents the problems that every read can return.
#[derive(Debug)]
pub(crate) struct ReadProblems;

/// Documents the problems of a read whose response has several forms.
#[derive(Debug)]
pub(crate) struct TableProblems;

/// Documents the problems of reading one item.
#[derive(Debug)]
pub(crate) struct FindProblems;

/// Documents the problems of an endpoint that needs no data.
#[derive(Debug)]
pub(crate) struct PlainProblems;

/// Documents the problems of a call that starts something at a provider.
#[derive(Debug)]
pub(crate) struct ActionProblems;

/// Documents the problems of replaying a rejected record.
#[derive(Debug)]
pub(crate) struct ReplayProblems;

/// A status and its meaning, for the API's description.
type StatusMeaning = (&'static str, &'static str);

const INVALID: StatusMeaning = (
    "422",
    "The request has faults: an unknown parameter, or values that cannot be read. All of them are in `errors`.",
);
const INTERNAL: StatusMeaning = ("500", "Internal error; the log states the cause under the id in `instance`.");
const UNAVAILABLE: StatusMeaning = (
    "503",
    "The database does not respond (`database_unavailable`, see Retry-After), or the query takes too long (`query_too_expensive`).",
);
/// Documents the problems of a metric query whose response has several forms.
#[derive(Debug)]
pub(crate) struct FigureProblems;

/// Documents the problems of a metric query that is sent as a body.
#[derive(Debug)]
pub(crate) struct AskProblems;

const TOO_OLD: StatusMeaning = (
    "503",
    "The database does not respond (`database_unavailable`, see Retry-After), the query takes too long (`query_too_expensive`), or \
     the data is older than `require_fresh` allows (`not_fresh_enough`, see Retry-After).",
);
const NOT_ACCEPTABLE: StatusMeaning =
    ("406", "None of the available forms is accepted (`not_acceptable`); the detail lists them.");
const NOT_FOUND: StatusMeaning = ("404", "Not found.");

const INVALID_ACTION: StatusMeaning = (
    "422",
    "Nothing was started: the body has faults, all in `errors` with their JSON pointers (`invalid_body`), or the idempotency key \
     belongs to another request (`idempotency_key_reused`).",
);

/// Documents the problems of operator commands to the pollers.
#[derive(Debug)]
pub(crate) struct ControlProblems;

impl IntoResponses for ControlProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[
            ("403", "A page of another origin sent the request (`cross_site_request`)."),
            ("404", "There is no source with this slug; the response may suggest a similar one."),
            (
                "409",
                "Run now: the stream is paused (`stream_paused`), or the source is no longer configured (`source_not_polled`). \
                 Rename, merge, remove: the source or the new slug is in use (`source_not_changed`).",
            ),
            ("413", "The body is too large; it must be empty."),
            ("415", "There is a body, and it is not declared as `application/json`."),
            INVALID,
            INTERNAL,
            ("503", "The database does not respond (`database_unavailable`, see Retry-After)."),
        ])
    }
}

/// Documents the problems of commands about windows.
#[derive(Debug)]
pub(crate) struct WindowProblems;

impl IntoResponses for WindowProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[
            ("403", "A page of another origin sent the request (`cross_site_request`)."),
            ("404", "There is no source with this slug; the response may suggest a similar one."),
            ("409", "No doubtful or no accepted window touches the range (`no_such_window`); nothing was changed."),
            ("413", "The body is too large."),
            ("415", "The body is not declared as `application/json`."),
            ("422", "The body has faults (`invalid_body`), all in `errors` with their JSON pointers."),
            INTERNAL,
            ("503", "The database does not respond (`database_unavailable`, see Retry-After)."),
        ])
    }
}

/// Documents the problems of a call that sets prices.
#[derive(Debug)]
pub(crate) struct PriceProblems;

impl IntoResponses for PriceProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[
            ("403", "A page of another origin sent the request (`cross_site_request`)."),
            ("413", "The body is too large."),
            ("415", "The body is not declared as `application/json`."),
            ("422", "The body has faults (`invalid_body`), all in `errors` with their JSON pointers."),
            INTERNAL,
            UNAVAILABLE,
        ])
    }
}

impl IntoResponses for TableProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[NOT_ACCEPTABLE, INVALID, INTERNAL, UNAVAILABLE])
    }
}

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[INVALID, INTERNAL, UNAVAILABLE])
    }
}

impl IntoResponses for FigureProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[NOT_ACCEPTABLE, INVALID, INTERNAL, TOO_OLD])
    }
}

impl IntoResponses for AskProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let too_large = ("413", "The body is too large.");
        let not_json = ("415", "The body is not declared as `application/json`.");
        responses_of(&[NOT_ACCEPTABLE, too_large, not_json, INVALID, INTERNAL, TOO_OLD])
    }
}

impl IntoResponses for FindProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[NOT_FOUND, INVALID, INTERNAL, UNAVAILABLE])
    }
}

impl IntoResponses for PlainProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        responses_of(&[INVALID, INTERNAL])
    }
}

/// Problems of a call that starts something, besides those of every read.
const ACTION: [StatusMeaning; 7] = [
    (
        "403",
        "Nothing was started: the source does not allow it (`actions_disabled`), or a page of another origin sent the request (`cross_site_request`).",
    ),
    (
        "409",
        "Nothing was started: the provider has no such call (`not_offered`), the session is still running (`session_not_ended`), \
         or the idempotency key belongs to a call under way (`action_in_flight`) or with an unknown outcome (`outcome_still_unknown`).",
    ),
    ("413", "Nothing was started: the body is too large."),
    ("415", "Nothing was started: the body is not declared as `application/json`."),
    ("502", "Nothing was started: the provider refused (`provider_refused`); `detail` quotes its message."),
    (
        "503",
        "Nothing was started: the provider (`provider_not_now`) or the database (`database_unavailable`) is temporarily unavailable; see Retry-After.",
    ),
    (
        "504",
        "**It may have been started** (`outcome_unknown`): the provider's response was lost or cannot be read. Check at the provider before you retry.",
    ),
];

/// Problems of replaying a rejected record, besides those of every read.
const REPLAY: [StatusMeaning; 4] = [
    ("403", "Nothing was done: a page of another origin sent the request (`cross_site_request`)."),
    ("409", "Nothing was done: the record's source is not configured in this process (`source_not_configured`)."),
    ("415", "Nothing was done: the body is not declared as `application/json`."),
    ("422", "Nothing was done: the body has faults, or `rejection_id` is not a number. All faults are in `errors`."),
];

impl IntoResponses for ReplayProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let mut all = responses_of(&[NOT_FOUND, INTERNAL, UNAVAILABLE]);
        all.extend(responses_of(&REPLAY));
        all
    }
}

impl IntoResponses for ActionProblems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let mut all = responses_of(&[NOT_FOUND, INVALID_ACTION, INTERNAL]);
        all.extend(responses_of(&ACTION));
        all
    }
}

const TOO_SLOW: StatusMeaning = ("408", "The body did not arrive in time (`body_too_slow`).");

fn responses_of(problems: &[StatusMeaning]) -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
    let response = |description: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build()
    };
    // where a body is read, it may come too slowly
    let slow = problems.iter().any(|(status, _)| *status == "413").then_some(&TOO_SLOW);
    let problems = problems.iter().chain(slow);
    problems.map(|(status, description)| ((*status).to_owned(), response(description).into())).collect()
}
