-- Only `*` is special in a pattern.
create or replace function analytics.fits_pattern(preset_name text, pattern text) returns boolean
  language sql immutable parallel safe
  return pattern = '*' or coalesce(
    preset_name like replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), false);

comment on function analytics.fits_pattern is 'Whether the preset of a participant fits the pattern of a rate card.';
