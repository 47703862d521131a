//! The call that RealtimeKit offers to start something: the summary of a meeting.
//!
//! `POST …/sessions/{id}/summary` needs a transcript, uses the customer's AI budget, and confirms only that
//! generation has begun; the summary itself arrives as an artifact. The vendor documents no body, so none is sent.
//! Older answers are empty or have no `data`, and mean the same.

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
            let error = listing::contract_error(&self.api, &answer, "the response contains `success: false`");
            return Err(StartError { outcome: ActionOutcome::Refused, error });
        }
        Ok(())
    }
}
