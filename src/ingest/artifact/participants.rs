//! The participants of one session: a list in pages, read to its end.
//!
//! [`crate::ingest::list_end`] decides what proves the end, as for the lists of sessions.

use crate::connector::error::PullError;
use crate::ingest::artifact::attempt::Attempt;
use crate::ingest::artifact::attempt_outcome::AttemptOutcome;
use crate::ingest::artifact::gathered::{Gathered, part};
use crate::ingest::list_end::{ListEnd, PageEnd, Reading, fingerprint, identities};
use crate::model::artifact::{Artifact, ArtifactAnswer};
use crate::model::page::Cursor;

/// Readings of one list in one try, after which doubt remains until the next try.
const MAX_READINGS: u32 = 3;
/// Most participants of one session held in memory.
const MAX_PARTICIPANTS: usize = 20_000;
/// More participants than this are a large artifact.
const USUAL_PARTICIPANTS: usize = 2_000;

/// Result of one reading.
enum Read {
    /// The reading reached its end, which is proven unless there is a doubt.
    Ended { doubt: Option<String>, total: Option<u64>, reading: Reading },
    /// There is nothing more to request.
    Settled(AttemptOutcome),
}

impl Attempt<'_> {
    /// Reads all pages of the list, and reads it again while it states no count and its readings differ.
    pub(super) async fn participants(&self, gathered: &mut Gathered) -> Result<AttemptOutcome, PullError> {
        let mut read_before = None;
        let mut doubt = String::new();
        for _ in 0..MAX_READINGS {
            match self.read_participants(gathered, read_before).await? {
                Read::Settled(outcome) => return Ok(outcome),
                Read::Ended { doubt: None, total, .. } => return Ok(gathered.judge_list(total)),
                Read::Ended { doubt: Some(why), total, reading } => {
                    read_before = Some(reading);
                    doubt = why;
                    // a list that differs from its count is read again by the next try
                    match total {
                        Some(count) if count > gathered.listed_count() as u64 => return Ok(gathered.judge_list(total)),
                        Some(_) => return Ok(part(&doubt)),
                        None => {}
                    }
                }
            }
        }
        Ok(part(&doubt))
    }

    /// Reads the list once. Keeps what was received, also of a reading that ends in an error.
    async fn read_participants(
        &self,
        gathered: &mut Gathered,
        read_before: Option<Reading>,
    ) -> Result<Read, PullError> {
        let mut end = ListEnd::after(read_before, false);
        let mut cursor: Option<Cursor> = None;
        gathered.begin_list();
        loop {
            let mut page = match self.ask(None, cursor.as_ref(), false).await {
                Err(error) if end.ends_with(&error) => break,
                Ok(ArtifactAnswer::Absent(absence)) => return Ok(Read::Settled(AttemptOutcome::Absent(absence))),
                Ok(ArtifactAnswer::Content(page)) => *page,
                Err(error) => return Err(error),
            };
            let (rows, seen_before) = ((page.artifact.len() + page.rejects.len()) as u64, end.distinct());
            if let Artifact::Participants(list) = &mut page.artifact {
                let mut kept = Vec::with_capacity(list.len());
                for one in list.drain(..) {
                    if end.see(fingerprint(&one.provider_participant_id), true) {
                        kept.push(one);
                    } else {
                        gathered.update(one, &mut kept);
                    }
                }
                *list = kept;
            }
            let mut identities = identities(&page.rejects).into_iter();
            page.rejects.retain(|_| identities.next().is_some_and(|identity| end.see(identity, true)));
            let (next, past_end) = (page.next.take(), page.past_end.take());
            let (page_size, total, more) = (page.page_size, page.total, page.more);
            gathered.add(page);
            let said = PageEnd { rows, page_size, total, next: next.as_ref(), past_end: past_end.as_ref(), more };
            let next = end.follow(said, seen_before);
            let Some(next) = next else { break };
            if gathered.listed_count() > MAX_PARTICIPANTS {
                return Ok(Read::Settled(part("the session has more participants than the limit allows")));
            }
            if gathered.listed_count() > USUAL_PARTICIPANTS {
                gathered.hold(&self.poller.large).await;
            }
            cursor = Some(next);
        }
        Ok(Read::Ended { doubt: end.doubt(), total: end.total(), reading: end.reading() })
    }
}
