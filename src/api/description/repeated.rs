//! What several parts of the description repeat stands once: examples as components, and no words beside a reference to
//! a type that says the same of itself. A longer description is one that fewer programs and people read whole.

use std::collections::{BTreeMap, HashSet};

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response, Schema};

use crate::api::description::types::fields;

/// Types whose fields mean the same wherever they occur.
const ALIKE: [&str; 2] = ["#/components/schemas/Freshness", "#/components/schemas/Page"];

/// Returns the operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// Makes each example of several responses a component.
pub(super) fn share_examples(document: &mut OpenApi) {
    let mut named: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let id = operation.operation_id.clone().unwrap_or_default();
        for (media_type, content) in operation.responses.responses.values_mut().flat_map(contents) {
            let Some(example) = &content.example else { continue };
            let name = || if media_type == "application/json" { id.clone() } else { format!("{id}_as_table") };
            named.entry(example.to_string()).or_insert_with(|| (name(), 0)).1 += 1;
        }
    }
    named.retain(|_, (_, uses)| *uses > 1);
    let components = document.components.get_or_insert_default();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for (_, content) in operation.responses.responses.values_mut().flat_map(contents) {
            let Some(example) = &content.example else { continue };
            let Some((name, _)) = named.get(&example.to_string()) else { continue };
            let shared = ExampleBuilder::new().value(content.example.take()).build();
            components.examples.insert(name.clone(), RefOr::T(shared));
            let reference = RefOr::Ref(Ref::new(format!("#/components/examples/{name}")));
            content.examples.insert("response".to_owned(), reference);
        }
    }
}

fn contents(response: &mut RefOr<Response>) -> Vec<(&String, &mut Content)> {
    let RefOr::T(response) = response else { return Vec::new() };
    let contents = response.content.iter_mut();
    contents
        .filter_map(|(name, content)| if let RefOr::T(content) = content { Some((name, content)) } else { None })
        .collect()
}

/// Leaves out types and problems that nothing refers to any longer, since they became part of others.
pub(super) fn leave_out_unused(document: &mut OpenApi) {
    let text = serde_json::to_string(document).unwrap_or_default();
    let used = |kind: &str| -> HashSet<String> {
        let prefix = format!("#/components/{kind}/");
        let references = text.split(&prefix).skip(1);
        references.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    let (schemas, responses) = (used("schemas"), used("responses"));
    let components = document.components.get_or_insert_default();
    components.schemas.retain(|name, _| schemas.contains(name));
    components.responses.retain(|name, _| responses.contains(name));
}

/// Leaves out the words beside references to types whose fields mean the same everywhere.
pub(super) fn leave_to_type(schema: &mut RefOr<Schema>) {
    for (_, property) in fields(schema) {
        if let RefOr::Ref(reference) = property
            && ALIKE.contains(&reference.ref_location.as_str())
        {
            reference.description.clear();
        }
    }
}
