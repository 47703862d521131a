//! The chat file of a meeting: separated values with a header, or JSON.
//!
//! Columns are found by name, in any order. A message without an id gets one derived from its content, so that
//! reading the same file twice gives the same messages.

use std::rc::Rc;

use chrono::{DateTime, Utc};

use crate::connector::record::{DriftItems, decimal, lossy_text, members};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::message::{Message, SenderRole};
use crate::model::page::Reject;
use crate::model::time;
use crate::providers::message_list::MessageList;
use crate::providers::realtimekit::files::rows::{Fault, Rows, json_list, reject};
use crate::providers::realtimekit::files::table;

/// The values of a row, and the column names in the same order; `None`: the value is null.
struct Cells<'a> {
    names: Rc<[String]>,
    values: Vec<Option<String>>,
    raw: &'a str,
}

impl Cells<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let place = self.names.iter().position(|known| known == name)?;
        self.values.get(place)?.as_deref()
    }

    /// Returns a value that says something.
    fn said(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|text| !text.trim().is_empty() && *text != "null")
    }
}

/// The fields that metrics depend on, and that decide which messages are texts.
static WATCHED: [WatchedField; 4] = [
    WatchedField::of_record("/createdAt"),
    WatchedField::of_record("/id"),
    WatchedField::of_record("/participantId"),
    WatchedField::of_record("/payloadType"),
];

/// Reads the file; returns its messages, and the fields that any of them has.
pub(super) fn messages(text: &str, drift: &DriftItems) -> Result<(Rows<Message>, FieldPresence), Fault> {
    let rows = if text.trim_start().starts_with(['[', '{']) { json(text, drift)? } else { separated(text, drift)? };
    let mut list = MessageList::new("/id", &rows.iter().flatten().filter_map(|cells| cells.said("id")));
    let mut rejects: Vec<Reject> = Vec::new();
    for (position, row) in rows.into_iter().enumerate() {
        let position = i32::try_from(position).unwrap_or(i32::MAX);
        match row.and_then(|cells| message(&cells, position, &mut list, drift)) {
            Ok(message) => list.add(message, drift),
            Err(reject) => rejects.push(reject),
        }
    }
    let has_ids = list.has_ids;
    let good = list.into_messages();
    let any = |has: fn(&Message) -> bool| (!good.is_empty()).then(|| good.iter().any(has));
    let found = [
        any(|message| message.sent_at.is_some()),
        (!good.is_empty()).then_some(has_ids),
        any(|message| message.provider_participant_id.is_some()),
        any(|message| message.payload_type.is_some()),
    ];
    let fields = FieldPresence::of(&WATCHED, &found);
    Ok((Rows { good, rejects }, fields))
}

/// The normalized names of all known columns, used or not.
const COLUMNS: [&str; 10] = [
    "createdat",
    "displayname",
    "id",
    "isedited",
    "meetingid",
    "participantid",
    "payload",
    "payloadtype",
    "pinned",
    "sessionid",
];

/// Counts unknown columns.
fn expect(names: &[String], drift: &DriftItems) {
    for name in names.iter().filter(|name| COLUMNS.binary_search(&name.as_str()).is_err()).take(20) {
        drift.count("unknown_field", &format!("/{}", name.chars().take(80).collect::<String>()), "");
    }
}

fn separated<'a>(text: &'a str, drift: &DriftItems) -> Result<Vec<Result<Cells<'a>, Reject>>, Fault> {
    let recognize = |rows: &[table::Row<'_>]| {
        let names = table::header(rows.first()?);
        let time = names.iter().position(|name| name == "createdat");
        let is_chat = names.iter().any(|name| name == "payload");
        is_chat.then_some(table::Form { names, has_header: true, time })
    };
    let table = table::read(text, recognize, &|cell| time::from_text(cell).is_some())?;
    let table::Table { form, rows } = table.ok_or(Fault::UnknownForm("no header with a payload column"))?;
    if ends_too_early(text, &rows, &form.names) {
        return Err(Fault::Broken("its last row is cut off"));
    }
    expect(&form.names, drift);
    let names: Rc<[String]> = form.names.into();
    let cells = |row: table::Row<'a>| {
        let values = row.cells.into_iter().map(Some).collect();
        Cells { names: Rc::clone(&names), values, raw: row.raw }
    };
    Ok(rows.into_iter().map(|row| row.map(cells)).collect())
}

