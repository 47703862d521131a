//! The people of a session as strips over its time: when each was there, and when each spoke.

use std::collections::BTreeMap;

use askama::Template;
use chrono::{DateTime, Utc};
use rust_decimal::prelude::ToPrimitive;

use crate::query::participants::Participant;
use crate::query::sessions::Session;
use crate::query::transcripts::TranscriptSegment;
use crate::web::chart::percent;
use crate::web::panel::{Cell, Shown, Table};
use crate::web::zoned::Zoned;

/// A part of a strip, in percent of its width.
#[derive(Debug, PartialEq)]
struct Bar {
    x: String,
    width: String,
    /// Whether its end is not known.
    is_open: bool,
}

/// The strip of one person.
struct Strip {
    name: String,
    sentence: String,
    present: Vec<Bar>,
    spoken: Vec<Bar>,
}

#[derive(Template)]
#[template(path = "strips.html")]
struct Strips {
    people: Vec<Strip>,
    from: String,
    to: String,
}

/// The time that strips span.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Span {
    fn of(session: &Session, people: &[Participant], now: DateTime<Utc>) -> Self {
        let joined = people.iter().filter_map(|one| one.joined_at);
        let left = people.iter().filter_map(|one| one.left_at);
        let from = joined.chain([session.started_at]).min().unwrap_or(session.started_at);
        let to = left.chain(session.ended_at).max().unwrap_or(now);
        Self { from, to: to.max(from) }
    }

    fn bar(self, from: DateTime<Utc>, to: Option<DateTime<Utc>>) -> Bar {
        let share = |at: DateTime<Utc>| {
            let whole = (self.to - self.from).num_milliseconds().max(1).to_f64().unwrap_or(1.0);
            ((at - self.from).num_milliseconds().to_f64().unwrap_or(0.0) / whole).clamp(0.0, 1.0)
        };
        let (x, end) = (share(from), share(to.unwrap_or(self.to)));
        // what is shorter than a pixel is still seen
        Bar { x: percent(x), width: percent((end - x).max(0.002)), is_open: to.is_none() }
    }
}

/// Draws the people of a session.
pub(super) fn draw(
    session: &Session,
    people: &[Participant],
    spoken: &[TranscriptSegment],
    now: DateTime<Utc>,
    zoned: Zoned,
) -> Shown {
    let span = Span::of(session, people, now);
    let mut by_person: BTreeMap<String, Vec<&Participant>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for one in people {
        let key = one.person_id.clone().unwrap_or_else(|| format!("presence {}", one.participant_id));
        if !by_person.contains_key(&key) {
            order.push(key.clone());
        }
        by_person.entry(key).or_default().push(one);
    }
    let strips = order.iter().filter_map(|key| by_person.get(key)).map(|own| strip(own, spoken, span, zoned)).collect();
    let strips = Strips { people: strips, from: zoned.clock(span.from), to: zoned.clock(span.to) };
    let caption = format!(
        "{} people in {} presences from {} to {} {}; bright parts: speech.",
        order.len(),
        people.len(),
        zoned.second(span.from),
        zoned.clock(span.to),
        zoned.name()
    );
    Shown { figure: strips.render().unwrap_or_default(), caption, table: Some(table(people, zoned)) }
}

fn strip(own: &[&Participant], spoken: &[TranscriptSegment], span: Span, zoned: Zoned) -> Strip {
    let is_own = |segment: &&TranscriptSegment| {
        let is_person = own[0].person_id.is_some() && segment.speaker_id == own[0].person_id;
        is_person || own.iter().any(|one| segment.participant_id == Some(one.participant_id))
    };
    let length = |segment: &TranscriptSegment| {
        let (from, to) = (segment.offset_seconds?.0, segment.end_offset_seconds?.0);
        chrono::TimeDelta::try_milliseconds(((to - from) * rust_decimal::Decimal::ONE_THOUSAND).to_i64()?)
    };
    let spoken = spoken.iter().filter(is_own).filter_map(|segment| {
        let from = segment.started_at?;
        Some(span.bar(from, Some(from + length(segment).unwrap_or_default())))
    });
    let name = own.iter().find_map(|one| one.display_name.clone()).unwrap_or_else(|| "unnamed".to_owned());
    let times = own.iter().filter_map(|one| {
        let left = one.left_at.map_or_else(|| "an unknown end".to_owned(), |at| zoned.clock(at));
        Some(format!("{} to {left}", zoned.clock(one.joined_at?)))
    });
    Strip {
        sentence: format!("{name}: {}", times.collect::<Vec<_>>().join(", ")),
        present: own.iter().filter_map(|one| Some(span.bar(one.joined_at?, one.left_at))).collect(),
        spoken: spoken.collect(),
        name,
    }
}

fn table(people: &[Participant], zoned: Zoned) -> Table {
    let head = ["Name", "Joined", "Left", "Role", "Pseudonym"].map(Cell::text).into();
    let at = |at: Option<DateTime<Utc>>| at.map_or_else(|| "unknown".to_owned(), |at| zoned.second(at));
    let row = |one: &Participant| {
        let derived = if one.is_left_at_derived { " (from its length)" } else { "" };
        vec![
            Cell::text(one.display_name.clone().unwrap_or_else(|| "unnamed".to_owned())),
            Cell::text(at(one.joined_at)),
            Cell::text(format!("{}{derived}", at(one.left_at))),
            Cell::text(one.preset_name.clone().unwrap_or_default()),
            Cell::text(one.person_id.clone().unwrap_or_default()),
        ]
    };
    Table { head, rows: people.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_a_part_of_the_span_and_never_leaves_it() {
        let at = |minute: i64| DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(minute);
        let span = Span { from: at(10), to: at(50) };
        let bar = |x: f64, width: f64, is_open| Bar { x: percent(x), width: percent(width), is_open };
        assert_eq!(span.bar(at(20), Some(at(30))), bar(0.25, 0.25, false));
        assert_eq!(span.bar(at(40), None), bar(0.75, 0.25, true));
        assert_eq!(span.bar(at(0), Some(at(99))), bar(0.0, 1.0, false));
    }
}
