//! The kind of server: Postgres, or Citus, which spreads the tables over several nodes.
//!
//! Statements are the same on both. Only the migration differs: on Citus it distributes the tables between the numbered
//! files and the views. It must not know which tables there are; `migrations/citus.sql` decides.

use std::borrow::Cow;

use sqlx::{Connection, PgConnection};

use crate::db::error::MigrationError;

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One server.
    Postgres,
    /// A coordinator with workers.
    Citus,
}

impl Engine {
    /// Distributes the tables that are not distributed yet.
    pub(super) async fn distribute(self, connection: &mut PgConnection) -> Result<(), MigrationError> {
        if self == Self::Postgres {
            return Ok(());
        }
        let has_extension = "select exists (select from pg_extension where extname = 'citus')";
        if !sqlx::query_scalar(has_extension).fetch_one(&mut *connection).await? {
            return Err(MigrationError::NoCitus);
        }
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(include_str!("../../migrations/citus.sql")).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the text of a view's file as this engine takes it. Citus plans no SQL function that reads distributed
    /// tables by an argument, so the statement of such a function becomes the body of a PL/pgSQL function.
    pub(super) fn adapted(self, text: &'static str) -> Cow<'static, str> {
        let parts = text.split_once("begin atomic\n").and_then(|(head, rest)| Some((head, rest.split_once("\nend;")?)));
        match (self, parts) {
            (Self::Citus, Some((head, (statement, rest)))) => {
                let head = head.replacen("language sql", "language plpgsql", 1);
                Cow::Owned(format!(
                    "{head}as $$\n#variable_conflict use_column\nbegin\n  return query\n{statement}\nend\n$$;{rest}"
                ))
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// Sets whether what the transaction creates is created on the coordinator alone. Workers need functions of values,
    /// and never see a view: the coordinator puts its text in place of its name.
    pub(super) async fn keep_on_coordinator(
        self,
        connection: &mut PgConnection,
        is_kept: bool,
    ) -> Result<(), sqlx::Error> {
        if self == Self::Postgres {
            return Ok(());
        }
        let spreads = if is_kept { "off" } else { "on" };
        let set = "select set_config('citus.enable_ddl_propagation', $1, true)";
        sqlx::query(set).bind(spreads).execute(connection).await.map(|_| ())
    }
}
