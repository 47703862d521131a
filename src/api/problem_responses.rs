//! The problem responses in the API's description: which ones an endpoint may return, and what each means.
//!
//! Each is one component of the description, so that it is stated once. Endpoints name a set, and rules add theirs
//! ([`crate::api::access::routes`]), so that no endpoint omits a problem and all describe it alike. The text of an
//! actual problem is in [`crate::api::problem`].

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response};

use crate::api::problem::PROBLEM_JSON;

/// A problem response: its component, its status and its meaning.
struct Described(&'static str, &'static str, &'static str);

/// All problem responses.
const ALL: [Described; 26] = [
    Described(
        "Unauthorized",
        "401",
        "No usable key was given (`no_key`, `unusable_key`, `key_ended`, `session_ended`); see `WWW-Authenticate`.",
    ),
    Described(
        "HookNotVerified",
        "401",
        "The signature is missing, or does not belong to the body (`webhook_not_verified`).",
    ),
    Described(
        "Forbidden",
        "403",
        "The key lacks the scope (`missing_scope`), or is limited and this concerns all sources (`sources_limited`); or a page of \
         another origin sent a request that changes something (`cross_site_request`).",
    ),
    Described(
        "ActionForbidden",
        "403",
        "Nothing was started: as `Forbidden`, or the source does not allow it (`actions_disabled`).",
    ),
    Described("NotFound", "404", "There is no such item, or the key's sources do not have it."),
    Described(
        "NotAcceptable",
        "406",
        "None of the available forms is accepted (`not_acceptable`); the detail lists them.",
    ),
    Described("BodyTooSlow", "408", "The body did not arrive in time (`body_too_slow`)."),
    Described(
        "ControlConflict",
        "409",
        "Nothing was changed: the stream is paused (`stream_paused`), the source is no longer configured (`source_not_polled`), or \
         the source or the new slug is in use (`source_not_changed`).",
    ),
    Described(
        "NoSuchWindow",
        "409",
        "No doubtful or no accepted window touches the range (`no_such_window`); nothing was changed.",
    ),
    Described(
        "ReplayConflict",
        "409",
        "Nothing was done: the record's source is not configured in this process (`source_not_configured`).",
    ),
    Described(
        "ActionConflict",
        "409",
        "Nothing was started: the provider has no such call (`not_offered`), the session is still running (`session_not_ended`), or \
         the idempotency key belongs to a call under way (`action_in_flight`) or with an unknown outcome (`outcome_still_unknown`).",
    ),
    Described("HookReplayed", "409", "The same webhook was received before (`webhook_replayed`)."),
    Described(
        "CardsChanged",
        "412",
        "The current cards are not those of `If-Match` (`rate_cards_changed`); nothing was changed.",
    ),
    Described("BodyTooLarge", "413", "The body is too large (`body_too_large`)."),
    Described(
        "NotJson",
        "415",
        "There is a body, and it is not declared as `application/json` (`unsupported_media_type`).",
    ),
    Described("Misdirected", "421", "The Host is not one of this service (`unknown_host`)."),
    Described(
        "Invalid",
        "422",
        "The request has faults, all of them in `errors`: parameters (`invalid_query`), or places of the body (`invalid_body`).",
    ),
    Described(
        "ActionInvalid",
        "422",
        "Nothing was started: as `Invalid`, or the idempotency key belongs to another request (`idempotency_key_reused`).",
    ),
    Described(
        "HookNotFollowed",
        "422",
        "The event is not readable or not known (`webhook_not_followed`), or is about another time (`webhook_stale`).",
    ),
    Described(
        "TooManyRequests",
        "429",
        "The budget of the key is spent (`over_budget`); see `Retry-After` and `RateLimit`.",
    ),
    Described("InternalError", "500", "Internal error; the log states the cause under the id in `instance`."),
    Described(
        "ProviderRefused",
        "502",
        "Nothing was started: the provider refused (`provider_refused`); `detail` quotes its message.",
    ),
    Described(
        "Unavailable",
        "503",
        "The database does not respond (`database_unavailable`, see `Retry-After`), or the query takes too long (`query_too_expensive`).",
    ),
    Described(
        "NotFreshEnough",
        "503",
        "As `Unavailable`, or the data is older than `require_fresh` allows (`not_fresh_enough`, see `Retry-After`).",
    ),
    Described(
        "ActionUnavailable",
        "503",
        "Nothing was started: the provider (`provider_not_now`) or the database (`database_unavailable`) is temporarily unavailable; see `Retry-After`.",
    ),
    Described(
        "OutcomeUnknown",
        "504",
        "**It may have been started** (`outcome_unknown`): the provider's response was lost or cannot be read. Check at the provider before you retry.",
    ),
];

/// The components of all problem responses.
pub(crate) fn components() -> impl Iterator<Item = (&'static str, Response)> {
    ALL.iter().map(|Described(name, _, meaning)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        (*name, ResponseBuilder::new().description(*meaning).content(PROBLEM_JSON, content).build())
    })
}

