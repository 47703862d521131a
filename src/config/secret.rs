//! A secret that is read again when its file changes.
//!
//! A file that a deployment rewrites (a mounted secret, a rotated key) is looked at with each use: when its time, length
//! or identity differ, it is read again. One that cannot be read, or holds no usable secret, leaves the last one in force.
//! A secret of the environment stays what it was when the process began.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

/// A credential, wherever it comes from. Clones share what was read last.
#[derive(Clone)]
pub struct Secret(Arc<Kept>);

struct Kept {
    file: Option<PathBuf>,
    last: Mutex<Last>,
}

struct Last {
    value: SecretString,
    /// The one before, which answers under way may still hold.
    before: Option<SecretString>,
    stamp: Option<Stamp>,
}

/// What changes with a file's content: time of the last change, length, device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(i64, i64, u64, u64, u64);

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self(file.mtime(), file.mtime_nsec(), file.len(), file.dev(), file.ino()))
    }
}

impl From<SecretString> for Secret {
    /// A secret that stays as it is.
    fn from(value: SecretString) -> Self {
        Self(Arc::new(Kept { file: None, last: Mutex::new(Last { value, before: None, stamp: None }) }))
    }
}

impl From<&str> for Secret {
    /// A secret that stays as it is.
    fn from(value: &str) -> Self {
        SecretString::from(value).into()
    }
}

impl Secret {
    /// The secret in a file; says what is wrong where there is none.
    pub fn in_file(path: &Path) -> Result<Self, String> {
        let (value, stamp) = read(path)?;
        Ok(Self(Arc::new(Kept { file: Some(path.to_owned()), last: Mutex::new(Last { value, before: None, stamp }) })))
    }

    /// The secret as it is now: a file that changed is read again.
    pub fn current(&self) -> SecretString {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.0.file
            && let Some(stamp) = Stamp::of(path)
            && last.stamp != Some(stamp)
        {
            // also where it cannot be used: it is read again once it changes
            last.stamp = Some(stamp);
            take_over(path, &mut last);
        }
        last.value.clone()
    }

    /// The secret, its file read again even if its time of change is the same: for a provider that refused the last one.
    pub fn read_again(&self) -> SecretString {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.0.file {
            take_over(path, &mut last);
        }
        last.value.clone()
    }

    /// The text without the secret, and without the one it replaced.
    pub fn redact(&self, text: &str) -> String {
        let last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = [Some(&last.value), last.before.as_ref()].into_iter().flatten();
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "[redacted]"))
    }
}

fn take_over(path: &Path, last: &mut Last) {
    match read(path) {
        Ok((value, stamp)) => {
            if value.expose_secret() != last.value.expose_secret() {
                tracing::info!(file = %path.display(), "a secret was read again");
                last.before = Some(std::mem::replace(&mut last.value, value));
            }
            last.stamp = stamp;
        }
        Err(problem) => {
            tracing::warn!(file = %path.display(), problem, "a secret cannot be read again; the last one stays in force");
        }
    }
}

/// The secret in a file, and the stamp from before it was read: what changes meanwhile is read again.
fn read(path: &Path) -> Result<(SecretString, Option<Stamp>), String> {
    let stamp = Stamp::of(path);
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
    Ok((usable(&text)?, stamp))
}

/// The secret without what editors and `echo` add around it.
pub(super) fn usable(text: &str) -> Result<SecretString, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("the secret holds control characters".to_owned());
    }
    Ok(SecretString::from(text.to_owned()))
}

impl PartialEq for Secret {
    /// Equal where both come from the same file, or have the same value that stays.
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
