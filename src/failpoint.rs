//! Points at which a test kills the process: where a crash would hurt most.
//!
//! Only builds of the tests hold any: without the feature of the `fail` crate, which is switched on for tests alone, a
//! point is an empty function and what `FAILPOINTS` says is not read. Knows nothing of what happens at a point.

/// Reads from `FAILPOINTS` what is to happen where: `page.before_commit=2*off->return` kills the process when it
/// comes by for the third time. Nothing in builds that are no tests.
pub fn arm() {
    if fail::has_failpoints() {
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// A point. Whoever set a trap here kills the process without any last word, as `kill -9` does.
pub fn reach(name: &'static str) {
    fail::fail_point!(name, |_| die());
    let _ = name;
}

#[cfg_attr(not(test), expect(dead_code, reason = "used where there are points"))]
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}
