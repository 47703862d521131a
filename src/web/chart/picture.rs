//! A chart for the page. [`super::file`] draws the same marks as a file of its own.

use askama::Template;

use crate::web::chart::along::Chart;
use crate::web::chart::heat::Heat;
use crate::web::table::Table;

/// A chart.
#[derive(Debug)]
pub(crate) enum Picture {
    /// Along time.
    Along(Chart),
    /// Over the hours of the week.
    Week(Heat),
}

impl Picture {
    /// Returns it with its caption and its values.
    pub(crate) fn parts(mut self) -> (Self, String, Table) {
        let (caption, table) = match &mut self {
            Self::Along(chart) => (chart.caption.clone(), std::mem::take(&mut chart.table)),
            Self::Week(heat) => (heat.caption.clone(), std::mem::take(&mut heat.table)),
        };
        (self, caption, table)
    }

    /// Draws it for the page.
    pub(crate) fn html(&self) -> askama::Result<String> {
        match self {
            Self::Along(chart) => chart.render(),
            Self::Week(heat) => heat.render(),
        }
    }
}
