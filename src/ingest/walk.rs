//! Walking a window page by page until it is proven, or until doubt remains.

use std::collections::{HashSet, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};

use chrono::TimeDelta;

use crate::connector::StreamPolicy;
use crate::connector::error::{PullError, PullErrorKind};
use crate::ingest::run::Run;
use crate::ingest::verdict::Halt;
use crate::model::page::{Cursor, Page};
use crate::model::time::Window;
use crate::store::window::Finding;

/// Walks of one window in one run before doubt remains until the next run.
const MAX_WALKS: u32 = 3;
/// Pages of one walk: beyond this a provider repeats itself in a way the guards do not see.
const MAX_PAGES: u64 = 20_000;
/// Windows shorter than this are not cut further.
const SHORTEST_SPLIT: TimeDelta = TimeDelta::minutes(2);
/// More rejects than one in so many records leave a window unproven.
const REJECT_SHARE: usize = 20;
/// So many rejects are borne, unless they are more than half of all records.
const REJECTS_BORNE: usize = 10;
/// Windows one run leaves out because they cannot be read; after that the run ends.
const MAX_SPARED_WINDOWS: u32 = 3;
/// Most parts a window is cut into at once.
const MAX_PARTS: u64 = 16;

/// The window that was cut, and what the provider counts in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    window: Window,
    total: u64,
}

/// What became of a window.
enum Proven {
    /// It was walked: proven, or denied.
    Alone,
    /// It was walked, and its whole is proven with it.
    WithWhole,
    /// The provider counts more in it than it lists: the halves may tell where.
    Doubtful,
    /// It holds too much for one piece.
    TooMuch {
        /// How many records the provider counts in it.
        total: u64,
    },
}

/// How a walk ended.
enum Walked {
    /// At its end, with or without proof.
    Ended {
        /// What it proves.
        finding: Finding,
        /// It was read to its end, and the provider counts more than it listed.
        is_miscount: bool,
    },
    /// It holds too much for one piece.
    TooMuch {
        /// How many records the provider counts in it.
        total: u64,
    },
}

