//! What travels: requests and answers as clients see them, a file for each subject.

mod course;
mod dashboard;
mod events;
mod health;
mod imports;
mod jobs;
mod mappings;
mod notifications;
mod onboarding;
mod readiness;
mod records;
mod retrospective;
mod schedules;
mod tenants;
mod waivers;
mod workflows;

pub use course::{
    ChapterView, CheckpointView, CourseCommandBody, LearnerView, LearnersView, ProgressView, ScenarioView, SignOffView,
    StartCourseBody, TaskView,
};
pub use dashboard::{DashboardItem, DashboardPage};
pub use events::{EventPage, EventView};
pub use health::{HealthCheckView, HealthHistory, ProbeHistoryView, ProbeRunView, ProbeView};
pub use imports::{
    CountsView, DifferenceView, ImportPage, ImportProgress, ImportView, IssueGroup, IssuePage, IssueView, RollbackBody,
    UploadForm,
};
pub use jobs::{AttemptView, JobPage, JobView, Progress};
pub use mappings::{ColumnView, MappingBody, MappingView, MappingsView, columns_asked};
pub use notifications::{ChannelList, ChannelTest, ChannelView, DeliveryView, IncidentPage, IncidentView};
pub use onboarding::{Onboarding, OpenOnboarding, StepPatchBody, StepView};
pub use readiness::{Readiness, ReadinessPart};
pub use records::{FieldChange, RecordChange, RecordView};
pub use retrospective::{
    BeforeAfterView, ForecastView, NoteProcessChange, OutlookList, OutlookView, ProcessChangeList, ProcessChangeView,
    RetrospectiveView,
};
pub use schedules::{
    FireView, MaintenanceList, MaintenanceView, NextRun, OpenMaintenance, OptionalReasonBody, PauseView, ReasonBody,
    ScheduleList, ScheduleState, ScheduleView,
};
pub use tenants::{TenantPatchBody, TenantView};
pub use waivers::{WaiverBody, WaiverView, WaiversView, WithdrawalBody};
pub use workflows::{WorkflowList, WorkflowView};
