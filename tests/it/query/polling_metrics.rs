//! Metric values about the data itself: runs, rejects and delays.

use super::*;

#[tokio::test]
async fn metrics_about_polling_are_those_computed_by_hand() {
    let api = world().await;
    let table = [
        // 12:00 - 11:50
        ("data_lag_seconds", known(600)),
        // 1 + 1 of 2 + 1; one day has no count
        ("completeness_rate", ratio(0.666_666_667, 2, 3, 1)),
        ("rejected_records", known(1)),
        ("unknown_values", known(3)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
    // one complete, one failed, one incomplete, one running
    let runs = ratio(0.333_333_333, 1, 3, 0);
    expect(&api, NOVEMBER, &[("sync_success_rate", runs)]).await;
    // a change on the same day is no restatement
    expect(&api, &format!("source=rtk-eu&{NOVEMBER}"), &[("restated_minutes", known(5.5))]).await;
}