impl Run<'_> {
    /// Covers `targets` in their order. A window with many records is cut into shorter ones, and so is one
    /// that cannot be proven, so that a missing record costs no more than the minutes around it. Parts are
    /// walked oldest first: where a list's filter compares change times, what changes during a walk moves
    /// into a window still to come. A window that cannot be read keeps no other from being read.
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
                Proven::Alone => {}
                Proven::Doubtful => ahead.extend(window.split(2).into_iter().rev().map(|half| (half, None))),
                // the part held all of the whole: what is left of the whole is proven with it
                Proven::WithWhole => ahead.retain(|(_, other)| *other != whole),
                Proven::TooMuch { total } => {
                    let parts = total.div_ceil((policy.split_above_records / 2).max(1)).clamp(2, MAX_PARTS);
                    let parts = window.split(u32::try_from(parts).unwrap_or(2));
                    let whole = Some(Whole { window, total });
                    ahead.extend(parts.into_iter().rev().map(|part| (part, whole)));
                }
            }
        }
        Ok(())
    }

    /// Walks `window`, a part of `whole`, until it is proven, a few times.
    async fn prove(&mut self, window: Window, whole: Option<Whole>, policy: &StreamPolicy) -> Result<Proven, Halt> {
        let mut walks = 0;
        loop {
            walks += 1;
            let may_split = walks == 1 && window.span() > SHORTEST_SPLIT;
            let split_above = may_split.then_some(policy.split_above_records);
            let (finding, is_miscount) = match self.walk(window, split_above, whole).await? {
                Walked::TooMuch { total } => return Ok(Proven::TooMuch { total }),
                Walked::Ended { finding, is_miscount } => (finding, is_miscount),
            };
            if finding.doubt.is_some() && walks < MAX_WALKS {
                tracing::info!(source = %self.source.slug, %window, doubt = finding.doubt, "walking again");
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

    /// Whether a window that could not be read may be left out of this run: not when the provider as a
    /// whole is down, and not too often.
    fn may_spare(&self, error: &PullError) -> bool {
        // an outage is nobody's fault but the provider's, unless something was read in this run
        let is_away = matches!(error.kind, PullErrorKind::Transient | PullErrorKind::Unreached);
        let is_outage = is_away && self.page_count == 0;
        error.kind.policy().may_be_local && !is_outage && self.spared_windows < MAX_SPARED_WINDOWS
    }

    /// Marks a window as not proven.
    async fn doubt(&mut self, finding: &Finding) -> Result<(), Halt> {
        let doubt = finding.doubt.as_deref().unwrap_or_default();
        self.doubts.push(format!("{}: {doubt}", finding.window));
        self.deny(finding).await
    }

    /// Walks `window` once. The next page is fetched while the last one is saved.
    async fn walk(&mut self, window: Window, split_above: Option<u64>, whole: Option<Whole>) -> Result<Walked, Halt> {
        // one present for the whole walk: a connector may ask differently for past and running windows
        let now = self.poller.clock.now();
        let mut page = self.fetch(&window, None, now).await?;
        // what the provider's clock has not reached yet cannot be proven
        let reached =
            |claim: Window| Window { to: page.provider_now.map_or(claim.to, |now| now.min(claim.to)), ..claim };
        // A part that holds as many records as its whole: either the others are empty, or the filter is
        // ignored. Both ways this one list is the whole's list, and cutting it further might never end.
        let parted = whole.zip(page.total).map(|(whole, total)| (whole.window, total < whole.total));
        self.filter_works |= parted.is_some_and(|(_, is_less)| is_less);
        let claimed = match parted {
            Some((whole, false)) if !self.filter_works => reached(whole),
            _ => reached(window),
        };
        let may_split = claimed.span() <= window.span();
        let mut trace = Trace::default();
        loop {
            let next = trace.follow(&page);
            let is_crowded = may_split
                && trace.page_count == 1
                && split_above.zip(page.total).is_some_and(|(limit, total)| total > limit);
            match next {
                Some(_) if is_crowded => {
                    let saved = self.save(&page, None).await?;
                    self.count(&saved).await;
                    return Ok(Walked::TooMuch { total: page.total.unwrap_or(0) });
                }
                Some(cursor) => {
                    let (saved, fetched) =
                        tokio::join!(self.save(&page, None), self.fetch(&window, Some(&cursor), now));
                    self.count(&saved?).await;
                    page = fetched?;
                }
                None => {
                    let finding = trace.finding(claimed, &page);
                    let proof = finding.doubt.is_none().then_some(&finding);
                    let saved = self.save(&page, proof).await?;
                    self.count(&saved).await;
                    let is_miscount = trace.guard.is_none() && page.unprovable.is_none() && trace.miscount().is_some();
                    return Ok(Walked::Ended { finding, is_miscount });
                }
            }
        }
    }
}

/// What a walk has seen: the evidence, and the guards against lists without end.
#[derive(Debug, Default)]
struct Trace {
    seen: HashSet<u64>,
    cursors: HashSet<Cursor>,
    page_count: u64,
    total: Option<u64>,
    /// The count fell between two pages, whatever it rose to afterwards: what stood behind the vanished record moved up
    /// by one, across the border of a page that was read already.
    has_shrunk: bool,
    records: usize,
    rejects: usize,
    /// Which guard tripped.
    guard: Option<String>,
}

impl Trace {
    /// Takes a page in; the cursor to go on with, unless the list ended or a guard tripped.
    fn follow(&mut self, page: &Page) -> Option<Cursor> {
        self.page_count += 1;
        self.records += page.len();
        self.rejects += page.rejects.len();
        let before = self.seen.len();
        let ids = page.records.iter().map(|record| fingerprint(&record.session.provider_session_id));
        let rejects = page.rejects.iter().map(|reject| match &reject.provider_record_id {
            Some(id) => fingerprint(id),
            None => fingerprint(&reject.raw),
        });
        self.seen.extend(ids.chain(rejects));
        if page.total.is_some() {
            self.has_shrunk |= page.total < self.total;
            self.total = page.total;
        }
        let next = page.next.clone()?;
        if !page.is_empty() && self.seen.len() == before {
            self.guard = Some("the provider repeated a page without end in sight".to_owned());
        } else if !self.cursors.insert(next.clone()) {
            self.guard = Some("the provider's page tokens run in a circle".to_owned());
        } else if self.page_count >= MAX_PAGES {
            self.guard = Some(format!("the list did not end within {MAX_PAGES} pages"));
        }
        if self.guard.is_some() { None } else { Some(next) }
    }

    /// How the provider's count disagrees with what it listed.
    fn miscount(&self) -> Option<String> {
        let distinct = self.seen.len() as u64;
        match self.total {
            Some(total) if distinct < total => {
                Some(format!("the provider counts {total} records, the list held {distinct} distinct ones"))
            }
            _ if self.has_shrunk => Some("records vanished while the list was read".to_owned()),
            _ => None,
        }
    }

    /// So many records were rejected that not they are odd, but our reading of the provider.
    fn misread(&self) -> Option<String> {
        let borne = (self.records / REJECT_SHARE).max(REJECTS_BORNE);
        let is_misread = self.rejects > borne || (self.rejects > 0 && self.rejects * 2 > self.records);
        is_misread.then(|| format!("{} of {} records could not be normalized", self.rejects, self.records))
    }

    /// What the walk proves about its window, once it has ended with `last`.
    fn finding(&self, window: Window, last: &Page) -> Finding {
        let is_ahead = window.from >= window.to;
        let doubt = self
            .guard
            .clone()
            .or_else(|| last.unprovable.map(str::to_owned))
            .or_else(|| self.miscount())
            .or_else(|| self.misread())
            .or_else(|| is_ahead.then(|| "the provider's clock lies before this range".to_owned()));
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let distinct_count = number(self.seen.len() as u64);
        Finding { window, doubt, provider_total: self.total.map(number), distinct_count }
    }
}

fn fingerprint(identity: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    identity.hash(&mut hasher);
    hasher.finish()
}
