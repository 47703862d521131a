//! What `tributary check` found of a source and of the time zones, in words. Pure functions.

use chrono_tz::Tz;

use crate::connector::CheckReport;
use crate::connector::error::PullError;
use crate::db::SchemaAlterations;
use crate::query::pollers::clocks::is_off;
use crate::query::zones::ZoneNames;

/// Returns whether the database has the zone of the service, and what was found of all zones.
pub(super) fn of_zones(names: &ZoneNames, default_zone: Tz) -> (bool, String) {
    const REMEDY: &str = "install the time zone data (tzdata) of the database server, aliases included";
    let Some(name) = names.resolve(default_zone) else {
        let detail = format!("the database has no zone for server.default_zone {default_zone}: {REMEDY}");
        return (false, format!("{detail}, or configure a zone that it has"));
    };
    let mut findings = vec![if name == default_zone.name() {
        format!("the database has server.default_zone {name}")
    } else {
        format!("the database has no zone {default_zone} (server.default_zone); {name} is used instead")
    }];
    let (mapped, missing): (Vec<_>, Vec<_>) = names.mapped().into_iter().partition(|(_, name)| name.is_some());
    let shown = |zones: &[(Tz, Option<&str>)]| {
        let names: Vec<&str> = zones.iter().map(|(zone, _)| zone.name()).take(3).collect();
        format!("{} ({}{})", zones.len(), names.join(", "), if zones.len() > names.len() { ", …" } else { "" })
    };
    if !mapped.is_empty() {
        findings.push(format!("equivalent names are used instead of {} that it lacks", shown(&mapped)));
    }
    if !missing.is_empty() {
        findings.push(format!("queries in {} are refused: {REMEDY}", shown(&missing)));
    }
    (true, findings.join("; "))
}

/// Most alterations of the schema that are named.
const NAMED: usize = 8;

/// Returns whether the schema is as the migrations left it, and what was found of it.
pub(super) fn of_schema(alterations: &SchemaAlterations) -> (bool, String) {
    let SchemaAlterations { recorded_count, foreign_count, found } = alterations;
    if found.is_empty() {
        let objects = format!("its {recorded_count} objects are as the migrations left them");
        let of_names = format!(
            "; {foreign_count} were recorded by another version of Postgres, and only looked for by name: \
             `tributary migrate` records them as they are now"
        );
        return (true, if *foreign_count == 0 { objects } else { objects + &of_names });
    }
    let mut named = found.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if found.len() > NAMED {
        named = format!("{named}, and {} more", found.len() - NAMED);
    }
    let remedy = "undo that by ingest.schema_objects, which has each definition, or restore a backup; \
                  `delete from ingest.view_versions` and then `tributary migrate` make views, and the functions of \
                  analytics, again";
    (false, format!("it was altered after its migration: {named}: {remedy}"))
}

/// Returns whether a source that answered is well, and what was found.
pub(super) fn of_source(report: &CheckReport) -> (bool, String) {
    let mut parts = vec!["the credential is accepted".to_owned()];
    parts.extend(report.findings.iter().map(|(name, value)| format!("{name} {value}")));
    let is_well = !report.clock_skew_seconds.is_some_and(is_off);
    parts.push(match report.clock_skew_seconds {
        None => "no Date header: completeness is recorded by the database's clock".to_owned(),
        Some(skew) if is_well => format!("clocks differ by {skew} s"),
        Some(skew) => format!("the provider's clock differs by {skew} s: set this machine's clock (NTP)"),
    });
    (is_well, parts.join("; "))
}

/// Describes an error, with its remedy.
pub(super) fn remedy(error: &PullError) -> String {
    format!("{error}. {}", error.kind.policy().advice)
}
