//! The people of a session as strips over its time: when each was there, and when each spoke.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::prelude::ToPrimitive;

use crate::query::participants::Participant;
use crate::query::sessions::Session;
use crate::query::transcripts::TranscriptSegment;
use crate::web::chart::percent;
use crate::web::panel::{Shown, State};
use crate::web::table::{Cell, Mark, Strip, Table};
use crate::web::zoned::Zoned;

/// Height of a strip, CSS pixels, and the room above and below the two kinds of marks.
const HEIGHT: usize = 18;
const AROUND_PRESENCE: usize = 2;
const AROUND_SPEECH: usize = 5;

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
        // who is still there is seen until now
        let end = session.ended_at.or_else(|| session.is_provisional.then_some(now));
        let to = left.chain(end).max().unwrap_or(now);
        Self { from, to: to.max(from) }
    }

    /// Returns the mark of a presence, or of speech; its end may be unknown.
    fn mark(self, class: &str, around: usize, from: DateTime<Utc>, to: Option<DateTime<Utc>>) -> Mark {
        let share = |at: DateTime<Utc>| {
            let whole = (self.to - self.from).num_milliseconds().max(1).to_f64().unwrap_or(1.0);
            ((at - self.from).num_milliseconds().to_f64().unwrap_or(0.0) / whole).clamp(0.0, 1.0)
        };
        let (x, end) = (share(from), share(to.unwrap_or(self.to)));
        // what is shorter than a pixel is still seen
        Mark {
            class: class.to_owned(),
            x: percent(x),
            width: percent((end - x).max(0.002)),
            y: around,
            height: HEIGHT - 2 * around,
            read: String::new(),
        }
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
    let rows = order.iter().filter_map(|key| by_person.get(key)).map(|own| row(own, spoken, span, zoned));
    let strips = Table {
        head: vec![Cell::text("Name"), Cell::text("Presence and speech")],
        rows: rows.collect(),
        ends: Some([zoned.clock(span.from), zoned.clock_after(span.from, span.to)]),
    };
    let caption = format!(
        "{} in {} from {} to {} {}; inner bars: speech.",
        counted(order.len(), "person", "people"),
        counted(people.len(), "presence", "presences"),
        zoned.second(span.from),
        zoned.clock_after(span.from, span.to),
        zoned.name()
    );
    Shown { state: State::Table(strips), caption, table: Some(table(people, zoned)) }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn row(own: &[&Participant], spoken: &[TranscriptSegment], span: Span, zoned: Zoned) -> Vec<Cell> {
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
        Some(span.mark("c1", AROUND_SPEECH, from, Some(from + length(segment).unwrap_or_default())))
    });
    let name = own.iter().find_map(|one| one.display_name.clone()).unwrap_or_else(|| "unnamed".to_owned());
    let clock = |at| zoned.clock_after(span.from, at);
    let times = own.iter().filter_map(|one| {
        let left = one.left_at.map_or_else(|| "an unknown end".to_owned(), clock);
        Some(format!("{} to {left}", clock(one.joined_at?)))
    });
    let present = own.iter().filter_map(|one| {
        let class = if one.left_at.is_some() { "c0 pale" } else { "c0 open" };
        Some(span.mark(class, AROUND_PRESENCE, one.joined_at?, one.left_at))
    });
    let strip = Strip {
        sentence: format!("{name}: {}", times.collect::<Vec<_>>().join(", ")),
        height: HEIGHT,
        marks: present.chain(spoken).collect(),
    };
    vec![Cell::text(name), Cell::strip(strip)]
}

fn table(people: &[Participant], zoned: Zoned) -> Table {
    let head = ["Name", "Joined", "Left", "Role", "Pseudonym"].map(Cell::text).into();
    let row = |one: &Participant| {
        let derived = if one.is_left_at_derived { " (from its length)" } else { "" };
        let left = one.left_at.map(|at| Cell { text: format!("{}{derived}", zoned.second(at)), ..zoned.cell(at) });
        vec![
            Cell::text(one.display_name.clone().unwrap_or_else(|| "unnamed".to_owned())),
            one.joined_at.map_or_else(|| Cell::text("unknown"), |at| zoned.cell(at)),
            left.unwrap_or_else(|| Cell::text("unknown")),
            Cell::text(one.preset_name.clone().unwrap_or_default()),
            Cell::text(one.person_id.clone().unwrap_or_default()),
        ]
    };
    Table { head, rows: people.iter().map(row).collect(), ends: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_a_part_of_the_span_and_never_leaves_it() {
        let at = |minute: i64| DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(minute);
        let span = Span { from: at(10), to: at(50) };
        let placed = |from, to| {
            let mark = span.mark("c1", AROUND_SPEECH, from, to);
            (mark.x, mark.width, mark.y, mark.height)
        };
        let part = |x: f64, width: f64| (percent(x), percent(width), 5, 8);
        assert_eq!(placed(at(20), Some(at(30))), part(0.25, 0.25));
        assert_eq!(placed(at(40), None), part(0.75, 0.25));
        assert_eq!(placed(at(0), Some(at(99))), part(0.0, 1.0));
    }
}
