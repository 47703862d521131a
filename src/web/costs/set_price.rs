//! Sets a price by the handler of `PUT /v1/rate-cards`, which judges it, writes it and records the operator.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::access::policy::{AccessPolicy, Arrival};
use crate::api::actions::request::ActionRequest;
use crate::api::costs::cards::{replace_rate_cards, seen};
use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::api::state::ForCaller;
use crate::web::costs::answer;
use crate::web::costs::price_form::PriceForm;
use crate::web::form::Form;
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

/// Sets a price, and shows the prices; or shows the form with what is wrong.
pub(crate) async fn set(
    mut visit: Visit,
    Extension(policy): Extension<Arc<AccessPolicy>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let form = Form::read(&policy, &arrival, Request::from_parts(parts.clone(), body)).await?;
    let price = PriceForm::of(&form);
    let cards = price.body(seen(&visit.state).await?, Zoned::of(&visit).zone());
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let request = ActionRequest::from_request(Request::from_parts(parts, Body::from(cards.to_string())), &()).await?;
    let nothing = Asked::of(&Uri::from_static("/"))?;
    match replace_rate_cards(ForCaller(visit.state.clone()), nothing, request).await {
        Ok(_) => Ok(Redirect::to(&format!("{}#rate-cards", visit.selection.link("/costs"))).into_response()),
        Err(ApiError::InvalidBody(faults)) => {
            "/costs".clone_into(&mut visit.path);
            let mut response = answer(&visit, price.refused(faults)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// Leads a reader who opens the address of the form to the prices.
pub(crate) async fn back(visit: Visit) -> Redirect {
    Redirect::to(&format!("{}#rate-cards", visit.selection.link("/costs")))
}
