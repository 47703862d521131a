//! Points at which a test stops or kills the process: where a crash would hurt most.
//!
//! Only builds of the tests hold any: without the feature of the `fail` crate, which is switched on for tests alone, a
//! point is an empty function and what `FAILPOINTS` says is not read. Knows nothing of what happens at a point.

/// Reads from `FAILPOINTS` what is to happen where: `page.before_commit=2*off->return` kills the process when it
/// comes by for the third time, `return(stop)` lets it freeze there. Nothing in builds that are no tests.
pub fn arm() {
    if fail::has_failpoints() {
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// A point. Whoever set a trap here kills the process without any last word, as `kill -9` does, or stops it.
#[cfg_attr(not(debug_assertions), inline)]
pub fn reach(name: &'static str) {
    if fail::has_failpoints() {
        fail::fail_point!(name, |wish| signal_self(wish.as_deref()));
    }
    let _ = name;
}

/// Named also where there are no points, so that every build compiles the same.
const _: fn(Option<&str>) = signal_self;

fn signal_self(wish: Option<&str>) {
    use rustix::process::{Signal, getpid, kill_process};
    // the signal comes before the call returns
    let _ = kill_process(getpid(), if wish == Some("stop") { Signal::STOP } else { Signal::KILL });
}
