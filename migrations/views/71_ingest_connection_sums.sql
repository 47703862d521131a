-- The sums over the lines of each session.
create or replace view ingest.connection_sums as
select x.source_id, x.session_id, sum(round(line.quantity * c.unit_price, 18)) as cost,
       bool_and(line.quantity is not null and c.unit_price is not null) as is_priced,
       case when bool_and(x.consumed_quantity is not null or c.unit_price is not null)
            then coalesce(sum(x.consumed_quantity) filter (where c.unit_price is null), 0) end as unpriced_minutes,
       case when bool_and(line.quantity is not null) then sum(line.quantity) end as minutes
  from ingest.connection_lines x
  left join ingest.cards_in_force c on c.rate_card_id = x.rate_card_id
 cross join lateral (
       select analytics.rounded_minutes(x.consumed_quantity, x.by_connection, c.rounding, c.step_minutes)
                as quantity) line
 group by x.source_id, x.session_id;

-- The same for readers of sessions. A function, so that it is planned only where it is needed, and once.
create or replace function ingest.connection_amounts(of_source int, of_session bigint, out cost numeric,
                                                     out is_priced boolean, out unpriced_minutes numeric,
                                                     out minutes numeric)
  language plpgsql stable security definer set search_path = ''
as $$
begin
  select x.cost, x.is_priced, x.unpriced_minutes, x.minutes into cost, is_priced, unpriced_minutes, minutes
    from ingest.connection_sums x
   where x.source_id = of_source and x.session_id = of_session;
end
$$;
