//! A definition as a drawing: which step needs which.

use std::fmt::Write;

use super::model::{Definition, StepKind};

/// The definition as a Mermaid flowchart. Kinds are told apart by shape: a box for people, a box with double sides for
/// jobs, a rhombus for gates, round ends for timers.
#[must_use]
pub fn mermaid(definition: &Definition) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for step in &definition.steps {
        let (open, close) = match step.kind {
            StepKind::Manual => ("[", "]"),
            StepKind::Job => ("[[", "]]"),
            StepKind::Gate => ("{", "}"),
            StepKind::Timer => ("([", "])"),
        };
        // `end` and a few other words mean something to Mermaid; no id that begins so does.
        let _ = writeln!(text, "    s_{}{open}\"{}\"{close}", step.id, mermaid_text(&step.title));
    }
    for (from, to) in edges(definition) {
        let _ = writeln!(text, "    s_{from} --> s_{to}");
    }
    text
}

/// The definition as a graph in the DOT language of Graphviz, with the shapes of [`mermaid`].
#[must_use]
pub fn dot(definition: &Definition) -> String {
    let mut text = format!("digraph \"{}\" {{\n    node [shape=box]\n", dot_text(&definition.name));
    for step in &definition.steps {
        let shape = match step.kind {
            StepKind::Manual => "",
            StepKind::Job => ", peripheries=2",
            StepKind::Gate => ", shape=diamond",
            StepKind::Timer => ", style=rounded",
        };
        let _ = writeln!(text, "    \"{}\" [label=\"{}\"{shape}]", dot_text(&step.id), dot_text(&step.title));
    }
    for (from, to) in edges(definition) {
        let _ = writeln!(text, "    \"{}\" -> \"{}\"", dot_text(from), dot_text(to));
    }
    text.push_str("}\n");
    text
}

fn edges(definition: &Definition) -> impl Iterator<Item = (&str, &str)> {
    definition.steps.iter().flat_map(|step| step.needs.iter().map(|need| (need.as_str(), step.id.as_str())))
}

/// Mermaid reads `#name;` as a character, and HTML inside quotes.
fn mermaid_text(title: &str) -> String {
    let mut text = String::new();
    for c in title.chars() {
        match c {
            '#' => text.push_str("#35;"),
            '"' => text.push_str("#quot;"),
            '<' => text.push_str("#lt;"),
            '>' => text.push_str("#gt;"),
            '&' => text.push_str("#amp;"),
            '`' => text.push_str("#96;"),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Known, load};

    fn definition() -> Definition {
        let text = "name: one\nversion: 1\ntitle: One\nsteps:\n  - { id: end, title: 'Say \"go\" & <b>' }\n  - { id: wait, title: 'C:\\ #1', kind: timer, after: 1d, needs: [end] }\n";
        load("one.yaml", text, &Known::default()).expect("it is sound").definition
    }

    #[test]
    fn mermaid_takes_every_title() {
        assert_eq!(
            mermaid(&definition()),
            "flowchart TD\n    s_end[\"Say #quot;go#quot; #amp; #lt;b#gt;\"]\n    s_wait([\"C:\\ #35;1\"])\n    s_end --> s_wait\n"
        );
    }

    #[test]
    fn graphviz_takes_every_title() {
        assert_eq!(
            dot(&definition()),
            "digraph \"one\" {\n    node [shape=box]\n    \"end\" [label=\"Say \\\"go\\\" & <b>\"]\n    \"wait\" [label=\"C:\\\\ #1\", style=rounded]\n    \"end\" -> \"wait\"\n}\n"
        );
    }
}
