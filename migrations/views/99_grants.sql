grant execute on all functions in schema analytics to tributary_analyst, tributary_analyst_pii;
