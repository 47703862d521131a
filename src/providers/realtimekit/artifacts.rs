//! Per-session data: when it is requested, and how.
//!
//! A link is used at once and never stored: it alone gives access to a file, so it is in no error, log or record. A
//! link that leads to no file may have expired meanwhile, and is requested once more. This module does not know the
//! formats of the files, nor the number of earlier tries.

use chrono::TimeDelta;

use crate::connector::ArtifactPolicy;
use crate::connector::download::Downloader;
use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::ApiClient;
use crate::connector::no_such_stream;
use crate::connector::record::DriftItems;
use crate::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage, ArtifactRequest};
use crate::model::stream::Stream;
use crate::providers::listing::FACT_PAGE_BASE;
use crate::providers::realtimekit::client;
use crate::providers::realtimekit::client::FileKind;
use crate::providers::realtimekit::files;
use crate::providers::realtimekit::paging::Paging;
use crate::providers::realtimekit::participant;
use crate::providers::realtimekit::quality;

/// After a session has ended its files are made one after the other, usually within minutes.
const TRIES_AFTER: [TimeDelta; 5] =
    [TimeDelta::minutes(2), TimeDelta::minutes(10), TimeDelta::minutes(30), TimeDelta::hours(2), TimeDelta::hours(12)];

/// Hours of speech; larger files are fetched one at a time.
const USUAL_FILE_BYTES: usize = 1024 * 1024;

/// Returns the fetching rules of the stream.
pub(super) fn policy(stream: Stream) -> Option<ArtifactPolicy> {
    let file = ArtifactPolicy {
        while_live: None,
        tries_after: &TRIES_AFTER,
        then_every: TimeDelta::days(1),
        retention: TimeDelta::days(7),
        settles_after: TimeDelta::hours(2),
        per_participant: false,
    };
    // The retention of participants is not documented.
    let month = ArtifactPolicy { retention: TimeDelta::days(30), ..file };
    // Call statistics are kept for a month, but appear soon after the end or never, and each try costs a call per
    // presence: after the first day only one more try, at the end.
    let statistics = ArtifactPolicy { then_every: month.retention, ..month };
    match stream {
        Stream::Sessions => None,
        Stream::Participants => Some(ArtifactPolicy { while_live: Some(TimeDelta::minutes(5)), ..month }),
        Stream::Chat | Stream::Transcript | Stream::Summary => Some(file),
        // One call per presence: the list of presences must first settle a little.
        Stream::Quality => Some(ArtifactPolicy { tries_after: &TRIES_AFTER[1..], per_participant: true, ..statistics }),
    }
}

/// Reads stored data again.
pub(super) fn read(
    stream: Stream,
    bytes: &[u8],
    request: &ArtifactRequest<'_>,
) -> Result<Option<ArtifactPage>, PullError> {
    let text = String::from_utf8_lossy(bytes);
    let drift = DriftItems::default();
    let page = match stream {
        Stream::Sessions => return Err(no_such_stream(stream)),
        Stream::Chat => return read_file(FileKind::Chat, bytes, request),
        Stream::Transcript => return read_file(FileKind::Transcript, bytes, request),
        Stream::Summary => return read_file(FileKind::Summary, bytes, request),
        Stream::Participants => {
            let (list, rejects) = match participant::participant(&text, request.session.ended_at.is_some(), &drift) {
                Ok(participant) => (vec![participant], Vec::new()),
                Err(reject) => (Vec::new(), vec![reject]),
            };
            ArtifactPage { rejects, ..ArtifactPage::of(Artifact::Participants(list)) }
        }
        Stream::Quality => {
            let peer = request.participant.ok_or_else(|| PullError::contract("peer report", NO_PRESENCE))?;
            ArtifactPage::of(Artifact::Quality(vec![quality::report(peer, text.into_owned(), &drift)]))
        }
    };
    Ok(Some(ArtifactPage { drift: drift.into_inner(), ..page }))
}

/// Error of a report without a presence.
const NO_PRESENCE: &str = "a report is fetched by presence";

