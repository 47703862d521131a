//! Failures of this machine, distinguished from those of the provider and the network.
//!
//! The operating system reports them by number; the HTTP client hides that number in its chain of causes.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use crate::connector::error::PullErrorKind;

/// Too many open files: in the system, in this process.
const TOO_MANY_FILES: [i32; 2] = [23, 24];
/// No buffer space.
const NO_BUFFERS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };

/// Returns why a call got no answer: this machine, no connection, or a failure after it was sent.
pub(super) fn kind_of_unanswered(error: &reqwest::Error) -> PullErrorKind {
    match error.is_connect() {
        true if kept_from_connecting(error) => PullErrorKind::OwnResources,
        true => PullErrorKind::Unreached,
        false => PullErrorKind::Transient,
    }
}

/// Whether an error in the chain of causes of a failed call is a lack of our own resources.
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

/// Whether the error wrapped by an I/O error is one; it is not always among the causes.
fn holds_own(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()).is_some_and(is_own)
}

/// Whether our own resources prevented a connection. A name lookup that gets no socket fails without that number,
/// so this tries to open a socket.
pub(super) fn kept_from_connecting(error: &(dyn Error + 'static)) -> bool {
    is_lacking(error) || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_err_and(|error| is_own(&error))
}

/// Whether an error of the operating system is a lack of our own resources.
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
        assert!(!kept_from_connecting(&Outer(io::Error::other("no such host"))), "enough sockets are left");
    }
}
