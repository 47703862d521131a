//! Periods: the form that chooses them, and what an explanation says of the one before.

use super::*;

/// Returns the form that chooses the period.
fn pickers(html: &str) -> &str {
    html.split_once("<form class=\"pickers\"").unwrap().1.split_once("</form>").unwrap().0
}

#[tokio::test]
async fn dates_that_are_entered_replace_the_named_range_that_was_shown() {
    let api = Api::new().await;
    let html = page(&api, "/?range=last_7_days&zone=Europe/Berlin").await;
    let form = pickers(&html);
    assert!(form.contains("<input type=\"hidden\" name=\"by\" value=\"dates\">"), "{form}");
    assert!(form.contains("Until (not included)") && form.matches("<button>").count() == 1, "{form}");
    // what the form sends, with dates and without
    let html = page(&api, "/?by=dates&range=last_7_days&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin").await;
    let form = pickers(&html);
    assert!(form.contains("name=\"from\" value=\"2026-11-18\"") && form.contains("name=\"to\" value=\"2026-11-19\""));
    assert!(part(&html, "card-minutes_consumed").contains("<data value=\"153.35\">"), "{html}");
    // beside dates that were shown, a named range is what its reader chose
    assert!(!form.contains("name=\"by\""), "{form}");
    let html = page(&api, "/?range=yesterday&from=2026-11-18&to=2026-11-19").await;
    assert!(pickers(&html).contains("<option value=\"yesterday\" selected>"), "{html}");
    let html = page(&api, "/?by=dates&range=yesterday&from=&to=").await;
    assert!(pickers(&html).contains("<option value=\"yesterday\" selected>"), "{html}");
    let reversed = page(&api, "/?from=2026-11-19&to=2026-11-18").await;
    let told = "“2026-11-19” must be before “2026-11-18”: the end must be after the first day.";
    assert!(htmlize::unescape(part(&reversed, "refused")).contains(told), "{reversed}");
}

#[tokio::test]
async fn an_explanation_says_what_it_compares_in_the_words_of_the_card() {
    let api = world().await;
    // 2 of 2 chats on the 3rd and 4th, 0 of 1 on the 5th and 6th
    let state = "from=2026-11-05&to=2026-11-07&zone=UTC&source=konvo-lab";
    let card = page(&api, &format!("/?{state}")).await;
    assert!(part(&card, "card-resolution_rate").contains("−100\u{202f}points"), "{card}");
    let html = page(&api, &format!("/explain?{state}&metric=resolution_rate")).await;
    let explanation = part(&html, "explanation");
    for said in
        ["2026-11-03 00:00 until 2026-11-05 00:00</dd>", "−100\u{202f}points (exactly -1)", "<span>0 of 1</span>"]
    {
        assert!(explanation.contains(said), "`{said}` is missing in {explanation}");
    }
    assert!(part(&html, "drivers-channel").contains("−100\u{202f}points"), "{html}");
    assert!(!html.contains("−100\u{202f}%") && explanation.contains(">All sessions of the period</a>"), "{html}");
    let yearly = page(&api, &format!("/explain?{state}&metric=resolution_rate&compare=previous_year")).await;
    assert!(yearly.contains("<dt>Compared with</dt><dd>2025-11-05 00:00 until 2025-11-07 00:00</dd>"), "{yearly}");
    assert!(yearly.contains("<option value=\"previous_year\" selected>"), "{yearly}");
    assert!(link(&yearly, "JSON").contains("&compare=previous_year"), "{yearly}");
    let alone = page(&api, &format!("/explain?{state}&metric=resolution_rate&compare=none")).await;
    assert!(!alone.contains("Compared with") && !alone.contains("id=\"drivers-"), "{alone}");
    // the parts of other ratios are no counts of one thing
    let html = page(&api, &format!("/explain?{state}&metric=messages_per_session")).await;
    let remarks = part(&html, "explanation").split_once("class=\"remarks\">").unwrap().1.split("</p>").next().unwrap();
    assert!(!remarks.contains(" of "), "{remarks}");
}

#[tokio::test]
async fn the_name_of_the_service_leads_to_the_overview_of_the_same_period() {
    let api = Api::new().await;
    let html = page(&api, &format!("/costs?{DAY}&if_price=1")).await;
    assert_eq!(link(&html, "Tributary"), format!("/?{DAY}"));
    assert!(part(&html, "billable").contains("<summary aria-label=\"Table: Billable minutes"), "{html}");
}
