//! The pages that customer success managers open every morning, rendered on the server.
//!
//! A page is a plain view struct and a template: whoever serves it fills the struct and sends the text. Pages work
//! without JavaScript; small scripts only keep them up to date. Nothing inline and nothing from elsewhere, so
//! that `default-src 'self'` is policy enough. Whatever people typed is escaped by the templates.

pub mod assets;
pub mod checklist;
pub mod course;
pub mod dashboard;
mod figure;
pub mod help;
pub mod import;
pub mod jobs;
pub mod login;
pub mod mappings;
mod mark;
mod markdown;
mod moment;
pub mod problem;
pub mod record;
pub mod retrospective;
pub mod waivers;

pub use assets::{PROGRESS_SCRIPT, SCRIPT, STYLESHEET};
pub use checklist::{ChecklistView, EventLine, HealthView, ImportLine, ProbeLine, StepLine, checklist};
pub use course::{
    ChapterBlock, CheckpointLine, CoursePage, CourseTaskLine, LearnerLine, LearnersPage, ScenarioLine, course, learners,
};
pub use dashboard::{DashboardLine, DashboardView, dashboard};
pub use figure::words;
pub use help::{HelpHit, HelpPage, HelpSearchPage, help, help_search};
pub use import::{
    ColumnLine, DifferenceLine, FieldChoice, GroupLine, ImportCounts, ImportPage, IssueLine, SampleLine, import,
};
pub use jobs::{JobLine, JobsView, jobs};
pub use login::{LoginView, login};
pub use mappings::{MappingsPage, SavedLine, mappings};
pub use markdown::{Rendered, Section, render};
pub use problem::{ProblemView, problem};
pub use record::{ChangeLine, FieldLine, RecordPage, record};
pub use retrospective::{CohortLine, ProcessChangeLine, RetrospectiveView, StepFiguresLine, retrospective};
pub use waivers::WaiverLine;
