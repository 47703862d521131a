//! The definition of a metric in words and columns: its formula, with the rows that it leaves out and those that are
//! unknown, and the rule for null.
//!
//! The conditions are made of the definition that the statements are made of, so that a published formula cannot differ
//! from what is computed.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::plan::is_session_untimed;
use crate::query::metrics::sql::numbers::unknown_rows;
use crate::query::metrics::time_column::Attribution;

impl Metric {
    /// Returns the formula over the views of `analytics`, the condition for the rows that it is about, and that for the
    /// rows of `unknown_count`.
    pub fn whole_formula(&self) -> String {
        let has_session = self.is_of_sessions() || self.grain == Grain::Cohorts;
        let mut conditions = Vec::from_iter(has_session.then(|| "is_counted".to_owned()));
        conditions.extend(self.about.map(Expr::unqualified));
        let mut formula = self.formula.to_owned();
        if !conditions.is_empty() {
            formula = format!("{formula}, of {} where {}", self.grain.as_str(), conditions.join(" and "));
        }
        let unknown = self.unknown_conditions();
        if !unknown.is_empty() {
            formula = format!("{formula}; unknown: {}", unknown.join("; or "));
        }
        formula
    }

    /// Returns the reasons for a null value and for unknown rows, in words.
    pub fn null_rule(&self) -> String {
        let has_rule = self.is_of_sessions() && !self.is_along_time();
        format!("{}{}", self.null_rule, if has_rule { self.time_column.unknown_rule() } else { "" })
    }

    /// Returns the conditions for rows that were never read, rows without a time, and rows that lack the data.
    fn unknown_conditions(&self) -> Vec<String> {
        let unread = self.grain.is_unread().map(|unread| format!("sessions where {}", unread.unqualified()));
        let untimed =
            self.is_untimed(Attribution::Start).map(|untimed| match is_session_untimed(self, Attribution::Start) {
                Some(untimed) => format!("sessions where {}", untimed.unqualified()),
                None => untimed.unqualified(),
            });
        let lacking = unknown_rows(self, &Expr::unqualified);
        [unread, untimed, lacking].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::query::metrics::registry::metric;

    #[test]
    fn a_formula_states_what_it_leaves_out() {
        let formula = |id: &str| metric(id).unwrap().whole_formula();
        assert_eq!(formula("sessions"), "count(*), of sessions where is_counted");
        assert_eq!(
            formula("session_duration_p50_seconds"),
            "percentile_cont(0.5) of duration_seconds, of sessions where is_counted and not is_provisional and \
             is_never_started is not true; unknown: not is_provisional and is_never_started is not true and \
             duration_seconds is null"
        );
        assert_eq!(
            formula("messages"),
            "count(*) of analytics.messages, of messages where is_counted; unknown: sessions where message_support <> \
             'none' and message_count is null and chat_state is distinct from 'not_enabled'; or sent_at is null"
        );
        assert_eq!(
            formula("unknown_values"),
            "sum(record_count) of analytics.provider_drift, of unexpected values where kind = 'unknown_value'"
        );
        assert_eq!(formula("rejected_records"), "count(resolved_at is null) of analytics.rejected_records");
    }
}
