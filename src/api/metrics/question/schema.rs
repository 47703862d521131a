//! The body of a metric query: its fields, as documented and as read.

use crate::model::request_body::request_body;

request_body! {
    /// A metric query.
    pub(crate) struct MetricQuestion {
        /// Metrics, at most 10. See `/v1/metrics`.
        metrics: Vec<String>,
        /// Dimensions to group by, at most 4. Default: none.
        #[schema(required = false)]
        dimensions: Vec<String>,
        /// Time range. Default: the last 7 days, as one bucket.
        #[schema(required = false)]
        time: QuestionTime,
        /// Conditions; only sessions that meet all of them count.
        #[schema(required = false)]
        filters: Vec<QuestionFilter>,
        /// True: sessions that no longer exist at the provider count.
        #[schema(required = false)]
        include_deleted: bool,
        /// Bucket in which a session across several buckets counts: `start` (default), `end` or `spread`.
        #[schema(required = false)]
        attribution: String,
        /// A period to compare with.
        #[schema(required = false)]
        compare: QuestionComparison,
        /// Dimensions of the sub-totals over the whole range, some of `dimensions`.
        #[schema(required = false)]
        totals_by: Vec<String>,
        /// Shows the greatest groups separately and the others as one (`is_other`). Default: shows all groups.
        #[schema(required = false)]
        top: QuestionTop,
        /// Order of the groups: a metric or dimension of the query; with `-` before it the greatest first. Missing
        /// values come last.
        #[schema(required = false)]
        order_by: String,
        /// Most groups of the response, 1 to 1000; the totals are of all groups. Default: all.
        #[schema(required = false)]
        limit: i64,
        /// `rows` (default), or `series`: labels and one array of values for each group and metric.
        #[schema(required = false)]
        shape: String,
        /// True: the response has the titles of meetings; only for keys with `content:read`.
        #[schema(required = false)]
        titles: bool,
        /// Largest allowed age of the data, an ISO 8601 duration; of older data the response is a 503.
        #[schema(required = false)]
        require_fresh: String,
        /// Instant as of whose knowledge the values are computed; only for metrics with `is_kept` in `/v1/metrics`.
        #[schema(required = false)]
        as_known_at: String,
    }

    /// A time range.
    pub(crate) struct QuestionTime {
        /// A named range, such as `last_7_days`; not together with `from` and `to`.
        #[schema(required = false)]
        range: String,
        /// First instant: a date or RFC 3339.
        #[schema(required = false)]
        from: String,
        /// End of the range, exclusive.
        #[schema(required = false)]
        to: String,
        /// IANA name of the time zone of the local days.
        #[schema(required = false)]
        zone: String,
        /// `none` (default), `15_minutes`, `hour`, `day`, `week`, `month`, `quarter`, `year` or `auto`.
        #[schema(required = false)]
        granularity: String,
    }

    /// A condition on the sessions that count.
    pub(crate) struct QuestionFilter {
        /// A dimension of sessions.
        field: String,
        /// `in` (default), `not_in` (keeps sessions without a value), `is_null`, `is_not_null`, `contains` or
        /// `starts_with` (in any case of letters).
        #[schema(required = false)]
        op: String,
        /// Values to compare with; not with `is_null` and `is_not_null`. Texts or numbers.
        #[schema(required = false)]
        values: Vec<String>,
    }

    /// A period to compare with.
    pub(crate) struct QuestionComparison {
        /// `previous_period`, `previous_year` or `custom`.
        to: String,
        /// Range of a custom period.
        #[schema(required = false)]
        range: QuestionPeriod,
        /// `calendar` (default), or `weekday`: each day is compared with one of the same day of the week.
        #[schema(required = false)]
        align: String,
        /// `same` (default): of a range that is not over, only the elapsed part is compared; or `full`.
        #[schema(required = false)]
        elapsed: String,
    }

    /// The range of a custom period.
    pub(crate) struct QuestionPeriod {
        /// First instant: a date or RFC 3339.
        from: String,
        /// End of the period, exclusive.
        to: String,
    }

    /// The greatest groups.
    pub(crate) struct QuestionTop {
        /// Dimension of the groups; default: the only one.
        #[schema(required = false)]
        dimension: String,
        /// Metric that ranks the groups; default: the first.
        #[schema(required = false)]
        by: String,
        /// Number of groups, 1 to 1000.
        n: i64,
        /// True: sessions without a value are a group of their own, and may take a place. Default: they are among the
        /// others.
        #[schema(required = false)]
        include_missing: bool,
    }
}
