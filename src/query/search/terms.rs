//! The words of a search: parsed from its text, and turned into a query of Postgres for each language.

use std::iter::Peekable;
use std::str::Chars;

use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// Longest text of a search, in characters.
const MAX_CHARACTERS: usize = 200;

/// A word or a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its text, without quotes.
    pub text: String,
    /// Texts that have it are left out.
    pub is_excluded: bool,
}

/// Reasons why a text is no search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchFault {
    /// It is too long.
    #[error("The text has more than {MAX_CHARACTERS} characters.")]
    TooLong,
    /// It has no word to find.
    #[error("The text has no word to find; give a word or a \"phrase\", without a hyphen before it.")]
    NoWord,
}

/// Parses a search: words and `"phrases"`, all of which must be found; with `-` before it one that must not be.
pub fn parse(text: &str) -> Result<Vec<Term>, SearchFault> {
    if text.chars().count() > MAX_CHARACTERS {
        return Err(SearchFault::TooLong);
    }
    let (mut terms, mut rest) = (Vec::new(), text.chars().peekable());
    while rest.peek().is_some() {
        if rest.next_if(|c| c.is_whitespace()).is_some() {
            continue;
        }
        let is_excluded = rest.next_if_eq(&'-').is_some();
        let text = if rest.next_if_eq(&'"').is_some() { phrase(&mut rest) } else { word(&mut rest) };
        if text.chars().any(char::is_alphanumeric) {
            terms.push(Term { text, is_excluded });
        }
    }
    if terms.iter().all(|term| term.is_excluded) { Err(SearchFault::NoWord) } else { Ok(terms) }
}

fn phrase(rest: &mut Peekable<Chars<'_>>) -> String {
    rest.by_ref().take_while(|c| *c != '"').collect()
}

fn word(rest: &mut Peekable<Chars<'_>>) -> String {
    std::iter::from_fn(|| rest.next_if(|c| !c.is_whitespace() && *c != '"')).collect()
}

/// A query of Postgres.
#[derive(Debug, Clone)]
pub(super) struct WordQuery {
    /// What must be found.
    pub(super) wanted: String,
    /// The same, without what must not be found.
    pub(super) whole: String,
}

/// The queries for the texts of sources with one language. `None`: the language leaves all words out.
#[derive(Debug, Clone)]
pub(super) struct LanguageQuery {
    /// Text-search configuration.
    pub(super) language: String,
    /// The sources.
    pub(super) source_ids: Vec<i32>,
    /// For texts in the language.
    pub(super) texts: Option<WordQuery>,
    /// For titles, whose words are found as they are written.
    pub(super) titles: Option<WordQuery>,
}

/// Returns the queries for the texts of these sources, by language.
pub(super) async fn by_language(
    pool: &PgPool,
    source_ids: &[i32],
    terms: &[Term],
) -> Result<Vec<LanguageQuery>, ReadError> {
    let texts: Vec<&str> = terms.iter().map(|term| term.text.as_str()).collect();
    let rows = sqlx::query!(
        r#"select s.language as "language!", s.source_ids as "source_ids!",
                  array(select core.search_query(s.language, t.term)::text
                          from unnest($2::text[]) with ordinality t (term, n) order by t.n) as "texts!",
                  array(select core.search_query('simple', t.term)::text
                          from unnest($2::text[]) with ordinality t (term, n) order by t.n) as "titles!"
             from (select coalesce(s.search_language, 'simple') as language, array_agg(s.source_id) as source_ids
                     from core.sources s where s.source_id = any($1) group by 1) s
            order by s.language"#,
        source_ids,
        &texts as &[&str],
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the words of a search"))?;
    let queries = rows.into_iter().map(|row| LanguageQuery {
        language: row.language,
        source_ids: row.source_ids,
        texts: join(terms, row.texts),
        titles: join(terms, row.titles),
    });
    Ok(queries.collect())
}

/// Joins the queries of terms. Empty ones are left out.
fn join(terms: &[Term], queries: Vec<String>) -> Option<WordQuery> {
    let queries = terms.iter().zip(queries).filter(|(_, query)| !query.is_empty());
    let (excluded, wanted): (Vec<_>, Vec<_>) = queries.partition(|(term, _)| term.is_excluded);
    let wanted: Vec<String> = wanted.into_iter().map(|(_, query)| format!("({query})")).collect();
    let wanted = (!wanted.is_empty()).then(|| wanted.join(" & "))?;
    let excluded = excluded.into_iter().map(|(_, query)| query);
    let whole = excluded.fold(wanted.clone(), |whole, query| format!("{whole} & !({query})"));
    Some(WordQuery { wanted, whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Result<Vec<(String, bool)>, SearchFault> {
        parse(text).map(|terms| terms.into_iter().map(|term| (term.text, term.is_excluded)).collect())
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        let found = |text: &str| (text.to_owned(), false);
        let excluded = |text: &str| (text.to_owned(), true);
        assert_eq!(terms(" refund  order-17 "), Ok(vec![found("refund"), found("order-17")]));
        assert_eq!(terms(r#"a"b c"-d -"e f"#), Ok(vec![found("a"), found("b c"), excluded("d"), excluded("e f")]));
        assert_eq!(terms("\"\" & | ! :* refund"), Ok(vec![found("refund")]));
        assert_eq!(terms("-refund"), Err(SearchFault::NoWord));
        assert_eq!(terms("\"!?\" --"), Err(SearchFault::NoWord));
        assert_eq!(terms(&"a".repeat(201)), Err(SearchFault::TooLong));
    }
}
