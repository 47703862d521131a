//! The chat of a meeting: beside the messages of chats, with counters that have no two sides.

use sqlx::PgConnection;

use crate::model::message::{Message, SessionStats};
use crate::store::artifact::Task;
use crate::store::{StoreError, message};

/// Makes the session's messages equal to `messages`.
pub(super) async fn replace(tx: &mut PgConnection, task: &Task, messages: &[Message]) -> Result<(), StoreError> {
    let carried = [(task.session_id, messages)];
    message::replace(tx, task.source_id, &carried, &[task.session_id], SessionStats::of_meeting).await
}
