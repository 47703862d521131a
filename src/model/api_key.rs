//! Keys of the API: their scopes, and the form of their text.
//!
//! A key is `trib_<environment>_<id>_<secret><checksum>`. The prefix lets secret scanners find it, the id finds it in
//! the database, and the checksum refuses a mistyped or invented key without a look-up. Only the SHA-256 of the whole
//! text is stored: 32 random bytes cannot be guessed, so a slow hash would add nothing.

use std::fmt::{self, Write};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read metric values.
    MetricsRead,
    /// Read sessions without their texts and names.
    SessionsRead,
    /// Read texts, names and transcripts.
    ContentRead,
    /// Read the state of polling, its journals and the freshness of the data.
    HealthRead,
    /// Give commands to the pollers.
    SyncOperate,
    /// Start something at a provider, which it may bill.
    ActionsStart,
    /// Set prices.
    CostsWrite,
    /// Erase and export people.
    PeopleManage,
    /// Manage keys and read the audit log.
    KeysManage,
}

impl Scope {
    /// All scopes, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::MetricsRead,
        Self::SessionsRead,
        Self::ContentRead,
        Self::HealthRead,
        Self::SyncOperate,
        Self::ActionsStart,
        Self::CostsWrite,
        Self::PeopleManage,
        Self::KeysManage,
    ];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MetricsRead => "metrics:read",
            Self::SessionsRead => "sessions:read",
            Self::ContentRead => "content:read",
            Self::HealthRead => "health:read",
            Self::SyncOperate => "sync:operate",
            Self::ActionsStart => "actions:start",
            Self::CostsWrite => "costs:write",
            Self::PeopleManage => "people:manage",
            Self::KeysManage => "keys:manage",
        }
    }

    /// Returns the names of those of `scopes` whose every request concerns all sources: no key with one of them can be
    /// limited to some.
    pub fn unlimitable(scopes: &[Self]) -> Option<String> {
        let found =
            scopes.iter().filter(|scope| matches!(scope, Self::CostsWrite | Self::PeopleManage | Self::KeysManage));
        let names: Vec<&str> = found.map(|scope| scope.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Returns the scope with that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// Longest label and owner of a key, characters.
pub const MAX_NAME_CHARS: usize = 100;

/// Returns a label or an owner without the space around it; `None`: it is empty or too long, or it could forge a line
/// of a list, a journal or a log.
pub fn name_of_key(text: &str) -> Option<&str> {
    let name = text.trim();
    let is_usable = (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    is_usable.then_some(name)
}

/// Characters of an id.
const ID_CHARS: usize = 12;
/// Characters of a secret: 32 bytes in hexadecimal digits.
const SECRET_CHARS: usize = 64;
/// Characters of a checksum.
const CHECKSUM_CHARS: usize = 8;

/// Random bytes for a new key: an id, then a secret.
pub type KeyEntropy = [u8; ID_CHARS / 2 + SECRET_CHARS / 2];

/// The text of a key. Its `Debug` form shows no secret.
#[derive(Debug, Clone)]
pub struct KeyText {
    /// The part that finds the key.
    pub id: String,
    /// The environment it was made for.
    pub environment: String,
    text: SecretString,
}

impl KeyText {
    /// Makes a key of random bytes.
    pub fn generate(environment: &str, entropy: &KeyEntropy) -> Self {
        let (id, secret) = entropy.split_at(ID_CHARS / 2);
        let id = hex(id);
        let mut text = format!("trib_{environment}_{id}_{}", hex(secret));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { id, environment: environment.to_owned(), text: text.into() }
    }

    /// Reads a key; `None`: it has another form, or its checksum is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("trib_")?.split('_');
        let (environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_whole = parts.next().is_none()
            && is_environment(environment)
            && id.len() == ID_CHARS
            && secret.len() == SECRET_CHARS + CHECKSUM_CHARS
            && is_hex(id)
            && is_hex(secret);
        let (body, given) = text.split_at_checked(text.len().checked_sub(CHECKSUM_CHARS)?)?;
        (is_whole && checksum(body) == given).then(|| Self {
            id: id.to_owned(),
            environment: environment.to_owned(),
            text: text.to_owned().into(),
        })
    }

    /// Returns the whole text: to show it once.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns what is stored of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.reveal()).into())
    }
}

/// The hash of a key. Compares in constant time.
#[derive(Clone, Copy)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Returns whether a text can be the environment of a key: 1 to 16 lower-case letters and digits.
pub fn is_environment(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text)[..CHECKSUM_CHARS / 2])
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> KeyText {
        let mut entropy: KeyEntropy = [0xab; 38];
        entropy[0] = 0x01;
        KeyText::generate("live", &entropy)
    }

    #[test]
    fn a_key_has_a_prefix_an_id_a_secret_and_a_checksum() {
        let key = key();
        let text = key.reveal();
        assert!(text.starts_with(&format!("trib_live_01ababababab_{}", "ab".repeat(32))), "{text}");
        assert_eq!(text.len(), "trib_live_".len() + 12 + 1 + 64 + 8);
        let read = KeyText::parse(text).expect("a key");
        assert_eq!((read.id.as_str(), read.environment.as_str()), ("01ababababab", "live"));
        assert_eq!(read.hash(), key.hash());
        assert!(!format!("{key:?}").contains("abababababababab"), "{key:?}");
    }

    #[test]
    fn a_changed_character_is_no_key() {
        let text = key().reveal().to_owned();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(KeyText::parse(&changed).is_none(), "{changed}");
        }
        for other in ["", "trib", "trib_", "trib_live_01ababababab", "sk_live_1", &format!("{text}0"), "trib_é"] {
            assert!(KeyText::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn scopes_are_read_by_name() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("metrics"), None);
    }
}