/// Whether the file ends within its header, or within the time of its last row. Some writers do not terminate the
/// last line, so that only the vendor's last column and the form of a time show it.
fn ends_too_early(text: &str, rows: &[Result<table::Row<'_>, Reject>], names: &[String]) -> bool {
    let ends_with_time = names.last().is_some_and(|name| name == "createdat");
    if text.ends_with(['\n', '\r', '"']) {
        return false;
    }
    let time = |row: &table::Row<'_>| row.cells.get(names.len() - 1).cloned().unwrap_or_default();
    match rows.split_last() {
        None => !ends_with_time,
        Some((Ok(last), others)) if ends_with_time => {
            // a truncated time may be a valid time, and has another form than the others, but begins like one of them
            let others = others.iter().filter_map(|row| row.as_ref().ok());
            let others: Vec<String> = others.map(|row| spelling(&time(row))).collect();
            let last_spelling = spelling(&time(last));
            !is_exact(&time(last))
                && !others.contains(&last_spelling)
                && (last_spelling.is_empty()
                    || others.is_empty()
                    || others.iter().any(|other| other.chars().next() == last_spelling.chars().next()))
        }
        Some(_) => false,
    }
}

/// Whether a time is a number or has a zone, so that it cannot be truncated.
fn is_exact(time: &str) -> bool {
    DateTime::parse_from_rfc3339(time.trim()).is_ok() || (decimal(time).is_some() && time::from_text(time).is_some())
}

/// Returns a time with all its digits replaced by 0.
fn spelling(time: &str) -> String {
    time.trim().replace(|c: char| c.is_ascii_digit(), "0")
}

fn json<'a>(text: &'a str, drift: &DriftItems) -> Result<Vec<Result<Cells<'a>, Reject>>, Fault> {
    let rows = json_list(text, "payload")?.into_iter().map(|raw| {
        let Some(members) = members(raw) else {
            return Err(reject(raw, "not_an_object", "", "the record is not a JSON object"));
        };
        let names: Rc<[String]> = members.keys().map(|name| table::plain_name(name)).collect();
        if !names.iter().any(|name| name == "payload") {
            return Err(reject(raw, "missing_field", "/payload", "the value is missing"));
        }
        expect(&names, drift);
        let values = members.iter().map(|(name, member)| value(member.get(), name, drift));
        Ok(Cells { names, values: values.collect(), raw })
    });
    Ok(rows.collect())
}

/// Returns a value as text. A number keeps its spelling, and so does an object, which describes a file.
fn value(json: &str, name: &str, drift: &DriftItems) -> Option<String> {
    let Some((text, is_replaced)) = lossy_text(json) else { return (json != "null").then(|| json.to_owned()) };
    if is_replaced {
        drift.count("replaced_text", &format!("/{name}"), "");
    }
    Some(text)
}

fn message(cells: &Cells<'_>, position: i32, list: &mut MessageList, drift: &DriftItems) -> Result<Message, Reject> {
    let text = |name: &str| cells.get(name).map(str::to_owned);
    let said = |name: &str| cells.said(name).map(str::to_owned);
    let payload_type = said("payloadtype");
    let payload = text("payload");
    let content =
        ["participantid", "createdat", "payloadtype", "payload"].map(|name| cells.get(name).unwrap_or_default());
    let provider_message_id = list
        .id_of(cells.said("id"), &content, drift)
        .map_err(|error| reject(cells.raw, "unusable_id", "/id", &error.to_string()))?;
    let sent_at = said("createdat").and_then(|time| instant(&time, drift));
    Ok(Message {
        provider_message_id,
        position,
        sent_at,
        sender_role: SenderRole::Participant,
        provider_origin: None,
        provider_participant_id: said("participantid"),
        body: payload.filter(|_| is_text(payload_type.as_deref(), drift)),
        payload_type,
        is_text_unknown: false,
    })
}

fn instant(text: &str, drift: &DriftItems) -> Option<DateTime<Utc>> {
    let at = time::from_text(text);
    if at.is_none() {
        drift.count("unreadable_value", "/createdAt", "");
    }
    at
}

/// Whether the payload is written text. Images and files are sent as links, which give access to them. A payload
/// without a type is text, as in all chats without types.
fn is_text(payload_type: Option<&str>, drift: &DriftItems) -> bool {
    match payload_type.map(|kind| kind.trim().to_ascii_uppercase()).as_deref() {
        None | Some("TEXT_MESSAGE") => true,
        Some("IMAGE_MESSAGE" | "FILE_MESSAGE") => false,
        Some(_) => {
            drift.count("unknown_value", "/payloadType", payload_type.unwrap_or_default());
            false
        }
    }
}
