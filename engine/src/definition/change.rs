//! What becomes of a checklist's steps when it moves from one version of a workflow to another.

use serde::Serialize;

use super::model::Definition;

/// Step ids by what becomes of them, each in reading order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In both versions: they stay as they are.
    pub kept: Vec<String>,
    /// In the new version only: they begin as pending.
    pub added: Vec<String>,
    /// Of those kept, the ones that something else completes now: their job or timer begins anew.
    pub changed: Vec<String>,
    /// In the old version only: they go; the event log keeps their history.
    pub removed: Vec<String>,
}

impl Change {
    /// From `old` to `new`.
    #[must_use]
    pub fn between(old: &Definition, new: &Definition) -> Self {
        let ids = |definition: &Definition, wanted: &dyn Fn(&str) -> bool| {
            definition.steps.iter().map(|step| step.id.clone()).filter(|id| wanted(id)).collect()
        };
        let changed = |id: &str| match (old.step(id), new.step(id)) {
            (Some(old), Some(new)) => (old.kind, &old.job, old.after) != (new.kind, &new.job, new.after),
            _ => false,
        };
        Self {
            changed: ids(new, &changed),
            kept: ids(new, &|id| old.step(id).is_some()),
            added: ids(new, &|id| old.step(id).is_none()),
            removed: ids(old, &|id| new.step(id).is_none()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Known, load};

    fn with(steps: &[&str]) -> Definition {
        let steps: Vec<String> = steps.iter().map(|id| format!("  - {{ id: {id}, title: T }}")).collect();
        let steps = steps.join("\n");
        let text = format!("name: one\nversion: 1\ntitle: One\nsteps:\n{steps}");
        load("one.yaml", &text, &Known::default()).expect("it is sound").definition
    }

    #[test]
    fn steps_are_told_apart_by_id() {
        let change = Change::between(&with(&["a", "b", "c"]), &with(&["c", "a", "d"]));
        assert_eq!(
            (change.kept, change.added, change.removed),
            (vec!["c".into(), "a".into()], vec!["d".into()], vec!["b".into()])
        );
    }
}
