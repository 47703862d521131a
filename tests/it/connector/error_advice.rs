//! Every error that a run can end with has its advice.

use tributary::connector::error::PullErrorKind;

use crate::harness::noon;

#[tokio::test]
async fn a25_every_error_a_run_can_end_with_has_its_advice() {
    let kinds = [
        PullErrorKind::Transient,
        PullErrorKind::Unreached,
        PullErrorKind::OwnResources,
        PullErrorKind::Database,
        PullErrorKind::RateLimited { until: noon() },
        PullErrorKind::Auth,
        PullErrorKind::NotFound,
        PullErrorKind::Config,
        PullErrorKind::Contract,
        PullErrorKind::FileCut,
        PullErrorKind::ErrorPage,
        PullErrorKind::TooLarge,
    ];
    let ours = ["incomplete", "schema_drift", "empty_list", "no_length", "lease_lost", "crashed"];
    for class in kinds.iter().map(|kind| kind.policy().class).chain(ours) {
        let advice = tributary::ingest::advice_for(class).unwrap_or_else(|| panic!("no advice for {class}"));
        assert!(advice.len() > 20 && advice.ends_with('.'), "{class}: {advice}");
    }
    // error classes as written in the code: a class that is missing above has no advice here
    let sources = [include_str!("../../../src/connector/error.rs"), include_str!("../../../src/store/run.rs")];
    for source in sources {
        for part in source.split("class: \"").skip(1) {
            let class = part.split('"').next().expect("a class");
            assert!(tributary::ingest::advice_for(class).is_some(), "{class}");
        }
        for part in source.split("error_class = '").skip(1) {
            let class = part.split('\'').next().expect("a class");
            assert!(tributary::ingest::advice_for(class).is_some(), "{class}");
        }
    }
}
