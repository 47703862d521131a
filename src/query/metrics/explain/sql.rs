//! The SQL of a metric value, for readers: one statement over `analytics` with literal values.
//!
//! It is built from the rows, the filter and the sums that the value itself is read with, so that it returns the same
//! number in psql. Knowledge that is not in the rows (that a range is not proven yet, that the metric does not apply
//! to a provider) appears as a comment in the statement, and makes the value null where it is null.

use chrono::{DateTime, Utc};

use crate::query::metrics::concurrency;
use crate::query::metrics::explain::subject::{Counting, Naming, Subject};
use crate::query::metrics::measure::Additivity;
use crate::query::metrics::select::numbers;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::value::Value;
use crate::query::number::Number;

/// Returns the statement that computes `figure`, for a role that may read `analytics`.
pub(super) fn of(subject: &Subject<'_>, figure: &Value, now: DateTime<Utc>) -> String {
    let metric = subject.metric;
    let header = format!("-- {} ({}): {}\n", metric.label, metric.id, metric.formula);
    let note = match figure.reason {
        Some(reason) if subject.telling.is_empty() => {
            return format!("{header}-- {reason}: no selected source has a value\nselect null::numeric as value;\n");
        }
        Some("unknown" | "no_data") | None => String::new(),
        Some(status) => {
            format!("-- {status}: the range is not proven complete, so an empty result is not 0\n")
        }
    };
    let is_unproven = !note.is_empty();
    let [value, known, unknown] = numbers(metric, &subject.pass());
    let is_ratio = metric.additivity == Additivity::RatioOfSums;
    let mut sql = Statement::new("with figure as (select ");
    if metric.additivity.is_along_time() {
        push_along_time(&mut sql, subject, now);
    } else {
        if is_ratio {
            sql.push("coalesce(")
                .push(value)
                .push(", 0) as numerator, coalesce(")
                .push(known)
                .push(", 0) as denominator, ");
        } else {
            sql.push(value).push(" as value, ").push(known).push(" as known_count, ");
        }
        push_unknown(&mut sql, subject, &unknown, now);
        subject.push_rows(&mut sql, Counting::Counted, Naming::Slug, now);
    }
    sql.push(") ");
    // As in an answer.
    let rounding = format!(", {})", Number::DIGITS);
    match metric.additivity {
        Additivity::RatioOfSums => {
            sql.push("select round(numerator / nullif(denominator, 0)").push(&rounding);
            sql.push(" as value, numerator, denominator, unknown_count");
        }
        Additivity::Percentile | Additivity::MaximumAsOf => {
            sql.push("select round(case when known_count > 0 then coalesce(value, 0) end").push(&rounding);
            sql.push(" as value, known_count, unknown_count");
        }
        Additivity::Sum
        | Additivity::Maximum
        | Additivity::TimeAverage
        | Additivity::StateAsOf
        | Additivity::Distinct => {
            sql.push("select round(case when known_count = 0 and unknown_count > 0 then null else ");
            sql.push(if is_unproven { "nullif(value, 0)" } else { "coalesce(value, 0)" });
            sql.push(" end").push(&rounding).push(" as value, known_count, unknown_count");
        }
    }
    sql.push(" from figure");
    format!("{header}{note}{};\n", laid_out(&sql.literal(subject.query.zone)))
}

/// Adds the count of rows without data; data that were never read count at the start of their session.
fn push_unknown(sql: &mut Statement, subject: &Subject<'_>, unknown: &str, now: DateTime<Utc>) {
    let metric = subject.metric;
    sql.push(unknown);
    if metric.is_unknown_by_start {
        sql.push(" + (select count(*) filter (where ").push(metric.is_unknown_sql).push(")");
        subject.push_started(sql, Counting::Counted, Naming::Slug, now);
        sql.push(")");
    }
    sql.push(" as unknown_count");
}

fn push_along_time(sql: &mut Statement, subject: &Subject<'_>, now: DateTime<Utc>) {
    let figure = if subject.metric.additivity == Additivity::TimeAverage { "average" } else { "peak" };
    sql.push("max(").push(figure).push(")::numeric as value, ");
    // A peak of 0 beside sessions of unknown attendance is unknown, not 0.
    sql.push("coalesce(ceil(max(").push(figure).push(")), 0)::numeric as known_count, (select count(*) filter (where ");
    sql.push(subject.metric.is_unknown_sql).push(")");
    subject.push_started(sql, Counting::Counted, Naming::Slug, now);
    sql.push(") as unknown_count from (");
    sql.append(concurrency::statement(&subject.query, subject.metric.grain, &subject.telling_ids(), now))
        .push(") swept where true");
    for (place, (_, value)) in subject.group.iter().enumerate() {
        sql.push_equal(&format!("g{}", place + 1), value.as_deref());
    }
}

/// Breaks a statement into lines before its clauses. String literals and deeply nested text stay unchanged.
pub(super) fn laid_out(sql: &str) -> String {
    const CLAUSES: [&str; 10] = [
        "select ",
        "from ",
        "where ",
        "and ",
        "join ",
        "left join ",
        "cross join ",
        "group by ",
        "order by ",
        "union all ",
    ];
    const DEEPEST: usize = 1;
    let mut text = String::with_capacity(sql.len() + 64);
    let (mut depth, mut in_text, mut is_after_space) = (0_usize, false, false);
    let mut after_join = 0;
    for (at, c) in sql.char_indices() {
        let is_break = is_after_space
            && !in_text
            && depth <= DEEPEST
            && at >= after_join
            && CLAUSES.iter().any(|clause| sql[at..].starts_with(clause));
        if is_break {
            text.truncate(text.trim_end().len());
            text.push('\n');
            let is_part = !["select ", "union all "].iter().any(|clause| sql[at..].starts_with(clause));
            text.push_str(&"  ".repeat(depth + usize::from(is_part)));
            // The `join` of a `left join` stays with it.
            after_join = at + if sql[at..].starts_with("left ") || sql[at..].starts_with("cross ") { 8 } else { 1 };
        }
        match c {
            '\'' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        // White space of the source is collapsed, except in string literals.
        is_after_space = !in_text && c.is_whitespace();
        if is_after_space {
            if !text.ends_with([' ', '\n']) {
                text.push(' ');
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_begin_lines_and_texts_stay() {
        let sql = "with f as (select count(*) filter (where a and b) from x s left join y using (z) where s.c = any(array[' from and where ']) and d) select 1 from f";
        assert_eq!(
            laid_out(sql),
            "with f as (select count(*) filter (where a and b)\n    from x s\n    left join y using (z)\n    where s.c = any(array[' from and where '])\n    and d)\nselect 1\n  from f"
        );
    }
}
