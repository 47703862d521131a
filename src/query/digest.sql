select encode(sha256(convert_to(concat_ws(E'\n',
         (select string_agg(concat_ws(' ', v.source_id, v.stream, v.version), ',' order by v.source_id, v.stream)
            from ingest.data_versions v),
         (select string_agg(to_jsonb(s)::text, ',' order by s.source_id) from core.sources s),
         (select string_agg(concat_ws(' ', f.source_id, f.name, f.value), ',' order by f.source_id, f.name)
            from ingest.source_facts f),
         (select string_agg(concat_ws(' ', st.source_id, st.stream, st.last_verdict, st.last_success_at, c.paused_at), ','
                            order by st.source_id, st.stream)
            from ingest.streams st
            left join ingest.controls c using (source_id, stream)),
         (select string_agg(concat_ws(' ', r.source_id, r.stream, r.open_count), ',' order by r.source_id, r.stream)
            from (select source_id, stream, count(*) as open_count from ingest.rejects
                   where resolved_at is null group by source_id, stream) r),
         (select string_agg(concat_ws(' ', w.source_id, w.stream, w.window_from, w.window_to, w.is_complete), ','
                            order by w.source_id, w.stream, w.is_complete, w.window_from)
            from ingest.windows w),
         (select string_agg(concat_ws(' ', h.gap_id, h.window_from, h.window_to), ',' order by h.gap_id)
            from ingest.accepted_gaps h where h.reopened_at is null),
         (select string_agg(concat_ws(' ', y.source_id, y.stream, y.window_from, y.window_to, y.seen_at), ','
                            order by y.source_id, y.stream, y.window_from)
            from ingest.state_coverage y)), 'UTF8')), 'hex') as "digest!"
