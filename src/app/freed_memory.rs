//! Gives memory that this process has freed back to the operating system.
//!
//! The allocator of glibc keeps a freed page until everything above it is freed too: after thousands of connections, or
//! one large answer, a process would stay as large as it ever was. Other allocators give memory back by themselves.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A trim walks the whole heap, which takes milliseconds.
const EVERY: Duration = Duration::from_secs(30);

/// Blocks from this size on are given back when they are freed: pages of providers and answers are larger.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 128 * 1024;

/// Has large blocks given back as soon as they are freed. Without it, glibc raises their least size to that of the
/// largest one freed so far, and keeps the smaller ones. Called before the first thread starts.
pub fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "takes two numbers; what it refuses stays as it was")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}

/// Gives freed memory back until `stop`.
pub(super) async fn give_back(stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        // a panic there costs one trim
        let _ = tokio::task::spawn_blocking(trim).await;
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    #[expect(unsafe_code, reason = "takes no pointer; locks each arena itself, and moves nothing that is in use")]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::trim;

    /// Memory of this process that is in RAM, MiB.
    fn resident_mib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().map_or(0, |kib: usize| kib / 1024)
    }

    #[test]
    fn freed_memory_between_blocks_in_use_is_given_back() {
        let mut blocks: Vec<Vec<u8>> = (0..100_000_usize).map(|n| vec![n.to_le_bytes()[0]; 4_000]).collect();
        let full = resident_mib();
        let mut number = 0;
        blocks.retain(|_| {
            number += 1;
            number % 100 == 0
        });
        let kept = resident_mib();
        trim();
        let trimmed = resident_mib();
        assert_eq!(blocks.len(), 1_000);
        assert!(kept + 100 > full, "the blocks in use hold it: {full} MiB, then {kept} MiB");
        assert!(trimmed + 300 < full, "it is given back: {full} MiB, then {trimmed} MiB");
    }
}
