//! The participants of one session: a list in pages, read to its end.
//!
//! [`crate::ingest::list_end`] decides what proves the end, as for the lists of sessions.

use crate::connector::error::PullError;
use crate::ingest::artifact::attempt::Attempt;
use crate::ingest::artifact::gathered::{Gathered, part};
use crate::ingest::artifact::outcome::Outcome;
use crate::ingest::list_end::{ListEnd, PageEnd, Reading, fingerprint};
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
    Ended { doubt: Option<String>, reading: Reading },
    /// There is nothing more to request.
    Settled(Outcome),
}

impl Attempt<'_> {
    /// Reads all pages of the list, and reads it again while it states no count and its readings differ.
    pub(super) async fn participants(&self, gathered: &mut Gathered) -> Result<Outcome, PullError> {
        let mut read_before = None;
        let mut doubt = String::new();
        for _ in 0..MAX_READINGS {
            match self.read_participants(gathered, read_before).await? {
                Read::Settled(outcome) => return Ok(outcome),
                Read::Ended { doubt: None, .. } => return Ok(gathered.judge_list()),
                Read::Ended { doubt: Some(why), reading } => {
                    read_before = Some(reading);
                    doubt = why;
                    // a list that differs from its count is read again by the next try
                    match gathered.total {
                        Some(total) if total > gathered.len() as u64 => return Ok(gathered.judge_list()),
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
        let mut end = ListEnd::after(read_before);
        let mut cursor: Option<Cursor> = None;
        gathered.begin_list();
        loop {
            let page = match self.ask(None, cursor.as_ref(), false).await {
                Err(error) if end.ends_with(&error) => break,
                Ok(ArtifactAnswer::Absent(absence)) => return Ok(Read::Settled(Outcome::Absent(absence))),
                Ok(ArtifactAnswer::Content(page)) => *page,
                Err(error) => return Err(error),
            };
            let Artifact::Participants(list) = page.artifact else {
                return Err(PullError::contract("participants", "the connector returned another artifact"));
            };
            let (rows, seen_before) = ((list.len() + page.rejects.len()) as u64, end.distinct());
            for one in list {
                let identity = fingerprint(&one.provider_participant_id);
                if !end.holds(identity) {
                    end.see(identity, true);
                    gathered.participants.push(one);
                }
            }
            for reject in page.rejects {
                let identity = reject.provider_record_id.as_ref().map_or_else(|| fingerprint(&reject.raw), fingerprint);
                if !end.holds(identity) {
                    end.see(identity, true);
                    gathered.rejects.push(reject);
                }
            }
            gathered.oddities.extend(page.oddities);
            gathered.facts.extend(page.facts);
            let next = end.follow(
                PageEnd {
                    rows,
                    page_size: page.page_size,
                    total: page.total,
                    next: page.next.as_ref(),
                    past_end: page.past_end.as_ref(),
                },
                seen_before,
            );
            let Some(next) = next else { break };
            if gathered.len() > MAX_PARTICIPANTS {
                return Ok(Read::Settled(part("the session has more participants than the limit allows")));
            }
            if gathered.len() > USUAL_PARTICIPANTS {
                gathered.hold(&self.poller.large).await;
            }
            cursor = Some(next);
        }
        gathered.total = end.total();
        Ok(Read::Ended { doubt: end.doubt(), reading: end.reading() })
    }
}
