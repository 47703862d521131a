-- The rate cards that costs are computed by. A what-if query sets other cards for one transaction, as a list of
-- objects.
create or replace view ingest.cards_in_force as
select c.rate_card_id, c.source_id, c.unit, c.unit_price, c.currency, c.preset_pattern, c.rounding, c.step_minutes,
       c.valid_from::timestamptz as valid_from, coalesce(c.valid_to, 'infinity'::timestamptz) as valid_to
  from core.rate_cards c
 where c.replaced_at is null and c.scenario = 'actual'
   and coalesce(current_setting('tributary.rate_cards', true), '') = ''
union all
select -w.place, w.source_id, w.unit, w.unit_price, w.currency, w.preset_pattern, w.rounding, w.step_minutes,
       w.valid_from, coalesce(w.valid_to, 'infinity'::timestamptz)
  from jsonb_to_recordset(coalesce(nullif(current_setting('tributary.rate_cards', true), ''), '[]')::jsonb)
    as w (place bigint, source_id int, unit text, unit_price numeric, currency text, preset_pattern text,
          rounding text, step_minutes int, valid_from timestamptz, valid_to timestamptz);
