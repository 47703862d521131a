//! Lists in every form: a page as JSON or as a table, and a whole list as a table that is sent while it is read.
//!
//! Pages of a whole list are read by key one after the other and each is written at once, so that memory and the time
//! of a statement are bounded, and no connection waits for a slow reader. A page that cannot be read aborts the
//! response: half a list must not look like a whole one. A list that was begun on a read replica goes on on the primary
//! where the replica fails.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use sqlx::PgPool;

use crate::api::formats::cell::{Column, head, rows};
use crate::api::formats::{Form, TableError, TableWriter, describe, table};
use crate::api::page::{List, link};
use crate::api::problem::ApiError;
use crate::api::state::OnReplica;
use crate::query::ReadError;

/// Returns a page in the requested form, with the link to the next one.
pub(crate) fn page<T: Serialize>(
    form: Form,
    columns: &[Column<T>],
    list: &List<T>,
    uri: &Uri,
) -> Result<Response, ApiError> {
    let response = match form {
        Form::Json => Json(list).into_response(),
        form => table(form, head(columns), &rows(columns, &list.items))?,
    };
    Ok(link(list.page.next.as_deref(), uri, describe(response, &list.freshness, [])))
}

/// Items read at a time.
const BATCH: i64 = 1_000;

/// A source of pages: the items after a key, up to a limit.
pub(crate) trait Pages: Send + 'static {
    /// Type of the listed items.
    type Item: Send + 'static;
    /// Type of the sort key.
    type Key: Clone + Send + 'static;
    /// Returns the connections that it reads with.
    fn pool(&mut self) -> &mut PgPool;
    /// Returns the key of an item.
    fn key(&self, item: &Self::Item) -> Self::Key;
    /// Reads up to `limit` items after `after`.
    fn read(
        &self,
        after: Option<Self::Key>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Self::Item>, ReadError>> + Send;
}

struct Sending<P: Pages> {
    pages: P,
    columns: Vec<Column<P::Item>>,
    writer: TableWriter,
    after: Option<P::Key>,
    /// The connections of the primary, while the pages are read from a replica.
    primary: Option<PgPool>,
}

/// Sends the whole list. The first page is read before the response begins, so that an error there is still a
/// problem response.
pub(crate) async fn whole<P: Pages>(
    form: Form,
    columns: Vec<Column<P::Item>>,
    pages: P,
    on_replica: Option<OnReplica>,
) -> Result<Response, ApiError> {
    let (writer, before) = TableWriter::begin(form, head(&columns))?;
    let primary = on_replica.map(|replica| replica.primary);
    let mut sending = Sending { pages, columns, writer, after: None, primary };
    let (mut first, is_last) = sending.next().await?;
    first.splice(0..0, before);
    let rest = if is_last { Rest::End(Box::new(sending.writer)) } else { Rest::Pages(Box::new(sending)) };
    let chunks = stream::unfold((Some(first), rest), async |(first, rest)| match (first, rest) {
        (Some(first), rest) => Some((Ok(Bytes::from(first)), (None, rest))),
        (None, Rest::Pages(mut sending)) => match sending.next().await {
            Ok((bytes, true)) => Some((Ok(bytes.into()), (None, Rest::End(Box::new(sending.writer))))),
            Ok((bytes, false)) => Some((Ok(bytes.into()), (None, Rest::Pages(sending)))),
            Err(error) => {
                tracing::error!(%error, "a list was cut short");
                Some((Err(error), (None, Rest::Nothing)))
            }
        },
        (None, Rest::End(writer)) => Some((writer.end().map(Bytes::from), (None, Rest::Nothing))),
        (None, Rest::Nothing) => None,
    });
    // the compression layer polls once more after the end
    Ok(([(header::CONTENT_TYPE, form.content_type())], Body::from_stream(chunks.fuse())).into_response())
}

/// The remainder of the response.
enum Rest<P: Pages> {
    Pages(Box<Sending<P>>),
    End(Box<TableWriter>),
    Nothing,
}

impl<P: Pages> Sending<P> {
    /// Returns the bytes of the next page, and whether it is the last.
    async fn next(&mut self) -> Result<(Vec<u8>, bool), TableError> {
        let items = match (self.pages.read(self.after.clone(), BATCH).await, self.primary.take()) {
            (Err(error), Some(primary)) => {
                tracing::warn!(%error, "a list goes on on the primary");
                *self.pages.pool() = primary;
                self.pages.read(self.after.take(), BATCH).await?
            }
            (read, primary) => {
                self.primary = primary;
                read?
            }
        };
        self.after = items.last().map(|item| self.pages.key(item));
        let bytes = self.writer.add(&rows(&self.columns, &items))?;
        Ok((bytes, i64::try_from(items.len()).is_ok_and(|count| count < BATCH)))
    }
}
