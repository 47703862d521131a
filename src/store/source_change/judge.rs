//! Checks whether a source may be changed: by stored data, configuration, and active pollers.

use sqlx::PgConnection;

use crate::model::id::SourceSlug;
use crate::model::source::{account_of, being_removed};
use crate::store::StoreError;
use crate::store::source_change::request::{ChangeError, ChangeRequest, refused};

/// A stored source.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) source_id: i32,
    pub(super) slug: String,
    pub(super) provider: String,
    pub(super) pseudonym_slug: String,
    pub(super) account_ref: String,
    pub(super) is_enabled: bool,
    pub(super) is_removed: bool,
    pub(super) has_data: bool,
}

pub(super) async fn find(tx: &mut PgConnection, slug: &str) -> Result<Option<Stored>, StoreError> {
    let failed = StoreError::doing("looking up a source");
    let found = sqlx::query!(
        r#"select source_id, source_slug as slug, provider, pseudonym_slug, account_ref, is_enabled,
                  removed_at is not null as "is_removed!"
             from core.sources where source_slug = $1"#,
        slug,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    let Some(found) = found else { return Ok(None) };
    let has_data = sqlx::query_scalar!(
        r#"select exists (select from core.sessions where source_id = $1)
                  or exists (select from ingest.raw_records where source_id = $1) as "is_so!""#,
        found.source_id,
    )
    .fetch_one(tx)
    .await
    .map_err(&failed)?;
    Ok(Some(Stored {
        source_id: found.source_id,
        slug: found.slug,
        provider: found.provider,
        pseudonym_slug: found.pseudonym_slug,
        account_ref: found.account_ref,
        is_enabled: found.is_enabled,
        is_removed: found.is_removed,
        has_data,
    }))
}

/// Returns the source, unless it is being removed.
pub(super) fn staying(source: &Stored) -> Result<&Stored, ChangeError> {
    if source.is_removed { refused(being_removed(&source.slug)) } else { Ok(source) }
}

/// Returns the empty source that already has the new slug, if there is one.
pub(super) async fn renamable(tx: &mut PgConnection, source: &Stored, to: &str) -> Result<Option<Stored>, ChangeError> {
    if SourceSlug::parse(to).is_err() {
        return refused(format!("`{to}` is not a slug: use 1 to 40 of a-z, 0-9 and -, starting with a letter"));
    }
    if to == source.slug {
        return refused(format!("the source already has the slug `{to}`"));
    }
    match find(tx, to).await? {
        Some(taken) if taken.is_removed => refused(being_removed(to)),
        Some(taken) if taken.has_data => refused(format!(
            "`{to}` has its own data; if it is the same account, run `tributary sources merge {} {to}`",
            source.slug
        )),
        empty => Ok(empty),
    }
}

/// Returns the source that another one is merged into.
pub(super) async fn mergeable(
    tx: &mut PgConnection,
    request: &ChangeRequest<'_>,
    source: &Stored,
    into: &str,
) -> Result<Stored, ChangeError> {
    if into == source.slug {
        return refused("a source cannot be merged into itself".to_owned());
    }
    refuse_configured(request, source)?;
    let Some(into) = find(tx, into).await? else {
        return refused(format!(
            "there is no source `{into}`; `tributary sources rename {} {into}` creates it",
            source.slug
        ));
    };
    staying(&into)?;
    if into.provider != source.provider {
        let (one, other) = (&source.provider, &into.provider);
        return refused(format!("`{}` is of {one} and `{}` of {other}: they are two accounts", source.slug, into.slug));
    }
    // their identities are gone, so that their pseudonyms at the other source cannot be computed
    let erased = sqlx::query_scalar!(
        r#"select exists (select from ingest.erased_people where source_id = $1) as "is_so!""#,
        source.source_id,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("looking for erased people"))?;
    if erased {
        return refused(format!("people were erased at `{}`: after a merge, they would be stored again", source.slug));
    }
    Ok(into)
}

/// Returns how many sessions both sources of a merge hold, and refuses if they are two accounts.
pub(super) async fn same_account(tx: &mut PgConnection, source: &Stored, into: &Stored) -> Result<i64, ChangeError> {
    if let Some((one, other)) = account_of(&source.account_ref).zip(account_of(&into.account_ref))
        && one != other
    {
        return refused(format!("`{}` is the account `{one}` and `{}` is `{other}`", source.slug, into.slug));
    }
    let (stored_twice, different) = stored_twice(tx, source.source_id, into.source_id).await?;
    if different * 2 > stored_twice {
        return refused(format!(
            "{different} of {stored_twice} sessions with the same id were created at different times: `{}` and `{}` \
             are two accounts",
            source.slug, into.slug
        ));
    }
    Ok(stored_twice)
}

/// Returns how many sessions both sources hold, and how many of them were not created at the same time.
async fn stored_twice(tx: &mut PgConnection, from: i32, into: i32) -> Result<(i64, i64), StoreError> {
    let found = sqlx::query!(
        r#"select count(*) as "count!", count(*) filter (where a.created_at <> b.created_at) as "different!"
             from core.sessions a
             join core.sessions b on b.source_id = $2 and b.provider_session_id = a.provider_session_id
            where a.source_id = $1"#,
        from,
        into,
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("counting sessions that are stored twice"))?;
    Ok((found.count, found.different))
}

/// Refuses a merge where the tables are distributed: a row is on the node of its source.
pub(super) fn refuse_distributed(is_distributed: bool, source: &Stored, into: &Stored) -> Result<(), ChangeError> {
    if is_distributed {
        let (from, into) = (&source.slug, &into.slug);
        return refused(format!(
            "Citus moves no row from `{from}` to `{into}`: read the history of `{into}` with `tributary backfill`, and \
             then remove `{from}`"
        ));
    }
    Ok(())
}

pub(super) fn refuse_configured(request: &ChangeRequest<'_>, source: &Stored) -> Result<(), ChangeError> {
    let is_configured = match request.configured {
        Some(slugs) => slugs.contains(&source.slug),
        None => source.is_enabled,
    };
    if is_configured {
        return refused(format!(
            "the source `{}` is configured: take it out of the configuration, and stop its pollers or send them SIGHUP",
            source.slug
        ));
    }
    Ok(())
}

/// Refuses while a poller holds anything of the sources, and prevents pollers from beginning with their lists.
pub(super) async fn refuse_held(tx: &mut PgConnection, ids: &[i32]) -> Result<(), ChangeError> {
    sqlx::query!(
        r#"select 1 as "one!" from ingest.streams where source_id = any($1) order by source_id, stream for update"#,
        ids,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("waiting for the pollers of a source"))?;
    let holder = sqlx::query_scalar!(
        r#"select coalesce(min(held.owner), 'a poller') as "owner!"
             from (select lease_owner as owner from ingest.streams
                    where source_id = any($1) and lease_until > clock_timestamp()
                   union all
                   select null from ingest.artifact_tasks where source_id = any($1) and claimed_until > clock_timestamp()
                   union all
                   select u.claim_owner from ingest.backfill_units u join ingest.backfills b using (backfill_id)
                    where b.source_id = any($1) and u.claimed_until > clock_timestamp()) held
           having count(*) > 0"#,
        ids,
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("looking for the pollers of a source"))?;
    match holder {
        Some(owner) => refused(format!("{owner} works on the source now: stop it, or retry when it has ended")),
        None => Ok(()),
    }
}
