//! Sets or ends a price by the command below `PUT /v1/rate-cards`, which judges it, writes it and records the operator.

use std::slice;
use std::sync::Arc;

use axum::extract::{Extension, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::costs::cards::seen;
use crate::api::costs::replace::replace;
use crate::api::problem::{ActionProblem, ApiError};
use crate::store::operation::Operator;
use crate::web::costs::answer;
use crate::web::costs::price_form::PriceForm;
use crate::web::form::Form;
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

/// Sets or ends a price, and shows the prices; or shows the form with what is wrong.
pub(crate) async fn set(
    mut visit: Visit,
    Extension(policy): Extension<Arc<AccessPolicy>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Response, ApiError> {
    let price = PriceForm::of(&Form::read(&policy, &arrival, request).await?);
    let done = match price.body(&seen(&visit.state).await?, Zoned::of(&visit).zone()) {
        Ok(body) => {
            let requested_by = visit.state.caller.name.clone();
            let operator = Operator { requested_by, request_id: Some(visit.request_id.clone()) };
            replace(&visit.state, &body, Some(slice::from_ref(&price.version)), &operator).await
        }
        Err(faults) => Err(ApiError::InvalidBody(faults)),
    };
    let (status, price) = match done {
        Ok(_) => return Ok(back(visit).await.into_response()),
        Err(ApiError::InvalidBody(faults)) => (StatusCode::UNPROCESSABLE_ENTITY, price.refused(faults)),
        Err(ApiError::Action(ActionProblem::CardsChanged)) => (StatusCode::PRECONDITION_FAILED, price.outdated()),
        Err(error) => return Err(error),
    };
    "/costs".clone_into(&mut visit.path);
    let mut response = answer(&visit, price).await?;
    *response.status_mut() = status;
    Ok(response)
}

/// Leads to the prices: after the form, and a reader who opens its address.
pub(crate) async fn back(visit: Visit) -> Redirect {
    Redirect::to(&format!("{}#rate-cards", visit.selection.link_here("/costs")))
}
