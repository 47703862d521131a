//! Charts and rankings as SVG files: the query and the marks of a panel, at an address of its own.

use axum::response::Response;

use crate::api::parameters::path::PathName;
use crate::api::problem::ApiError;
use crate::web::costs;
use crate::web::figures::{CONVERSATIONS, MEETINGS, OVERVIEW};
use crate::web::file::FileKind;
use crate::web::reading::Reading;
use crate::web::section::{self, Plan};
use crate::web::visit::Visit;

/// Returns the panels of all sections.
fn plans() -> impl Iterator<Item = &'static Plan> {
    OVERVIEW.iter().chain(&CONVERSATIONS).chain(&MEETINGS).chain(&costs::PLANS)
}

/// Answers with the chart of a panel in the state of the address.
pub(crate) async fn chart(PathName(name): PathName, visit: Visit) -> Result<Response, ApiError> {
    let id = name.strip_suffix(".svg").unwrap_or_default();
    let plan = plans().find(|plan| plan.id == id);
    let plan = plan.ok_or_else(|| ApiError::NotFound(format!("There is no chart {name}.")))?;
    let reading = Reading::open(&visit).await?;
    let answered = reading.answer_to(section::question(&visit, plan)).await?;
    let echo = &answered.answer.query;
    let day = |instant: &str| instant.get(..10).unwrap_or(instant).to_owned();
    let named = format!("{id}-{}-until-{}", day(&echo.from), day(&echo.to));
    let panel = section::panel(&visit, plan, &Ok(answered));
    Ok(visit.send_file(&reading, FileKind::Svg, &named, panel.svg()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chart_has_an_address_of_its_own() {
        let mut ids: Vec<&str> = plans().map(|plan| plan.id).collect();
        assert!(ids.len() > 10, "{ids:?}");
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }
}
