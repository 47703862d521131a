//! Participants of sessions, the people behind them, and the counters of the sessions.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::participant::Participant;
use crate::store::artifact::content::SaveContext;
use crate::store::artifact::presence::{Participation, rejoins};
use crate::store::erasure::tombstone::Erased;
use crate::store::{StoreError, person};

/// Found participants of one session.
pub(super) struct ParticipantList<'a> {
    pub(super) context: SaveContext<'a>,
    pub(super) list: Cow<'a, [Participant]>,
    /// Whether the list is whole: stored participants not in it are no longer listed and are deleted.
    pub(super) is_whole: bool,
    people: Vec<Option<String>>,
    /// People who are erased: pseudonyms of their names within the session, and the erasures.
    pub(super) erased_names: Vec<(String, i64)>,
}

impl<'a> ParticipantList<'a> {
    pub(super) fn new(context: SaveContext<'a>, list: &'a [Participant], is_whole: bool) -> Self {
        let people = list.iter().map(|one| pseudonyms(&context, one).next()).collect();
        Self { context, list: Cow::Borrowed(list), is_whole, people, erased_names: Vec::new() }
    }

    /// Returns the pseudonyms of all identities of the people.
    pub(super) fn person_ids(&self) -> impl Iterator<Item = String> {
        self.list.iter().zip(&self.people).flat_map(|(one, person)| self.ids(one, person.as_ref()))
    }

    /// Returns the pseudonyms of a person, who may be known by a stored one alone.
    fn ids(&self, one: &Participant, person: Option<&String>) -> Vec<String> {
        person.cloned().into_iter().chain(pseudonyms(&self.context, one).skip(1)).collect()
    }

    /// Gives erased people the pseudonyms under which their rows are stored.
    pub(super) fn without_erased(&mut self, erased: &Erased) {
        let session = self.context.task.session.provider_session_id.as_str();
        for place in 0..self.people.len() {
            let one = &self.list[place];
            let ids = self.ids(one, self.people[place].as_ref());
            let Some(person) = erased.find(ids.iter().map(String::as_str)) else { continue };
            let name = one.display_name.as_deref();
            let name = name.map(|name| (self.context.pseudonyms().of_name(session, name), person.erasure_id));
            self.erased_names.extend(name);
            self.people[place] = Some(person.erased_as.clone());
        }
    }

    fn people(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let known = self.list.iter().zip(&self.people);
        known.filter_map(|(one, id)| Some((id.as_deref()?, one.person()?.identity_kind)))
    }
}

/// Returns the pseudonyms of the identities of a participant.
fn pseudonyms(context: &SaveContext<'_>, one: &Participant) -> impl Iterator<Item = String> {
    one.identities().map(|person| context.person_key.person_id(context.source_slug, &person))
}

