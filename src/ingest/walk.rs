//! The walk over a window, page by page, until it is proven or doubt remains.

use chrono::TimeDelta;

use crate::connector::StreamPolicy;
use crate::connector::error::{PullError, PullErrorKind};
use crate::ingest::completeness::WalkRecord;
use crate::ingest::list_end::Reading;
use crate::ingest::missing_sessions::BEHIND;
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::page::{Page, Record};
use crate::model::time::Window;
use crate::store::window::Finding;

/// Walks of one window in one run, after which doubt remains until the next run.
const MAX_WALKS: u32 = 3;
/// Windows this short are not split further.
pub(super) const SHORTEST_SPLIT: TimeDelta = TimeDelta::minutes(1);
/// Unreadable windows that one run skips; after that the run ends.
const MAX_SPARED_WINDOWS: u32 = 3;
/// Most parts of one split.
const MAX_PARTS: u64 = 16;

/// Returns the number of parts into which a window with `total` records is split.
pub(super) fn parts_for(total: u64, policy: &StreamPolicy) -> u32 {
    let parts = total.div_ceil((policy.split_above_records / 2).max(1)).clamp(2, MAX_PARTS);
    u32::try_from(parts).unwrap_or(2)
}

/// The window that was split, and the provider's count for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    window: Window,
    total: u64,
}

/// Result for a window.
enum Proven {
    /// It was walked, and is proven or denied.
    Alone,
    /// It was walked, and its whole is proven with it.
    WithWhole,
    /// The provider counts more in it than it lists, or its pages are too large: halves may show where.
    Doubtful,
    /// It holds too many records for one walk.
    TooMuch {
        /// The provider's count of its records.
        total: u64,
    },
}

/// Result of a walk.
enum Walked {
    /// It reached its end, with or without proof.
    Ended {
        /// What it proves.
        finding: Finding,
        /// Whether it was read to its end and the provider counts more than it listed.
        is_miscount: bool,
        /// The records it held.
        reading: Reading,
    },
    /// The window holds too many records for one walk.
    TooMuch {
        /// The provider's count of its records.
        total: u64,
    },
}