fn read_file(kind: FileKind, bytes: &[u8], request: &ArtifactRequest<'_>) -> Result<Option<ArtifactPage>, PullError> {
    files::read(kind, bytes, request.session).map_err(|fault| PullError {
        kind: match fault {
            files::Fault::Broken(_) => PullErrorKind::FileCut,
            files::Fault::ErrorPage => PullErrorKind::ErrorPage,
            files::Fault::UnknownForm(_) => PullErrorKind::Contract,
        },
        http_status: Some(200),
        ..PullError::contract(kind.name(), fault.to_string())
    })
}

/// Fetches one page of the participants.
pub(super) async fn participants(
    api: &ApiClient,
    sessions_path: &str,
    paging: &Paging,
    request: &ArtifactRequest<'_>,
) -> Result<ArtifactAnswer, PullError> {
    let step = async {
        let list = client::participants(sessions_path, &request.session.provider_session_id)?;
        paging.fetch(api, &list, request.cursor).await
    };
    let step = match (step.await, request.cursor) {
        // A list that existed a moment ago is not absent.
        (Err(error), None) if error.kind == PullErrorKind::NotFound => {
            return Ok(ArtifactAnswer::Absent(Absence::NotFound));
        }
        (step, _) => step.map_err(client::about_one)?,
    };
    let (next, past_end) = step.onward.into_cursors();
    let listing = step.answer.listing;
    let (total, more, mut odd) = (listing.total, listing.more, listing.drift.into_inner());
    let (mut participants, mut rejects) = (Vec::new(), Vec::new());
    for raw in listing.records {
        let drift = DriftItems::default();
        match participant::participant(raw.get(), request.session.ended_at.is_some(), &drift) {
            Ok(participant) => participants.push(participant),
            Err(reject) => rejects.push(reject),
        }
        odd.extend(drift.into_inner());
    }
    Ok(ArtifactAnswer::Content(Box::new(ArtifactPage {
        rejects,
        drift: odd,
        next,
        past_end,
        more,
        page_size: step.page_size,
        total,
        facts: step.learnt_base.map(|base| (FACT_PAGE_BASE, base.to_string())).into_iter().collect(),
        ..ArtifactPage::of(Artifact::Participants(participants))
    })))
}

/// Fetches a file by a fresh link.
pub(super) async fn file(
    api: &ApiClient,
    downloads: &Downloader,
    sessions_path: &str,
    kind: FileKind,
    request: &ArtifactRequest<'_>,
) -> Result<ArtifactAnswer, PullError> {
    let session = request.session;
    let usual = downloads.capped(USUAL_FILE_BYTES);
    let downloads = if request.may_be_large { downloads } else { &usual };
    for _ in 0..2 {
        let id = &session.provider_session_id;
        let link = match client::link(api, sessions_path, id, kind).await? {
            Ok(link) => link,
            Err(absence) => return Ok(ArtifactAnswer::Absent(absence)),
        };
        let download = match downloads.fetch(&link, kind.name()).await {
            Ok(download) => download,
            Err(error) if error.kind == PullErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let read = read_file(kind, &download.body, request)?;
        return Ok(read.map_or(ArtifactAnswer::Absent(Absence::ZeroBytes), |page| {
            let is_end_open = page.is_end_open && !download.is_end_shown;
            ArtifactAnswer::Content(Box::new(ArtifactPage { raw: Some(download.body), is_end_open, ..page }))
        }));
    }
    Ok(ArtifactAnswer::Absent(Absence::LinkDead))
}

/// Fetches the report on one presence.
pub(super) async fn quality(
    api: &ApiClient,
    sessions_path: &str,
    request: &ArtifactRequest<'_>,
) -> Result<ArtifactAnswer, PullError> {
    let peer = request.participant;
    let peer = peer.ok_or_else(|| PullError::contract("peer report", NO_PRESENCE))?;
    let report = client::report(api, sessions_path, peer).await?;
    let Some(client::Report { record, drift }) = report else {
        return Ok(ArtifactAnswer::Absent(Absence::NotFound));
    };
    let report = quality::report(peer, record, &drift);
    let page = ArtifactPage::of(Artifact::Quality(vec![report]));
    Ok(ArtifactAnswer::Content(Box::new(ArtifactPage { drift: drift.into_inner(), ..page })))
}
