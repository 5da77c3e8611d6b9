//! The course: where a learner stands, and what is asked of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The beginning of the course.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartCourseBody {
    /// Who accompanies the learner.
    #[schema(max_length = 200)]
    pub mentor: Option<String>,
}

/// What is asked of a learner's progress.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum CourseCommandBody {
    /// By the learner: tick a task by hand.
    Declare {
        /// Its id.
        task: String,
    },
    /// By the learner: take that back.
    Withdraw {
        /// Its id.
        task: String,
    },
    /// By the learner: begin with a new sandbox tenant.
    RenewSandbox,
    /// By a mentor: draw a scenario.
    Draw,
    /// By a mentor: sign a checkpoint.
    SignOff {
        /// Its id.
        checkpoint: String,
        /// What was good, what to practise.
        #[schema(max_length = 2000)]
        remark: String,
    },
    /// By a mentor: take a signature back.
    Revoke {
        /// The checkpoint's id.
        checkpoint: String,
        /// Why.
        #[schema(max_length = 2000)]
        reason: String,
    },
    /// By a mentor: decide about autonomy.
    Decide {
        /// What is decided.
        autonomous: bool,
        /// Why.
        #[schema(max_length = 2000)]
        reason: String,
    },
}

/// Where a learner stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressView {
    /// The name in the audit.
    pub learner: String,
    /// Who accompanies them.
    pub mentor: Option<String>,
    /// Day 1.
    pub started_at: DateTime<Utc>,
    /// The day, from 1; more than 30 for whoever takes longer.
    pub day: i64,
    /// The tenant that is looked at.
    pub sandbox: String,
    /// Whether the course has left their menu.
    pub autonomous: bool,
    /// A mentor's decision about that, in words.
    pub decision: Option<String>,
    /// The chapters, in order.
    pub chapters: Vec<ChapterView>,
    /// The tasks, in order.
    pub tasks: Vec<TaskView>,
    /// The checkpoints, in order.
    pub checkpoints: Vec<CheckpointView>,
    /// The scenario that was drawn last.
    pub scenario: Option<ScenarioView>,
}

/// A week of the course.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChapterView {
    /// From 1.
    pub number: u32,
    /// Its page is `/help/` and this.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its first day.
    pub from: u32,
    /// Its last day.
    pub to: u32,
    /// Tasks of it that are done.
    pub done: usize,
}

/// A task, and whether it is done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskView {
    /// Its id; its page is `/help/` and this.
    pub id: String,
    /// Number of its chapter.
    pub chapter: u32,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub summary: String,
    /// How long it takes.
    pub minutes: u32,
    /// `open`, `self_declared` or `verified`.
    pub state: String,
    /// Whether it leaves a trace; where it does not, the learner's word counts.
    pub leaves_trace: bool,
    /// Since when it is done.
    pub at: Option<DateTime<Utc>>,
    /// What the log does not show yet.
    pub missing: Vec<String>,
    /// Each says more than the one before.
    pub hints: Vec<String>,
}

/// A checkpoint, and whether it is signed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckpointView {
    /// Its id; its page is `/help/` and this.
    pub id: String,
    /// The day on which it is held.
    pub day: u32,
    /// Its title.
    pub title: String,
    /// What stands in the way of a signature.
    pub in_the_way: Vec<String>,
    /// Whether a signature is in force.
    pub signed: bool,
    /// Every signature, oldest first, those taken back among them.
    pub sign_offs: Vec<SignOffView>,
}

/// A mentor's signature.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SignOffView {
    /// Who signed.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What was said.
    pub remark: String,
    /// Who took it back.
    pub revoked_by: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was taken back.
    pub revocation_reason: Option<String>,
}

/// A scenario that was drawn.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScenarioView {
    /// Its id; its page is `/help/` and this.
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

/// The learners.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LearnersView {
    /// Those who began last, first; at most two hundred.
    pub items: Vec<LearnerView>,
}

/// A learner among others, as their progress was last looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LearnerView {
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
    /// Whether the course has left their menu.
    pub autonomous: bool,
}
