//! The form that says where a table's columns go: what it asks for, and how it is shown again after a refusal.

use std::collections::BTreeMap;

use workbench_console as pages;
use workbench_engine::store::Import;
use workbench_importer::Entity;

use super::import::{Fields, detected, value};
use crate::http::import_commands::Command;

/// The mapping that a form asks for: every column of the file, or none where the rows are to be something else than what
/// the form was drawn for. `seen` is the revision of the preview that the form was drawn for.
pub(super) fn command(import: &Import, form: &Fields, seen: i64) -> Command {
    let entity = value(form, "entity").unwrap_or_default();
    let same = value(form, "drawn_for") == Some(entity);
    let columns = detected(import).map(|detected| detected.mapping).unwrap_or_default();
    let mut mapping = BTreeMap::new();
    for (at, mapped) in columns.iter().enumerate().filter(|_| same) {
        let Some(field) = value(form, &column(at)) else { continue };
        let is_only = columns.iter().filter(|other| other.column == mapped.column).count() == 1;
        // Of columns that share a name, only their place tells which is meant.
        let name = if is_only { mapped.column.clone() } else { format!("column {}", at + 1) };
        mapping.insert(name, field.to_owned());
    }
    Command::Map { mapping, entity: (!entity.is_empty()).then(|| entity.to_owned()), seen: Some(vec![seen]) }
}

/// Shows on a page what a form that was refused has chosen, with the fields that the form offered.
pub(super) fn keep(page: &mut pages::ImportPage, form: &Fields) {
    if let Some(entity) = value(form, "entity").filter(|entity| page.entities.iter().any(|known| known == entity)) {
        entity.clone_into(&mut page.entity);
    }
    let drawn_for = value(form, "drawn_for").filter(|entity| page.entities.iter().any(|known| known == entity));
    if let Some(entity) = drawn_for.and_then(|entity| entity.parse().ok()) {
        page.fields = choices(Some(entity));
        page.drawn_for = entity.to_string();
    }
    for (at, line) in page.columns.iter_mut().enumerate() {
        let offered = |field: &&str| field.is_empty() || page.fields.iter().any(|known| known.name == **field);
        if let Some(field) = value(form, &column(at)).filter(offered) {
            field.clone_into(&mut line.chosen);
        }
    }
    page.is_kept = true;
}

/// The fields that the columns of an entity may fill.
pub(super) fn choices(entity: Option<Entity>) -> Vec<pages::FieldChoice> {
    let required = entity.map(Entity::required_fields).unwrap_or_default();
    let names = entity.map(Entity::field_names).unwrap_or_default();
    names
        .into_iter()
        .map(|name| pages::FieldChoice { name: name.to_owned(), required: required.contains(&name) })
        .collect()
}

/// The name of the choice for a column.
fn column(at: usize) -> String {
    format!("column-{}", at + 1)
}
