//! What the course consists of, as the manual's pages say.

use super::page::{Page, Proof, Words};

/// A week of the course.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// From 1.
    pub number: u32,
    /// Its page.
    pub slug: String,
    /// Its title.
    pub title: Words,
    /// Its first day.
    pub from: u32,
    /// Its last day.
    pub to: u32,
}

/// Something to be done in the sandbox.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its id, and its page. Progress is kept under it, so it never changes.
    pub id: String,
    /// Its title.
    pub title: Words,
    /// What it is about.
    pub summary: Words,
    /// Number of its chapter.
    pub chapter: u32,
    /// Its place in the chapter, from 1.
    pub place: u32,
    /// How long it takes.
    pub minutes: u32,
    /// What shows in the log that it was done; empty where it leaves no trace.
    pub proof: Vec<Proof>,
    /// Each says more than the one before.
    pub hints: [String; 3],
}

/// Where a mentor looks at what was learnt.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Its id, and its page.
    pub id: String,
    /// From 1. The last one is about the whole course; those before, about the chapter of their number.
    pub number: u32,
    /// When it is held, as a day of the course.
    pub day: u32,
    /// Its title.
    pub title: Words,
}

/// A problem to be solved without help.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its id, and its page.
    pub id: String,
    /// Its title.
    pub title: Words,
    /// The state that it has to end in, as events since it was drawn show it.
    pub proof: Vec<Proof>,
}

/// The whole course, everything in order.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// The weeks.
    pub chapters: Vec<Chapter>,
    /// The tasks, by chapter and place.
    pub tasks: Vec<Task>,
    /// The checkpoints, by number.
    pub checkpoints: Vec<Checkpoint>,
    /// The scenarios of the last checkpoint, by id.
    pub scenarios: Vec<Scenario>,
}

impl Course {
    /// Days that the course takes.
    pub const DAYS: u32 = 30;

    /// Picks the course out of the manual's pages.
    #[must_use]
    pub fn of(pages: &[Page]) -> Self {
        let mut course = Self::default();
        for page in pages {
            let (slug, title) = (page.slug.clone(), page.title.clone());
            if let Some(part) = &page.chapter {
                let (number, from, to) = (part.number, part.from, part.to);
                course.chapters.push(Chapter { number, slug: slug.clone(), title: title.clone(), from, to });
            }
            if let Some(part) = &page.task {
                course.tasks.push(Task {
                    id: slug.clone(),
                    title: title.clone(),
                    summary: page.summary.clone(),
                    chapter: part.chapter,
                    place: part.place,
                    minutes: part.minutes,
                    proof: part.proof.clone(),
                    hints: part.hints.clone(),
                });
            }
            if let Some(part) = &page.checkpoint {
                let (number, day) = (part.number, part.day);
                course.checkpoints.push(Checkpoint { id: slug.clone(), number, day, title: title.clone() });
            }
            if let Some(part) = &page.scenario {
                course.scenarios.push(Scenario { id: slug, title, proof: part.proof.clone() });
            }
        }
        course.chapters.sort_by_key(|chapter| chapter.number);
        course.tasks.sort_by_key(|task| (task.chapter, task.place));
        course.checkpoints.sort_by_key(|checkpoint| checkpoint.number);
        course.scenarios.sort_by(|one, other| one.id.cmp(&other.id));
        course
    }

    /// The task of an id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// The checkpoint of an id.
    #[must_use]
    pub fn checkpoint(&self, id: &str) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|checkpoint| checkpoint.id == id)
    }

    /// The scenario of an id.
    #[must_use]
    pub fn scenario(&self, id: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.id == id)
    }

    /// Whether a checkpoint is the last one, of autonomy.
    #[must_use]
    pub fn is_last(&self, checkpoint: &Checkpoint) -> bool {
        self.checkpoints.last().is_some_and(|last| last.number == checkpoint.number)
    }

    /// The tasks that a checkpoint is about.
    pub fn tasks_of(&self, checkpoint: &Checkpoint) -> impl Iterator<Item = &Task> {
        let (all, chapter) = (self.is_last(checkpoint), checkpoint.number);
        self.tasks.iter().filter(move |task| all || task.chapter == chapter)
    }
}
