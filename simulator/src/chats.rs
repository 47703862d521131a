//! Generated Konvo sessions: AI chats.
//!
//! Messages come one by one. Some time after the last, the chat is completed, resolved or not; some chats stay open
//! for good, and part of these are flagged. Contacts return. Some chats have no message, some messages no text, and a
//! few senders are neither customer nor AI.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::json;

use crate::distributions::{Span, Volume, iso, pick, skewed_ms, starts, uuid_v4};
use crate::phrases::LANGUAGES;
use crate::timeline::Session;
use crate::truth::ProviderTruth;

const CHANNELS: [&str; 8] =
    ["whatsapp", "whatsapp", "whatsapp", "whatsapp", "instagram", "instagram", "email", "webchat"];
const SKILLS: [&str; 5] = ["CONCIERGE", "CONCIERGE", "ORDER_STATUS", "RETURNS", "PRODUCT_ADVICE"];
const FEEDS: usize = 4;

/// A person who writes.
#[derive(Debug)]
struct Contact {
    id: String,
    external_user_id: Option<String>,
    channel: &'static str,
    language: usize,
}

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Customer,
    Assistant,
    /// A human agent who took over.
    Agent,
}

/// One message; its text is looked up when it is rendered.
#[derive(Debug, Clone, Copy)]
struct Message {
    /// Milliseconds after the chat's creation.
    offset_ms: i64,
    origin: Origin,
    /// `None` for media.
    phrase: Option<usize>,
    id_low: u64,
}

/// One chat.
#[derive(Debug)]
pub(super) struct Chat {
    id: String,
    workspace: Arc<str>,
    feed: Arc<str>,
    contact: Arc<Contact>,
    created_at: DateTime<Utc>,
    messages: Vec<Message>,
    /// Milliseconds after the creation; `None` if the chat stays open.
    completed_ms: Option<i64>,
    is_unresolved: bool,
    skill: &'static str,
    order_number: u32,
}

/// Returns all chats of a world, oldest first.
pub(super) fn generate(rng: &mut SmallRng, volume: Volume, span: Span) -> Vec<Chat> {
    let starts = starts(rng, volume, span);
    let workspace: Arc<str> = uuid_v4(rng).into();
    let feeds: Vec<Arc<str>> = (0..FEEDS).map(|_| uuid_v4(rng).into()).collect();
    let contacts: Vec<Arc<Contact>> = (0..=starts.len() / 2).map(|_| Arc::new(contact(rng))).collect();
    let chat = |at| {
        let (feed, contact) = (rng.random_range(0..feeds.len()), rng.random_range(0..contacts.len()));
        one(rng, at, Arc::clone(&workspace), Arc::clone(&feeds[feed]), Arc::clone(&contacts[contact]))
    };
    starts.into_iter().map(chat).collect()
}

fn contact(rng: &mut SmallRng) -> Contact {
    let channel = pick(rng, &CHANNELS);
    let mut language = 0;
    while language + 1 < LANGUAGES.len() && rng.random_bool(0.5) {
        language += 1;
    }
    let number = rng.random_range(100_000_000_u64..999_999_999);
    let external_user_id = match channel {
        "whatsapp" => Some(format!("{}{number}", LANGUAGES[language].dialling_code)),
        "instagram" => Some(format!("ig_{number}")),
        "email" => Some(format!("customer.{number}@example.com")),
        _ => None,
    };
    Contact { id: uuid_v4(rng), external_user_id, channel, language }
}

fn one(
    rng: &mut SmallRng,
    created_at: DateTime<Utc>,
    workspace: Arc<str>,
    feed: Arc<str>,
    contact: Arc<Contact>,
) -> Chat {
    let messages = conversation(rng);
    let last_ms = messages.last().map_or(0, |message| message.offset_ms);
    let slowest = TimeDelta::hours(if rng.random_bool(0.9) { 2 } else { 70 });
    let rests_ms = skewed_ms(rng, TimeDelta::seconds(20), slowest);
    let completed_ms = rng.random_bool(0.94).then_some(last_ms + rests_ms);
    Chat {
        id: uuid_v4(rng),
        workspace,
        feed,
        contact,
        created_at,
        messages,
        completed_ms,
        is_unresolved: rng.random_bool(0.25),
        skill: pick(rng, &SKILLS),
        order_number: rng.random_range(10_000..99_999),
    }
}

/// Returns the messages: customer and AI in turns, with short and long waits; in some chats an agent takes over.
fn conversation(rng: &mut SmallRng) -> Vec<Message> {
    let turns =
        if rng.random_bool(0.02) { 0 } else { 1 + skewed_ms(rng, TimeDelta::zero(), TimeDelta::milliseconds(16)) };
    let taken_over_from = if rng.random_bool(0.05) { 5 } else { i64::MAX };
    let mut offset_ms = 0;
    (0..turns)
        .map(|turn| {
            let (origin, wait) = match turn % 2 {
                0 => (Origin::Customer, skewed_ms(rng, TimeDelta::seconds(1), TimeDelta::minutes(9))),
                _ if turn >= taken_over_from => {
                    (Origin::Agent, skewed_ms(rng, TimeDelta::seconds(30), TimeDelta::minutes(20)))
                }
                _ => (Origin::Assistant, skewed_ms(rng, TimeDelta::milliseconds(900), TimeDelta::seconds(14))),
            };
            offset_ms += wait;
            let is_media = origin == Origin::Customer && rng.random_bool(0.02);
            let phrase = (!is_media).then(|| rng.random_range(0..5));
            Message { offset_ms, origin, phrase, id_low: rng.random() }
        })
        .collect()
}

