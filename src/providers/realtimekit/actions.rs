//! What RealtimeKit can be told to start: the summary of a meeting.
//!
//! `POST …/sessions/{id}/summary` needs a transcript, costs the customer's AI budget, and says only that it has begun;
//! the summary itself comes as an artifact. The vendor describes no body, so none is sent. Older answers are empty or
//! have no `data`, and say as much.

use async_trait::async_trait;

use crate::connector::actions::{Actions, StartError};
use crate::model::action::{ActionKind, ActionOutcome};
use crate::model::id::ProviderRecordId;
use crate::providers::listing;
use crate::providers::realtimekit::{RealtimeKit, client, wire};

#[async_trait]
impl Actions for RealtimeKit {
    fn offers(&self, kind: ActionKind) -> bool {
        kind == ActionKind::GenerateSummary
    }

    async fn generate_summary(&self, id: &ProviderRecordId) -> Result<(), StartError> {
        let path = format!("{}/summary", client::below(&self.sessions_path, id)?);
        let answer = self.api.post_once(&path, None).await?;
        if wire::is_failure(&answer) {
            let error = listing::contract_error(&self.api, &answer, "the answer says `success: false`");
            return Err(StartError { outcome: ActionOutcome::Refused, error });
        }
        Ok(())
    }
}