impl Run<'_> {
    /// Covers `targets` in order. Windows with many records are split, and so are unproven ones, so that a missing
    /// record affects only the minutes around it; an unreadable window does not block others. Parts are walked oldest
    /// first: where a list filters by change, a change during the walk moves a session into a later window.
    pub(super) async fn cover(&mut self, targets: &[Window], policy: &StreamPolicy) -> Result<(), Halt> {
        let mut ahead: Vec<(Window, Option<Whole>)> = targets.iter().rev().map(|target| (*target, None)).collect();
        while let Some((window, whole)) = ahead.pop() {
            let proven = match self.prove(window, whole, policy).await {
                Err(Halt::Pull(error)) if !ahead.is_empty() && self.may_spare(&error) => {
                    self.spared_windows += 1;
                    self.doubt(&Finding::unread(window, error.to_string())).await?;
                    continue;
                }
                proven => proven?,
            };
            match proven {
                // the next run reads the rest of a ring
                Proven::Alone | Proven::WithWhole if self.is_share_spent() => break,
                Proven::Alone => {}
                Proven::Doubtful => ahead.extend(window.split(2).into_iter().rev().map(|half| (half, None))),
                // the part held all of the whole: the rest of the whole is proven with it
                Proven::WithWhole => ahead.retain(|(_, other)| *other != whole),
                Proven::TooMuch { total } => {
                    let parts = window.split(parts_for(total, policy));
                    // a part that seems to hold all of its whole is the first to show whether that is so
                    let whole = whole.filter(|whole| total >= whole.total).or(Some(Whole { window, total }));
                    ahead.extend(parts.into_iter().rev().map(|part| (part, whole)));
                }
            }
        }
        Ok(())
    }

    /// Covers the window of a unit. If it holds too many records for one walk, nothing is recorded, and their
    /// number is returned, so that the parts can become units of their own.
    pub(super) async fn cover_unit(&mut self, window: Window, policy: &StreamPolicy) -> Result<Option<u64>, Halt> {
        match self.prove(window, None, policy).await? {
            Proven::Alone | Proven::WithWhole => Ok(None),
            Proven::Doubtful => self.cover(&window.split(2), policy).await.map(|()| None),
            Proven::TooMuch { total } => Ok(Some(total)),
        }
    }

    /// Walks `window`, a part of `whole`, up to a few times until it is proven.
    async fn prove(&mut self, window: Window, whole: Option<Whole>, policy: &StreamPolicy) -> Result<Proven, Halt> {
        let mut walks = 0;
        let mut read_before = None;
        loop {
            walks += 1;
            let may_split = walks == 1 && window.span() > SHORTEST_SPLIT;
            let split_above = may_split.then_some(policy.split_above_records);
            let walked = match self.walk(window, split_above, whole, read_before).await {
                // a list of fewer records has shorter pages
                Err(Halt::Pull(error))
                    if error.kind == PullErrorKind::TooLarge
                        && window.span() > SHORTEST_SPLIT
                        && self.cuts_left > 0 =>
                {
                    self.cuts_left -= 1;
                    return Ok(Proven::Doubtful);
                }
                walked => walked?,
            };
            let (finding, is_miscount) = match walked {
                Walked::TooMuch { total } => return Ok(Proven::TooMuch { total }),
                Walked::Ended { finding, is_miscount, reading } => {
                    read_before = Some(reading);
                    (finding, is_miscount)
                }
            };
            if finding.doubt.is_some() && walks < MAX_WALKS {
                tracing::info!(source = %self.source.slug, %window, doubt = finding.doubt, "reading the window again");
                continue;
            }
            if is_miscount && window.span() > SHORTEST_SPLIT && self.cuts_left > 0 {
                self.cuts_left -= 1;
                return Ok(Proven::Doubtful);
            }
            self.distinct_count += finding.distinct_count;
            if let Some(total) = finding.provider_total {
                self.provider_total = Some(self.provider_total.unwrap_or(0) + total);
            }
            if finding.doubt.is_some() {
                self.doubt(&finding).await?;
            }
            let is_whole = finding.doubt.is_none() && finding.window.span() > window.span();
            return Ok(if is_whole { Proven::WithWhole } else { Proven::Alone });
        }
    }

    /// Whether an unreadable window may be skipped in this run: not when the provider as a whole is down, and not
    /// too often.
    fn may_spare(&self, error: &PullError) -> bool {
        // if nothing was read in this run, the provider is down as a whole
        let is_away = error.kind == PullErrorKind::Transient || !error.kind.is_of_provider();
        let is_outage = is_away && self.page_count == 0;
        error.kind.policy().may_be_local && !is_outage && self.spared_windows < MAX_SPARED_WINDOWS
    }

    /// Whether a doubtful window is a gap that an operator accepts: it lies within one, or it cannot be split
    /// further and touches one.
    fn is_accepted(&self, window: &Window) -> bool {
        let touches = |gap: &Window| gap.from < window.to && gap.to > window.from;
        let holds = |gap: &Window| gap.from <= window.from && gap.to >= window.to;
        self.accepted.iter().any(|gap| holds(gap) || touches(gap) && window.span() <= SHORTEST_SPLIT)
    }

    /// Marks a window as not proven, unless it is known and accepted as such.
    async fn doubt(&mut self, finding: &Finding) -> Result<(), Halt> {
        if self.is_accepted(&finding.window) {
            return Ok(());
        }
        let doubt = finding.doubt.as_deref().unwrap_or_default();
        self.doubts.push(format!("{}: {doubt}", finding.window));
        self.is_denied |= finding.is_denied;
        self.deny(finding).await
    }

    /// Whether the list that begins with `page` is that of the whole which `window` is a part of: it holds no fewer
    /// records, and later ones than the part. Then the filter is ignored, and splitting might never end. The count
    /// alone is no proof: some providers count up to a limit only, so that a part and its whole seem equal.
    fn is_list_of_whole(&mut self, whole: Option<Whole>, window: &Window, page: &Page) -> bool {
        let Some((whole, total)) = whole.zip(page.total) else { return false };
        self.filter_works |= total < whole.total;
        let is_later = |record: &Record| record.session.created_at > window.to + BEHIND;
        !self.filter_works && page.records.iter().any(is_later)
    }

    /// Walks `window` once, after a walk with the reading `read_before`. Fetches the next page while the last one
    /// is saved.
    async fn walk(
        &mut self,
        window: Window,
        split_above: Option<u64>,
        whole: Option<Whole>,
        read_before: Option<Reading>,
    ) -> Result<Walked, Halt> {
        // one present for the whole walk: a connector may build its requests differently for past and running
        // windows
        let now = self.poller.clock.now();
        let database_now = self.clocks.database_now();
        let mut page = self.fetch(&window, None, now).await?;
        self.clocks.note(page.provider_now, database_now, self.poller);
        // nothing after the present of a second clock can be proven: the provider's clock, else the database's
        let witness = page.provider_now.or(database_now);
        let reached = |claim: Window| Window { to: witness.map_or(claim.to, |now| now.min(claim.to)), ..claim };
        let is_whole = self.is_list_of_whole(whole, &window, &page);
        let claimed = reached(whole.filter(|_| is_whole).map_or(window, |whole| whole.window));
        let may_split = claimed.span() <= window.span();
        // a comparison counts a window before it reads it
        let mut walked = WalkRecord::after(read_before, &window, self.listed.is_some());
        loop {
            self.account.compare(self.poller, self.source, &page).await?;
            self.note(&page);
            let next = walked.follow(&page);
            let is_crowded = may_split
                && walked.end.page_count == 1
                && split_above.zip(page.total).is_some_and(|(limit, total)| total > limit);
            match next {
                Some(_) if is_crowded => {
                    let saved = self.save(&page, None).await?;
                    self.count(&saved).await;
                    return Ok(Walked::TooMuch { total: page.total.unwrap_or(0) });
                }
                Some(cursor) => {
                    let run = &*self;
                    // saving frees memory for the next page
                    let save = async move {
                        let saved = run.save(&page, None).await;
                        drop(page);
                        saved
                    };
                    let (saved, fetched) = tokio::join!(save, run.fetch(&window, Some(&cursor), now));
                    self.count(&saved?).await;
                    page = match fetched {
                        Err(Halt::Pull(error)) if walked.ends_with(&error) => Page::default(),
                        fetched => fetched?,
                    };
                }
                None if walked.end.may_be_cut_off() && may_split && self.may_cut(split_above) => {
                    self.cuts_left -= 1;
                    let saved = self.save(&page, None).await?;
                    self.count(&saved).await;
                    return Ok(Walked::TooMuch { total: walked.end.distinct() });
                }
                None => {
                    let mut finding = walked.finding(claimed, &page);
                    if finding.doubt.is_none() {
                        let missing = self.missing(&claimed, &walked, now).await?;
                        (page.missing, page.deleted_after) = (missing.ids, missing.deleted_after);
                        (finding.is_denied, finding.doubt) = (missing.doubt.is_some(), missing.doubt);
                    }
                    let proof = finding.doubt.is_none().then_some(&finding);
                    let saved = self.save(&page, proof).await?;
                    self.count(&saved).await;
                    let end = &walked.end;
                    let is_miscount = !end.is_guarded() && page.unprovable.is_none() && end.miscount().is_some();
                    return Ok(Walked::Ended { finding, is_miscount, reading: end.reading() });
                }
            }
        }
    }

    /// Whether a window may be split because its list may have been silently truncated: shorter parts show whether
    /// it was.
    fn may_cut(&self, split_above: Option<u64>) -> bool {
        split_above.is_some_and(|limit| limit < u64::MAX) && self.cuts_left > 0
    }
}
