//! Points at which a test stops or kills the process: where a crash would do the most damage.
//!
//! Only test builds contain them. Without the feature of the `fail` crate, which only tests enable, a point is
//! an empty function and `FAILPOINTS` is not read. This module does not know what happens at a point.

/// Reads the actions of points from `FAILPOINTS`: `page.before_commit=2*off->return` kills the process at the
/// third pass, `return(stop)` suspends it there. Does nothing in builds without points.
pub fn arm() {
    if fail::has_failpoints() {
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// Marks a point. If an action is set, the process is killed without cleanup, as by `kill -9`, or suspended.
#[cfg_attr(not(debug_assertions), inline)]
pub fn reach(name: &'static str) {
    if fail::has_failpoints() {
        fail::fail_point!(name, |wish| signal_self(wish.as_deref()));
    }
    let _ = name;
}

/// Referenced even where there are no points, so that every build compiles the function.
const _: fn(Option<&str>) = signal_self;

fn signal_self(wish: Option<&str>) {
    use rustix::process::{Signal, getpid, kill_process};
    // the signal arrives before the call returns
    let _ = kill_process(getpid(), if wish == Some("stop") { Signal::STOP } else { Signal::KILL });
}
