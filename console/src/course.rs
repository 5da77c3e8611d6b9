//! The course: a learner's progress, and the learners of a mentor.

use askama::Template;
use chrono::{DateTime, Utc};

/// What the page of a learner's progress shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "course.html")]
pub struct CoursePage {
    /// Whose progress it is.
    pub learner: String,
    /// Whether they have begun.
    pub started: bool,
    /// Whether the reader is the learner.
    pub own: bool,
    /// Whether the reader may sign here.
    pub may_sign: bool,
    /// Whether the reader is a mentor, of whomever.
    pub is_mentor: bool,
    /// Who accompanies the learner.
    pub mentor: Option<String>,
    /// The day, from 1.
    pub day: i64,
    /// Days that the course takes.
    pub days: u32,
    /// The tenant that is looked at.
    pub sandbox: String,
    /// Whether the learner is autonomous.
    pub autonomous: bool,
    /// A mentor's decision about that.
    pub decision: Option<String>,
    /// The chapters in order.
    pub chapters: Vec<ChapterBlock>,
    /// The checkpoints in order.
    pub checkpoints: Vec<CheckpointLine>,
    /// The scenario that was drawn last.
    pub scenario: Option<ScenarioLine>,
    /// What a refused action said.
    pub notice: Option<String>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A chapter with its tasks.
#[derive(Debug, Clone, Default)]
pub struct ChapterBlock {
    /// Slug of its page.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its first day.
    pub from: u32,
    /// Its last day.
    pub to: u32,
    /// Tasks that count as done.
    pub done: usize,
    /// Its tasks in order.
    pub tasks: Vec<CourseTaskLine>,
}

/// A task.
#[derive(Debug, Clone, Default)]
pub struct CourseTaskLine {
    /// Its id and the slug of its page.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// How long it takes.
    pub minutes: u32,
    /// `open`, `self_declared` or `verified`.
    pub state: String,
    /// Whether it leaves a trace.
    pub leaves_trace: bool,
    /// Since when it is done.
    pub at: Option<DateTime<Utc>>,
    /// What the log does not show yet.
    pub missing: Vec<String>,
    /// Each says more than the one before.
    pub hints: Vec<String>,
}

/// A checkpoint.
#[derive(Debug, Clone, Default)]
pub struct CheckpointLine {
    /// Its id and the slug of its page.
    pub id: String,
    /// The day on which it is held.
    pub day: u32,
    /// Its title.
    pub title: String,
    /// What stands in the way of a signature.
    pub in_the_way: Vec<String>,
    /// Whether a signature is in force.
    pub signed: bool,
    /// Every signature: by whom, when, the remark, and how it was taken back.
    pub sign_offs: Vec<(String, DateTime<Utc>, String, Option<String>)>,
}

/// A scenario that was drawn.
#[derive(Debug, Clone, Default)]
pub struct ScenarioLine {
    /// Its id and the slug of its page.
    pub id: String,
    /// Its title.
    pub title: String,
    /// When it was drawn.
    pub drawn_at: DateTime<Utc>,
    /// When its end state was there.
    pub solved_at: Option<DateTime<Utc>>,
    /// What its end state still misses.
    pub missing: Vec<String>,
}

/// What a mentor's page of learners shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "learners.html")]
pub struct LearnersPage {
    /// The learners: those of the reader first.
    pub rows: Vec<LearnerLine>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A learner among others.
#[derive(Debug, Clone, Default)]
pub struct LearnerLine {
    /// The name in the audit.
    pub learner: String,
    /// Who accompanies them.
    pub mentor: Option<String>,
    /// The day, from 1.
    pub day: i64,
    /// Tasks that count as done.
    pub tasks: usize,
    /// Checkpoints that are signed.
    pub checkpoints: usize,
    /// Whether they are autonomous.
    pub autonomous: bool,
}

impl CoursePage {
    fn place() -> &'static str {
        "course"
    }

    fn done(&self) -> usize {
        self.chapters.iter().map(|chapter| chapter.done).sum()
    }

    fn tasks(&self) -> usize {
        self.chapters.iter().map(|chapter| chapter.tasks.len()).sum()
    }
}

impl LearnersPage {
    fn place() -> &'static str {
        "course"
    }
}

/// The page at `/onboarding-progress`, and a mentor's view of it.
pub fn course(page: &CoursePage) -> Result<String, askama::Error> {
    page.render()
}

/// The page at `/onboarding-progress/learners`.
pub fn learners(page: &LearnersPage) -> Result<String, askama::Error> {
    page.render()
}