/// Returns references to these components, by status.
pub(crate) fn named(names: &[&'static str]) -> BTreeMap<String, RefOr<Response>> {
    let chosen = ALL.iter().filter(|Described(name, ..)| names.contains(name));
    chosen.map(|Described(name, status, _)| ((*status).to_owned(), Ref::from_response_name(*name).into())).collect()
}

/// Defines sets of problem responses that an endpoint can name.
macro_rules! problem_sets {
    ($($(#[$meta:meta])* $set:ident = [$($name:literal),+];)+) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) struct $set;

        impl IntoResponses for $set {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                named(&[$($name),+])
            }
        }
    )+};
}

problem_sets! {
    /// The problems of an endpoint that needs no data.
    PlainProblems = ["Invalid", "InternalError"];
    /// The problems that every read can return.
    ReadProblems = ["Invalid", "InternalError", "Unavailable"];
    /// The problems of reading one item.
    FindProblems = ["NotFound", "Invalid", "InternalError", "Unavailable"];
    /// The problems of a read whose response has several forms.
    TableProblems = ["NotAcceptable", "Invalid", "InternalError", "Unavailable"];
    /// The problems of reading one item whose response has several forms.
    FindTableProblems = ["NotFound", "NotAcceptable", "Invalid", "InternalError", "Unavailable"];
    /// The problems of a metric query whose response has several forms.
    FigureProblems = ["NotAcceptable", "Invalid", "InternalError", "NotFreshEnough"];
    /// The problems of a metric query that is sent as a body.
    AskProblems =
        ["NotAcceptable", "BodyTooSlow", "BodyTooLarge", "NotJson", "Invalid", "InternalError", "NotFreshEnough"];
    /// The problems of replacing the rate cards.
    ReplacePricesProblems =
        ["BodyTooSlow", "CardsChanged", "BodyTooLarge", "NotJson", "Invalid", "InternalError", "Unavailable"];
    /// The problems of an estimate of costs.
    PriceProblems = ["BodyTooSlow", "BodyTooLarge", "NotJson", "Invalid", "InternalError", "Unavailable"];
    /// The problems of operator commands.
    ControlProblems = [
        "NotFound", "BodyTooSlow", "ControlConflict", "BodyTooLarge", "NotJson", "Invalid", "InternalError", "Unavailable"
    ];
    /// The problems of commands about windows.
    WindowProblems =
        ["NotFound", "BodyTooSlow", "NoSuchWindow", "BodyTooLarge", "NotJson", "Invalid", "InternalError", "Unavailable"];
    /// The problems of replaying a rejected record.
    ReplayProblems = [
        "NotFound", "BodyTooSlow", "ReplayConflict", "BodyTooLarge", "NotJson", "Invalid", "InternalError", "Unavailable"
    ];
    /// The problems of a webhook.
    HookProblems = [
        "HookNotVerified", "NotFound", "BodyTooSlow", "HookReplayed", "BodyTooLarge", "HookNotFollowed", "TooManyRequests",
        "InternalError", "Unavailable"
    ];
    /// The problems of a call that starts something at a provider.
    ActionProblems = [
        "ActionForbidden", "NotFound", "BodyTooSlow", "ActionConflict", "BodyTooLarge", "NotJson", "ActionInvalid",
        "InternalError", "ProviderRefused", "ActionUnavailable", "OutcomeUnknown"
    ];
}