/// Fills in the stored values of participants that lack a usual field: its absence blanks nothing.
pub(super) async fn fill_in(
    tx: &mut PgConnection,
    source_id: SourceId,
    lists: &mut [ParticipantList<'_>],
) -> Result<(), StoreError> {
    let lacks = |list: &ParticipantList<'_>, one: &Participant| list.context.fields.lacks(&one.fields, false);
    let mut lacking: Vec<&mut ParticipantList<'_>> =
        lists.iter_mut().filter(|list| list.context.task.has_content()).collect();
    lacking.retain(|list| list.list.iter().any(|one| lacks(list, one)));
    if lacking.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"select session_id, provider_participant_id, provider_user_id, person_id, preset_name, custom_participant_id,
                  display_name, joined_at as "joined_at: DateTime<Utc>", left_at as "left_at: DateTime<Utc>",
                  duration_ms, provider_updated_at as "provider_updated_at: DateTime<Utc>"
             from core.participants where source_id = $1 and session_id = any($2)"#,
        source_id.0,
        &lacking.iter().map(|list| list.context.task.session_id).collect::<Vec<_>>(),
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading participants"))?;
    let stored: HashMap<_, _> =
        rows.iter().map(|row| ((row.session_id, row.provider_participant_id.as_str()), row)).collect();
    for list in lacking {
        let context = list.context;
        for (place, person) in list.people.iter_mut().enumerate() {
            let one = &list.list[place];
            let key = (context.task.session_id, one.provider_participant_id.as_str());
            let row = stored.get(&key).copied().filter(|_| context.fields.lacks(&one.fields, false));
            let Some(row) = row else { continue };
            let one = &mut list.list.to_mut()[place];
            one.provider_user_id = one.provider_user_id.take().or_else(|| row.provider_user_id.clone());
            one.preset_name = one.preset_name.take().or_else(|| row.preset_name.clone());
            one.custom_participant_id = one.custom_participant_id.take().or_else(|| row.custom_participant_id.clone());
            one.display_name = one.display_name.take().or_else(|| row.display_name.clone());
            one.joined_at = one.joined_at.or(row.joined_at);
            one.left_at = one.left_at.or(row.left_at);
            one.duration_ms = one.duration_ms.or(row.duration_ms);
            one.provider_updated_at = one.provider_updated_at.or(row.provider_updated_at);
            let known = pseudonyms(&context, one).next();
            *person = known.or_else(|| row.person_id.clone());
        }
    }
    Ok(())
}

/// Writes the participants of sessions of one source; returns the people whose first visit is another one now.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    lists: &[ParticipantList<'_>],
) -> Result<Vec<String>, StoreError> {
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let mut visits = person::Visits::new();
    for one in lists {
        for (id, kind) in one.people() {
            person::add(&mut visits, id, kind, one.context.task.session.started_at);
        }
    }
    let mut dated = match lists.iter().map(|one| one.context.now).min() {
        Some(now) => person::meet(tx, source_id, &visits, now).await?,
        None => Vec::new(),
    };
    let changed: Vec<&ParticipantList<'_>> = lists.iter().filter(|one| one.context.task.has_content()).collect();
    let mut moved = present(tx, source_id, &changed).await?;
    delete_missing(tx, source_id, lists).await?;
    upsert(tx, source_id, lists).await?;
    count(tx, source_id, lists).await?;
    // a person who is no longer in the session may have a different first visit now, and so may all where the session
    // moved
    moved.extend(changed.iter().flat_map(|one| one.people.iter().flatten().cloned()));
    dated.extend(person::date(tx, source_id, &moved.iter().map(String::as_str).collect::<Vec<_>>()).await?);
    Ok(dated)
}

