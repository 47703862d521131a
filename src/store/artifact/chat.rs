//! The chat of meetings: stored like the messages of chats, with statistics that have no two sides.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::{Message, SessionStats};
use crate::store::artifact::content::SaveContext;
use crate::store::{StoreError, message};

/// Replaces the messages of each session with the found ones.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    chats: &[(SaveContext<'_>, &[Message])],
) -> Result<(), StoreError> {
    let carried: Vec<(i64, &[Message])> =
        chats.iter().map(|(context, chat)| (context.task.session_id, *chat)).collect();
    // a session without an earlier artifact has nothing stored
    let stored = chats.iter().filter(|(context, _)| context.task.content_hash.is_some());
    let stored: Vec<i64> = stored.map(|(context, _)| context.task.session_id).collect();
    message::replace(tx, source_id, &carried, &stored, SessionStats::of_meeting).await
}
