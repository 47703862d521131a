//! The parameter for titles of meetings. They are content, so a caller without the scope gets none.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::access::caller::Caller;
use crate::api::parameters::Faults;
use crate::api::parameters::values::switch;
use crate::model::api_key::Scope;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TitlesParameter {
    /// `true`: with the titles of meetings; only for keys with `content:read`, for others they are null.
    #[param(value_type = Option<bool>, example = false)]
    titles: Option<String>,
}

impl TitlesParameter {
    /// Returns whether the caller asks for titles and may read them.
    pub(crate) fn read(&self, caller: &Caller, faults: &mut Faults) -> bool {
        switch("titles", self.titles.as_deref(), faults) && caller.has_any(&[Scope::ContentRead])
    }
}
