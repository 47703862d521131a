//! Failures of this machine, told apart from those of the provider and of the network between.
//!
//! The operating system names them by number; the HTTP client hides that number in its chain of causes.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use crate::connector::error::PullErrorKind;

/// Too many open files: of the machine, of this process.
const TOO_MANY_FILES: [i32; 2] = [23, 24];
/// No room for buffers.
const NO_BUFFERS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };

/// Why a call was not answered: this machine, no connection, or what happened to it once it was sent.
pub(super) fn kind_of_unanswered(error: &reqwest::Error) -> PullErrorKind {
    match error.is_connect() {
        true if kept_from_connecting(error) => PullErrorKind::OwnResources,
        true => PullErrorKind::Unreached,
        false => PullErrorKind::Transient,
    }
}

/// Whether a failed call names a lack of our own somewhere in its chain of causes.
pub fn is_lacking(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| is_own(error) || holds_own(error)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The error within an I/O error is not always among its causes.
fn holds_own(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()).is_some_and(is_own)
}

/// The same for a failed attempt to connect. A name that cannot be looked up for want of a socket fails without that
/// number, so it is tried whether a socket can be had.
pub(super) fn kept_from_connecting(error: &(dyn Error + 'static)) -> bool {
    is_lacking(error) || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_err_and(|error| is_own(&error))
}

/// Whether an error of the operating system is a lack of our own.
fn is_own(error: &io::Error) -> bool {
    let is_full = error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code) || code == NO_BUFFERS);
    is_full || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the call failed")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_lack_is_found_below_other_errors() {
        for code in [12, 23, 24, NO_BUFFERS] {
            assert!(is_lacking(&Outer(io::Error::from_raw_os_error(code))), "{code}");
            assert!(is_lacking(&Outer(io::Error::other(io::Error::from_raw_os_error(code)))), "{code}");
        }
        // refused, timed out, reset, unreachable
        for code in [111, 110, 104, 113] {
            assert!(!is_lacking(&Outer(io::Error::from_raw_os_error(code))), "{code}");
        }
        assert!(!kept_from_connecting(&Outer(io::Error::other("no such host"))), "there are sockets enough");
    }
}
