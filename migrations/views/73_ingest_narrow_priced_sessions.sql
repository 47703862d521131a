-- ingest.narrow_sessions with the cost of each. It has one rule with analytics.priced_sessions, whose file makes both.
comment on view ingest.narrow_priced_sessions is 'A part of analytics.priced_sessions that is planned in less time.';
