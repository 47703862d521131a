//! Secrets by reference: `<name>_env` names a variable, `<name>_file` a file that is read again when it changes.
//!
//! The configuration file itself never holds a secret. Newlines around one are trimmed, since editors and `echo` add
//! them.
//! A deployment may rewrite the file (a mounted secret, a rotated key). So each use checks the file's time, length and
//! identity, and reads it again when they differ. A file that cannot be read, or has no usable secret, leaves the last
//! secret in force. A secret from the environment keeps its value from the start of the process.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use form_urlencoded::byte_serialize;
use secrecy::{ExposeSecret, SecretString};

use super::reader::{ConfigFault, Section};

/// A credential from a file or from the environment. Clones share the last value.
#[derive(Clone)]
pub struct Secret(Arc<Kept>);

struct Kept {
    file: Option<PathBuf>,
    last: Mutex<Last>,
}

struct Last {
    value: SecretString,
    /// The previous value, which responses under way may still contain.
    before: Option<SecretString>,
    stamp: Option<Stamp>,
}

/// Attributes that change with a file's content: time of the last change, length, device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(i64, i64, u64, u64, u64);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self(file.mtime(), file.mtime_nsec(), file.len(), file.dev(), file.ino()))
    }
}

impl From<SecretString> for Secret {
    /// Creates a secret that never changes.
    fn from(value: SecretString) -> Self {
        Self(Arc::new(Kept { file: None, last: Mutex::new(Last { value, before: None, stamp: None }) }))
    }
}

impl From<&str> for Secret {
    /// Creates a secret that never changes.
    fn from(value: &str) -> Self {
        SecretString::from(value).into()
    }
}

impl Secret {
    /// Reads the secret in a file; returns a description of the fault where there is none.
    pub fn in_file(path: &Path) -> Result<Self, String> {
        let (value, stamp) = read(path)?;
        Ok(Self(Arc::new(Kept { file: Some(path.to_owned()), last: Mutex::new(Last { value, before: None, stamp }) })))
    }

    /// Returns its file, if it comes from one.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// Returns the current secret; reads its file again if that has changed.
    pub fn current(&self) -> SecretString {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.0.file
            && let Some(stamp) = Stamp::of(path)
            && last.stamp != Some(stamp)
        {
            // even if it is unusable: it is read again once it changes
            last.stamp = Some(stamp);
            take_over(path, &mut last);
        }
        last.value.clone()
    }

    /// Returns the secret after reading its file again, even if unchanged: for a provider that refused the last one.
    pub fn read_again(&self) -> SecretString {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.0.file {
            take_over(path, &mut last);
        }
        last.value.clone()
    }

    /// Removes the secret, and the one it replaced, from a text.
    pub fn redact(&self, text: &str) -> String {
        let last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = [Some(&last.value), last.before.as_ref()].into_iter().flatten();
        secrets.fold(text.to_owned(), |text, secret| redacted(&text, secret))
    }
}

/// Removes a secret from a text: as it is, in any case, percent-encoded, and in base64.
pub(crate) fn redacted(text: &str, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    let percent_encoded: String = byte_serialize(secret.as_bytes()).collect();
    let [standard, url_safe] = [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|base64| base64.encode(secret));
    [secret, &percent_encoded, &standard, &url_safe]
        .into_iter()
        .fold(text.to_owned(), |text, form| without(&text, form))
}

/// Replaces each occurrence of a form of a secret, in any case.
fn without(text: &str, form: &str) -> String {
    let (in_lower, form) = (text.to_ascii_lowercase(), form.to_ascii_lowercase());
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in in_lower.match_indices(&form) {
        rest.push_str(&text[from..at]);
        rest.push_str("[redacted]");
        from = at + form.len();
    }
    rest.push_str(&text[from..]);
    rest
}

fn take_over(path: &Path, last: &mut Last) {
    match read(path) {
        Ok((value, stamp)) => {
            if value.expose_secret() != last.value.expose_secret() {
                tracing::info!(file = %path.display(), "a secret was reloaded");
                last.before = Some(std::mem::replace(&mut last.value, value));
            }
            last.stamp = stamp;
        }
        Err(problem) => {
            tracing::warn!(file = %path.display(), problem, "a secret cannot be reloaded; the last one stays in force");
        }
    }
}

/// Reads the secret in a file, with the stamp from before the read: a later change is then read again.
fn read(path: &Path) -> Result<(SecretString, Option<Stamp>), String> {
    let stamp = Stamp::of(path);
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
    Ok((usable(&text)?, stamp))
}

/// Removes the whitespace that editors and `echo` add around a secret.
fn usable(text: &str) -> Result<SecretString, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("the secret contains control characters".to_owned());
    }
    Ok(SecretString::from(text.to_owned()))
}

impl PartialEq for Secret {
    /// Compares the files, or, for secrets without a file, the values.
    fn eq(&self, other: &Self) -> bool {
        self.0.file == other.0.file
            && (self.0.file.is_some() || self.current().expose_secret() == other.current().expose_secret())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

/// Reads the secret `name` of a section, if one is configured.
pub(super) fn optional(
    section: &mut Section,
    name: &'static str,
    environment: &BTreeMap<String, String>,
    faults: &mut Vec<ConfigFault>,
) -> Option<Secret> {
    let (env_key, file_key) = match name {
        "person_key" => ("person_key_env", "person_key_file"),
        "secret" => ("secret_env", "secret_file"),
        "url" => ("url_env", "url_file"),
        "read_url" => ("read_url_env", "read_url_file"),
        _ => ("api_key_env", "api_key_file"),
    };
    let variable = section.text(env_key, faults);
    let file = section.text(file_key, faults);
    let (key, secret) = match (variable, file) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            let remedy = format!("keep one of {env_key} and {file_key}");
            section.fault(faults, env_key, "the secret is given twice", &remedy);
            return None;
        }
        (Some(variable), None) => {
            let Some(text) = environment.get(&variable) else {
                let problem = format!("the variable {variable} is not set");
                section.fault(faults, env_key, &problem, &format!("set {variable} to the secret"));
                return None;
            };
            (env_key, usable(text).map(Secret::from))
        }
        (None, Some(path)) => (file_key, Secret::in_file(Path::new(&path))),
    };
    secret
        .map_err(|problem| {
            let remedy = match problem.as_str() {
                "the secret is empty" => "put the secret there",
                "the secret contains control characters" => "store it as one line",
                _ => "name a readable file that contains only the secret",
            };
            section.fault(faults, key, &problem, remedy);
        })
        .ok()
}
