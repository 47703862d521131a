//! Participants of a session, the people behind them, and the session's counters.

use sqlx::PgConnection;

use crate::model::participant::Participant;
use crate::store::artifact::presence::{Participation, rejoins};
use crate::store::artifact::{SaveContext, Task};
use crate::store::{StoreError, person};

/// Writes the session's participants; with `is_whole`, those not among them are no longer listed and go.
pub(super) async fn replace(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    list: &[Participant],
    is_whole: bool,
) -> Result<(), StoreError> {
    let task = context.task;
    let people = list.iter().map(|one| {
        let person = one.person()?;
        Some((context.person_key.person_id(context.source_slug, &person), person.identity_kind))
    });
    let people: Vec<Option<(String, &'static str)>> = people.collect();
    let mut visits = person::Visits::new();
    for (id, kind) in people.iter().flatten() {
        person::add(&mut visits, id, kind, task.session.started_at);
    }
    person::meet(tx, task.source_id, &visits, context.now).await?;
    let before = if task.content_hash.is_some() { others(tx, task, &visits).await? } else { Vec::new() };
    let people: Vec<Option<String>> = people.into_iter().map(|person| person.map(|(id, _)| id)).collect();
    if is_whole {
        delete_missing(tx, task, list).await?;
    }
    upsert(tx, task, list, &people).await?;
    count(tx, task, &Participation::of(list, &people, &task.session)).await?;
    // who is not in the session any more may have come first at another time, and so may all where the session moved
    let mut dated: Vec<&str> = before.iter().map(String::as_str).collect();
    if task.content_hash.is_some() {
        dated.extend(people.iter().flatten().map(String::as_str));
    }
    person::date(tx, task.source_id, &dated).await
}

/// People who were in the session as far as was known, and are not among `visits`.
async fn others(tx: &mut PgConnection, task: &Task, visits: &person::Visits<'_>) -> Result<Vec<String>, StoreError> {
    let present: Vec<&str> = visits.keys().copied().collect();
    sqlx::query_scalar!(
        r#"select distinct person_id as "person_id!" from core.participants
            where source_id = $1 and session_id = $2 and person_id <> all($3)"#,
        task.source_id.0,
        task.session_id,
        &present as &[&str],
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading who was in a session"))
}

async fn delete_missing(tx: &mut PgConnection, task: &Task, list: &[Participant]) -> Result<(), StoreError> {
    let ids: Vec<&str> = list.iter().map(|one| one.provider_participant_id.as_str()).collect();
    sqlx::query!(
        "delete from core.participants
          where source_id = $1 and session_id = $2 and provider_participant_id <> all($3)",
        task.source_id.0,
        task.session_id,
        &ids as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("removing participants no longer listed"))?;
    Ok(())
}

async fn upsert(
    tx: &mut PgConnection,
    task: &Task,
    list: &[Participant],
    people: &[Option<String>],
) -> Result<(), StoreError> {
    fn column<'a, T>(list: &'a [Participant], of: impl Fn(&'a Participant) -> T) -> Vec<T> {
        list.iter().map(of).collect()
    }
    sqlx::query!(
        "insert into core.participants as p (source_id, session_id, provider_participant_id, provider_user_id,
                person_id, preset_name, custom_participant_id, display_name, joined_at, left_at, duration_ms,
                provider_updated_at, is_rejoin)
         select $1, $2, x.* from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::timestamptz[], $10::timestamptz[], $11::bigint[], $12::timestamptz[], $13::bool[]) x
         on conflict (source_id, session_id, provider_participant_id) do update
            set provider_user_id = excluded.provider_user_id, person_id = excluded.person_id,
                preset_name = excluded.preset_name, custom_participant_id = excluded.custom_participant_id,
                display_name = excluded.display_name, joined_at = excluded.joined_at, left_at = excluded.left_at,
                duration_ms = excluded.duration_ms, provider_updated_at = excluded.provider_updated_at,
                is_rejoin = excluded.is_rejoin
          where (p.provider_user_id, p.person_id, p.preset_name, p.custom_participant_id, p.display_name, p.joined_at,
                 p.left_at, p.duration_ms, p.provider_updated_at, p.is_rejoin)
                is distinct from
                (excluded.provider_user_id, excluded.person_id, excluded.preset_name, excluded.custom_participant_id,
                 excluded.display_name, excluded.joined_at, excluded.left_at, excluded.duration_ms,
                 excluded.provider_updated_at, excluded.is_rejoin)",
        task.source_id.0,
        task.session_id,
        &column(list, |one| one.provider_participant_id.as_str()) as &[&str],
        &column(list, |one| one.provider_user_id.as_deref()) as &[Option<&str>],
        people as &[Option<String>],
        &column(list, |one| one.preset_name.as_deref()) as &[Option<&str>],
        &column(list, |one| one.custom_participant_id.as_deref()) as &[Option<&str>],
        &column(list, |one| one.display_name.as_deref()) as &[Option<&str>],
        &column(list, |one| one.joined_at) as &[Option<chrono::DateTime<chrono::Utc>>],
        &column(list, |one| one.left_at) as &[Option<chrono::DateTime<chrono::Utc>>],
        &column(list, |one| one.duration_ms) as &[Option<i64>],
        &column(list, |one| one.provider_updated_at) as &[Option<chrono::DateTime<chrono::Utc>>],
        &rejoins(list, people),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing participants"))?;
    Ok(())
}

async fn count(tx: &mut PgConnection, task: &Task, counted: &Participation) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into core.session_participation as p (source_id, session_id, participant_count, person_count,
                unknown_duration_count, peak_participants, participant_ms, first_joined_at, attended_ms,
                rejoined_person_count)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (source_id, session_id) do update
            set participant_count = excluded.participant_count, person_count = excluded.person_count,
                unknown_duration_count = excluded.unknown_duration_count,
                peak_participants = excluded.peak_participants, participant_ms = excluded.participant_ms,
                first_joined_at = excluded.first_joined_at, attended_ms = excluded.attended_ms,
                rejoined_person_count = excluded.rejoined_person_count
          where (p.participant_count, p.person_count, p.unknown_duration_count, p.peak_participants, p.participant_ms,
                 p.first_joined_at, p.attended_ms, p.rejoined_person_count)
                is distinct from
                (excluded.participant_count, excluded.person_count, excluded.unknown_duration_count,
                 excluded.peak_participants, excluded.participant_ms, excluded.first_joined_at, excluded.attended_ms,
                 excluded.rejoined_person_count)",
        task.source_id.0,
        task.session_id,
        counted.participant_count,
        counted.person_count,
        counted.unknown_duration_count,
        counted.peak_participants,
        counted.participant_ms,
        counted.first_joined_at,
        counted.attended_ms,
        counted.rejoined_person_count,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting participants"))?;
    Ok(())
}