/// Returns the stored people of these sessions.
async fn present(
    tx: &mut PgConnection,
    source_id: SourceId,
    lists: &[&ParticipantList<'_>],
) -> Result<BTreeSet<String>, StoreError> {
    if lists.is_empty() {
        return Ok(BTreeSet::new());
    }
    let people = sqlx::query_scalar!(
        r#"select distinct person_id as "person_id!" from core.participants
            where source_id = $1 and session_id = any($2) and person_id is not null"#,
        source_id.0,
        &lists.iter().map(|one| one.context.task.session_id).collect::<Vec<_>>(),
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading the participants of a session"))?;
    Ok(people.into_iter().collect())
}

async fn delete_missing(
    tx: &mut PgConnection,
    source_id: SourceId,
    lists: &[ParticipantList<'_>],
) -> Result<(), StoreError> {
    let changed: Vec<&ParticipantList<'_>> =
        lists.iter().filter(|one| one.is_whole && one.context.task.has_content()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let sessions: Vec<i64> = changed.iter().map(|one| one.context.task.session_id).collect();
    let listed = changed.iter().flat_map(|one| one.list.iter().map(move |peer| (one, peer)));
    let (ids, peers): (Vec<i64>, Vec<&str>) =
        listed.map(|(one, peer)| (one.context.task.session_id, peer.provider_participant_id.as_str())).unzip();
    sqlx::query!(
        "delete from core.participants p
          where p.source_id = $1 and p.session_id = any($2)
            and (p.session_id, p.provider_participant_id)
                not in (select listed.* from unnest($3::bigint[], $4::text[]) listed)",
        source_id.0,
        &sessions,
        &ids,
        &peers as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("removing participants no longer listed"))?;
    Ok(())
}

async fn upsert(tx: &mut PgConnection, source_id: SourceId, lists: &[ParticipantList<'_>]) -> Result<(), StoreError> {
    fn column<'a, T>(list: &[&'a Participant], of: impl Fn(&'a Participant) -> T) -> Vec<T> {
        list.iter().map(|one| of(one)).collect()
    }
    let list: Vec<&Participant> = lists.iter().flat_map(|one| one.list.iter()).collect();
    let list = &list[..];
    let sessions = lists.iter().flat_map(|one| one.list.iter().map(|_| one.context.task.session_id));
    let people: Vec<Option<&str>> = lists.iter().flat_map(|one| &one.people).map(Option::as_deref).collect();
    sqlx::query!(
        "insert into core.participants as p (source_id, session_id, provider_participant_id, provider_user_id,
                person_id, preset_name, custom_participant_id, display_name, joined_at, left_at, duration_ms,
                provider_updated_at, is_rejoin)
         select $1, x.* from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
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
        source_id.0,
        &sessions.collect::<Vec<i64>>(),
        &column(list, |one| one.provider_participant_id.as_str()) as &[&str],
        &column(list, |one| one.provider_user_id.as_deref()) as &[Option<&str>],
        &people as &[Option<&str>],
        &column(list, |one| one.preset_name.as_deref()) as &[Option<&str>],
        &column(list, |one| one.custom_participant_id.as_deref()) as &[Option<&str>],
        &column(list, |one| one.display_name.as_deref()) as &[Option<&str>],
        &column(list, |one| one.joined_at) as &[Option<DateTime<Utc>>],
        &column(list, |one| one.left_at) as &[Option<DateTime<Utc>>],
        &column(list, |one| one.duration_ms) as &[Option<i64>],
        &column(list, |one| one.provider_updated_at) as &[Option<DateTime<Utc>>],
        &lists.iter().flat_map(|one| rejoins(&one.list, &one.people)).collect::<Vec<bool>>(),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing participants"))?;
    Ok(())
}

async fn count(tx: &mut PgConnection, source_id: SourceId, lists: &[ParticipantList<'_>]) -> Result<(), StoreError> {
    let counted: Vec<Participation> =
        lists.iter().map(|one| Participation::of(&one.list, &one.people, &one.context.task.session)).collect();
    let number = |of: fn(&Participation) -> i32| counted.iter().map(of).collect::<Vec<i32>>();
    sqlx::query!(
        "insert into core.session_participation as p (source_id, session_id, participant_count, person_count,
                unknown_duration_count, peak_participants, participant_ms, first_joined_at, attended_ms,
                rejoined_person_count)
         select $1, x.* from unnest($2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[], $7::bigint[],
                $8::timestamptz[], $9::bigint[], $10::int[]) x
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
        source_id.0,
        &lists.iter().map(|one| one.context.task.session_id).collect::<Vec<_>>(),
        &number(|one| one.participant_count),
        &number(|one| one.person_count),
        &number(|one| one.unknown_duration_count),
        &counted.iter().map(|one| one.peak_participants).collect::<Vec<_>>() as &[Option<i32>],
        &counted.iter().map(|one| one.participant_ms).collect::<Vec<_>>(),
        &counted.iter().map(|one| one.first_joined_at).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &counted.iter().map(|one| one.attended_ms).collect::<Vec<_>>() as &[Option<i64>],
        &number(|one| one.rejoined_person_count),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting participants"))?;
    Ok(())
}
