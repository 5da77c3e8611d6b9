//! The findings of previews in SQL.

use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::records::placeholders;
use super::row::Columns;
use super::{Store, StoreError, Tx};

/// A finding about a row or the file, to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIssue {
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// Line in the file, from 1; 0 for the whole file.
    pub line: i64,
    /// Column, if the issue has one.
    pub column: Option<String>,
    /// The offending value, shortened.
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// What tells its row in another file with that row; none where there is nothing but the value.
    pub row_key: Option<i64>,
}

/// A stored finding.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredIssue {
    /// Place in the list, from 1.
    pub ordinal: i64,
    /// The finding.
    pub issue: NewIssue,
}

/// Which issues are wanted, in order of appearance.
#[derive(Debug, Clone, Default)]
pub struct IssueFilter {
    /// Only after this ordinal.
    pub after: i64,
    /// Only with this code.
    pub code: Option<String>,
    /// Only `error` or `warning`.
    pub severity: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// What became of the issues of one code when a file was imported again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The code.
    pub code: String,
    /// There before, and not any more.
    pub resolved: i64,
    /// There before, and still.
    pub remaining: i64,
    /// Not there before.
    pub new: i64,
}

impl Store {
    /// An import's issues, in order of appearance.
    pub async fn issues(&self, import_id: &str, filter: &IssueFilter) -> Result<Vec<StoredIssue>, StoreError> {
        let rows = sqlx::query(
            "select * from import_issues
             where import_id = $1 and ordinal > $2 and ($3 = '' or code = $3) and ($4 = '' or severity = $4)
             order by ordinal limit $5",
        )
        .bind(import_id)
        .bind(filter.after)
        .bind(filter.code.as_deref().unwrap_or_default())
        .bind(filter.severity.as_deref().unwrap_or_default())
        .bind(filter.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StoredIssue {
                    ordinal: row.int("ordinal")?,
                    issue: NewIssue {
                        severity: row.text("severity")?,
                        code: row.text("code")?,
                        line: row.int("line")?,
                        column: row.maybe_text("column_name")?,
                        value: row.maybe_text("value")?,
                        message: row.text("message")?,
                        hint: row.text("hint")?,
                        row_key: row.maybe_int("row_key")?,
                    },
                })
            })
            .collect()
    }

    /// How often each code occurs: severity, code, count, most frequent first.
    pub async fn issue_groups(&self, import_id: &str) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query(
            "select severity, code, count(*) as n from import_issues where import_id = $1
             group by severity, code order by severity, n desc, code",
        )
        .bind(import_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.text("severity")?, row.text("code")?, row.int("n")?))).collect()
    }
}

impl Tx {
    /// Stores a batch of issues; `first` is the ordinal of the first.
    pub async fn add_issues(&mut self, import_id: &str, first: i64, issues: &[NewIssue]) -> Result<(), StoreError> {
        // Ten values an issue; both databases take several thousand placeholders.
        for (batch, issues) in issues.chunks(200).enumerate() {
            let mut statement = "insert into import_issues (import_id, ordinal, severity, code, line, column_name, value, message, hint, row_key) values ".to_owned();
            placeholders(&mut statement, issues.len(), 10, 1);
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for (ordinal, issue) in (first + i64::try_from(batch * 200).unwrap_or(0)..).zip(issues) {
                query = query
                    .bind(import_id)
                    .bind(ordinal)
                    .bind(&issue.severity)
                    .bind(&issue.code)
                    .bind(issue.line)
                    .bind(&issue.column)
                    .bind(&issue.value)
                    .bind(&issue.message)
                    .bind(&issue.hint)
                    .bind(issue.row_key);
            }
            self.execute(query).await?;
        }
        Ok(())
    }
}

/// What became of an earlier import's issues in a later one: per code how many are resolved, remain and are new.
///
/// Issues are the same where code, column and row are, wherever the row stands by now; where nothing tells the row,
/// where code, column and value are. An earlier version did not note what tells rows: its issues are compared by
/// their values.
pub(super) async fn issue_difference(
    connection: &mut AnyConnection,
    earlier: &str,
    later: &str,
) -> Result<Vec<Difference>, StoreError> {
    let by_row = sqlx::query("select 1 as one from import_issues where import_id = $1 and row_key is not null limit 1");
    let by_row = i64::from(by_row.bind(earlier).fetch_optional(&mut *connection).await?.is_some());
    let rows = sqlx::query(
        "select code,
                        cast(sum(case when earlier > later then earlier - later else 0 end) as bigint) as resolved,
                        cast(sum(case when earlier > later then later else earlier end) as bigint) as remaining,
                        cast(sum(case when later > earlier then later - earlier else 0 end) as bigint) as added
                 from (select code, column_name, known_by, value, sum(earlier) as earlier, sum(later) as later
                       from (select code, column_name,
                                    case when $3 = 1 then row_key end as known_by,
                                    case when $3 = 1 and row_key is not null then null else value end as value,
                                    case when import_id = $1 then 1 else 0 end as earlier,
                                    case when import_id = $2 then 1 else 0 end as later
                             from import_issues where import_id in ($1, $2)) as found
                       group by code, column_name, known_by, value) as counted
                 group by code order by code",
    )
    .bind(earlier)
    .bind(later)
    .bind(by_row)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Difference {
                code: row.text("code")?,
                resolved: row.int("resolved")?,
                remaining: row.int("remaining")?,
                new: row.int("added")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::{self, begin};

    fn issue(column: &str, value: Option<&str>, row_key: Option<i64>) -> NewIssue {
        NewIssue {
            severity: "warning".to_owned(),
            code: "found".to_owned(),
            line: 2,
            column: Some(column.to_owned()),
            value: value.map(str::to_owned),
            message: String::new(),
            hint: String::new(),
            row_key,
        }
    }

    /// Resolved, remaining and new, from these issues to those.
    async fn difference(earlier: &[NewIssue], later: &[NewIssue]) -> (i64, i64, i64) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = fixture::store(&folder).await;
        let mut tx = begin(&store).await;
        for (id, issues) in [("earlier", earlier), ("later", later)] {
            fixture::import(&mut tx, id, "preview", 0).await;
            tx.add_issues(id, 1, issues).await.expect("issues are stored");
        }
        let found = issue_difference(&mut tx.inner, "earlier", "later").await.expect("the store answers");
        let [Difference { resolved, remaining, new, .. }] = found.as_slice() else { panic!("one code: {found:?}") };
        (*resolved, *remaining, *new)
    }

    #[tokio::test]
    async fn a_row_keeps_its_finding_when_its_value_changes_and_gives_it_to_no_other_row() {
        let earlier = [issue("a", None, Some(1)), issue("a", Some("x"), Some(2))];
        let later = [issue("a", Some("y"), Some(2)), issue("a", None, Some(3))];
        assert_eq!(difference(&earlier, &later).await, (1, 1, 1));
    }

    #[tokio::test]
    async fn what_belongs_to_no_row_is_told_by_its_value() {
        let earlier = [issue("a", Some("x"), None), issue("a", Some("x"), None), issue("a", None, Some(1))];
        let later = [issue("a", Some("x"), None), issue("a", Some("y"), None)];
        assert_eq!(difference(&earlier, &later).await, (2, 1, 1));
    }

    #[tokio::test]
    async fn what_an_earlier_version_stored_is_compared_by_values() {
        let earlier = [issue("a", Some("x"), None), issue("a", Some("y"), None)];
        let later = [issue("a", Some("x"), Some(1)), issue("b", Some("y"), Some(2))];
        assert_eq!(difference(&earlier, &later).await, (1, 1, 1));
    }
}
