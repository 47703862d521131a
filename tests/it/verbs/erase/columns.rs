//! Every column that can hold a text is either personal, which its comment says, or known not to be.

use super::*;

/// Columns of `core` that hold no personal data: what each holds instead.
const OTHERS: &str = "
    konpro_sessions: avatar_id voice_name api_key_type;
    konvo_sessions: workspace_id feed_id skill_type sub_intent_type;
    messages: sender_role provider_message_id provider_origin provider_participant_id payload_type
              search_language;
    participant_quality: provider_participant_id country_code device_os network_type sdk_name sdk_version;
    participants: provider_participant_id person_id preset_name;
    people: person_id identity_kind;
    rate_cards: scenario unit currency preset_pattern rounding;
    realtimekit_sessions: app_id meeting_id session_type recording_status;
    session_launches: provider_session_id quality avatar_id voice_id voice_emotion stt_provider video_encoding version
                      knowledge_base_id;
    session_stats: last_sender_role;
    session_summaries: format search_language;
    sessions: provider session_kind session_state outcome ended_at_source provider_session_id provider_status channel
              person_id parent_provider_session_id group_key row_hash raw_hash;
    sources: source_slug provider account_ref minutes_basis message_support schedule session_kinds session_streams
             budget_key human_steps pseudonym_slug credential_fingerprint search_language;
    trail_steps: step_type;
    transcript_segments: provider_participant_id speaker_id search_language;
    transcripts: format language_code";

#[tokio::test]
async fn every_column_with_texts_is_personal_or_known_not_to_be() {
    let world = World::new().await;
    world.app().migrate(&world.db.pool).await.expect("migrated");
    let columns: Vec<String> = sqlx::query_scalar(
        "select c.relname || '.' || a.attname
           from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           join pg_type t on t.oid = a.atttypid
          where c.relnamespace = 'core'::regnamespace and c.relkind = 'r'
            and t.typname in ('text', 'json', 'jsonb', 'bytea', '_text', 'varchar')
            and col_description(c.oid, a.attnum) is distinct from 'x'
            and coalesce(col_description(c.oid, a.attnum) not like 'Personal%', true)
          order by 1",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("the catalog");
    let mut known: Vec<String> = Vec::new();
    for table in OTHERS.split(';') {
        let (table, columns) = table.trim().split_once(':').expect("a table");
        known.extend(columns.split_whitespace().map(|column| format!("{table}.{column}")));
    }
    known.sort();
    assert_eq!(columns, known, "say in a comment that a column is personal, or add it here");
}
