//! A page of the manual: front matter, and Markdown below it.

use serde::{Deserialize, Serialize};

/// A short text in the languages of the console. English is always there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// English.
    pub en: String,
    /// Swedish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sv: Option<String>,
    /// French.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fr: Option<String>,
}

impl Words {
    /// The text in a language, by its two letters; the English one where there is none.
    #[must_use]
    pub fn of(&self, language: &str) -> &str {
        let found = match language {
            "sv" => self.sv.as_deref(),
            "fr" => self.fr.as_deref(),
            _ => None,
        };
        found.unwrap_or(&self.en)
    }
}

/// A part of what shows that something was done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// CEL over `events` and `learner`.
    pub when: String,
    /// What is said to the learner while it does not hold.
    pub missing: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChapterPart {
    pub number: u32,
    pub from: u32,
    pub to: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskPart {
    pub chapter: u32,
    pub place: u32,
    pub minutes: u32,
    #[serde(default)]
    pub proof: Vec<Proof>,
    pub hints: [String; 3],
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointPart {
    pub number: u32,
    pub day: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioPart {
    pub proof: Vec<Proof>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    title: Words,
    summary: Words,
    chapter: Option<ChapterPart>,
    task: Option<TaskPart>,
    checkpoint: Option<CheckpointPart>,
    scenario: Option<ScenarioPart>,
}

/// A page of the manual.
#[derive(Debug, Clone)]
pub struct Page {
    /// What it is found by: the file's name without its ending, unique in the manual.
    pub slug: String,
    /// Its title.
    pub title: Words,
    /// What it is about, in a sentence.
    pub summary: Words,
    /// The Markdown below the front matter.
    pub body: String,
    pub(super) chapter: Option<ChapterPart>,
    pub(super) task: Option<TaskPart>,
    pub(super) checkpoint: Option<CheckpointPart>,
    pub(super) scenario: Option<ScenarioPart>,
}

impl Page {
    /// Reads a page. One without front matter is called what its heading says.
    ///
    /// # Errors
    /// Says what is wrong with its front matter.
    pub fn read(slug: &str, text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the page `{slug}`: {why}");
        let Some(rest) = text.strip_prefix("---\n") else {
            let heading = text.lines().find_map(|line| line.strip_prefix("# "));
            let title = heading.ok_or_else(|| wrong("it has neither front matter nor a heading"))?;
            return Ok(Self::plain(slug, title.trim(), text));
        };
        let (front, body) = rest.split_once("\n---\n").ok_or_else(|| wrong("its front matter does not end"))?;
        let front: FrontMatter = serde_saphyr::from_str(front).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self {
            title: front.title,
            summary: front.summary,
            chapter: front.chapter,
            task: front.task,
            checkpoint: front.checkpoint,
            scenario: front.scenario,
            ..Self::plain(slug, "", body)
        })
    }

    fn plain(slug: &str, title: &str, body: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            title: Words { en: title.to_owned(), ..Words::default() },
            summary: Words::default(),
            body: body.to_owned(),
            chapter: None,
            task: None,
            checkpoint: None,
            scenario: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_sound_front_matter_is_refused() {
        for text in ["No heading", "---\ntitle: { en: A }\n", "---\ntitle: { en: A }\n---\n", "---\ntitel: x\n---\n"] {
            assert!(Page::read("x", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_there_is_english() {
        let words = Words { en: "Help".to_owned(), sv: Some("Hjälp".to_owned()), fr: None };
        assert_eq!([words.of("sv"), words.of("fr"), words.of("xx")], ["Hjälp", "Help", "Help"]);
    }
}