impl Chat {
    fn sent(&self, now: DateTime<Utc>) -> &[Message] {
        let age_ms = (now - self.created_at).num_milliseconds();
        &self.messages[..self.messages.partition_point(|message| message.offset_ms <= age_ms)]
    }

    fn after_creation(&self, offset_ms: i64) -> DateTime<Utc> {
        self.created_at + TimeDelta::milliseconds(offset_ms)
    }

    fn completed_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.completed_ms.map(|offset_ms| self.after_creation(offset_ms)).filter(|at| *at <= now)
    }

    /// Returns whether the chat carries the flag. An open chat carries it once it has more than four messages.
    fn is_flagged(&self, now: DateTime<Utc>) -> bool {
        self.is_unresolved && (self.completed_at(now).is_some() || self.sent(now).len() > 4)
    }

    fn last_message_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.sent(now).last().map(|message| self.after_creation(message.offset_ms))
    }

    fn write_messages(&self, json: &mut String, now: DateTime<Utc>) {
        let language = &LANGUAGES[self.contact.language];
        for (position, message) in self.sent(now).iter().enumerate() {
            let (origin, phrases) = match message.origin {
                Origin::Customer => ("RECIPIENT", &language.customer),
                Origin::Assistant => ("AI", &language.assistant),
                Origin::Agent => ("AGENT", &language.assistant),
            };
            let text = message.phrase.map(|phrase| phrases[phrase].replace("{}", &format!("#{}", self.order_number)));
            let separator = if position > 0 { "," } else { "" };
            let low = message.id_low;
            let _ = write!(
                json,
                r#"{separator}{{"message_id":"{}-{:04x}-{:012x}","session_id":"{}","initiator_origin":"{origin}","message":{},"created_at":"{}"}}"#,
                &self.id[..18],
                0x8000 | (low >> 50),
                low & 0xffff_ffff_ffff,
                self.id,
                json!(text),
                iso(self.after_creation(message.offset_ms)),
            );
        }
    }

    /// Returns the skills the chat went through: the entry, sometimes a step without a type, the last one.
    fn trail(&self) -> String {
        match self.order_number % 3 {
            0 => "[{}]".to_owned(),
            1 => format!(r#"[{{"type":"CONCIERGE"}},{{"type":"{}"}}]"#, self.skill),
            _ => format!(r#"[{{"type":"CONCIERGE","tools":["lookup"]}},{{}},{{"type":"{}"}}]"#, self.skill),
        }
    }
}

impl Session for Chat {
    fn id(&self) -> &str {
        &self.id
    }

    fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    fn updated_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.completed_at(now).or_else(|| self.last_message_at(now)).unwrap_or(self.created_at)
    }

    fn render(&self, now: DateTime<Utc>) -> String {
        let contact = &self.contact;
        let completed_at = self.completed_at(now);
        let mut json = format!(
            r#"{{"id":"{id}","workspace_id":"{}","feed_id":"{}","contact_id":"{}","external_user_id":{},"channel":"{}","created_at":"{}","status":{{"session_id":"{id}","completed":{},"unresolved":{},"completed_at":{},"last_message_date":{},"last_updated":"{}"}},"state":{{"session_id":"{id}","type":"{skill}","sub_intent_type":"{skill}","trail":{}}},"messages":["#,
            self.workspace,
            self.feed,
            contact.id,
            json!(contact.external_user_id),
            contact.channel,
            iso(self.created_at),
            completed_at.is_some(),
            self.is_flagged(now),
            json!(completed_at.map(iso)),
            json!(self.last_message_at(now).map(iso)),
            iso(self.updated_at(now)),
            self.trail(),
            id = self.id,
            skill = self.skill,
        );
        self.write_messages(&mut json, now);
        json.push_str("]}");
        json
    }

    fn truth<'a>(existing: impl Iterator<Item = &'a Self>, now: DateTime<Utc>) -> ProviderTruth {
        let (mut sessions, mut resolved, mut unresolved, mut open, mut messages) = (0, 0, 0, 0, 0);
        for chat in existing {
            sessions += 1;
            messages += chat.sent(now).len() as u64;
            match (chat.completed_at(now), chat.is_flagged(now)) {
                (None, _) => open += 1,
                (Some(_), true) => unresolved += 1,
                (Some(_), false) => resolved += 1,
            }
        }
        ProviderTruth {
            sessions,
            resolved: Some(resolved),
            unresolved: Some(unresolved),
            open: Some(open),
            messages: Some(messages),
            ..ProviderTruth::default()
        }
    }
}
