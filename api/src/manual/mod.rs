//! The manual that ships with the binary: its pages, the course among them, and the practice files of the course.

mod search;

use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use workbench_console::Rendered;
use workbench_engine::course::{Course, Page};

pub use search::{Hit, search};

/// A page's slug, its file below `docs`, and its text.
macro_rules! page {
    ($slug:literal, $file:literal) => {
        ($slug, $file, include_str!(concat!("../../../docs/", $file)))
    };
}

macro_rules! practice_file {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../../docs/engineering/operator-manual/onboarding/files/", $name)).as_slice(),
        )
    };
}

const PAGES: &[(&str, &str, &str)] = &[
    page!("manual", "engineering/operator-manual/README.md"),
    page!("installing", "engineering/operator-manual/installing.md"),
    page!("configuring", "engineering/operator-manual/configuring.md"),
    page!("upgrading", "engineering/operator-manual/upgrading.md"),
    page!("backup", "engineering/operator-manual/backup.md"),
    page!("monitoring", "engineering/operator-manual/monitoring.md"),
    page!("troubleshooting", "engineering/operator-manual/troubleshooting.md"),
    page!("format-guide", "engineering/operator-manual/format-guide.md"),
    page!("api-guide", "engineering/operator-manual/api-guide.md"),
    page!("onboarding", "engineering/operator-manual/onboarding/README.md"),
    page!("another-workflow", "engineering/operator-manual/onboarding/another-workflow.md"),
    page!("backup-and-restore", "engineering/operator-manual/onboarding/backup-and-restore.md"),
    page!("bad-day", "engineering/operator-manual/onboarding/bad-day.md"),
    page!("block-and-clear", "engineering/operator-manual/onboarding/block-and-clear.md"),
    page!("checkpoint-1", "engineering/operator-manual/onboarding/checkpoint-1.md"),
    page!("checkpoint-2", "engineering/operator-manual/onboarding/checkpoint-2.md"),
    page!("checkpoint-3", "engineering/operator-manual/onboarding/checkpoint-3.md"),
    page!("checkpoint-4", "engineering/operator-manual/onboarding/checkpoint-4.md"),
    page!("checkpoint-5", "engineering/operator-manual/onboarding/checkpoint-5.md"),
    page!("clean-csv", "engineering/operator-manual/onboarding/clean-csv.md"),
    page!("corrected-again", "engineering/operator-manual/onboarding/corrected-again.md"),
    page!("deputy-token", "engineering/operator-manual/onboarding/deputy-token.md"),
    page!("finish-the-contract", "engineering/operator-manual/onboarding/finish-the-contract.md"),
    page!("forged-submission", "engineering/operator-manual/onboarding/forged-submission.md"),
    page!("go-live", "engineering/operator-manual/onboarding/go-live.md"),
    page!("hand-over", "engineering/operator-manual/onboarding/hand-over.md"),
    page!("hanging-job", "engineering/operator-manual/onboarding/hanging-job.md"),
    page!("ledger-warnings", "engineering/operator-manual/onboarding/ledger-warnings.md"),
    page!("mentor-guide", "engineering/operator-manual/onboarding/mentor-guide.md"),
    page!("open-a-sandbox", "engineering/operator-manual/onboarding/open-a-sandbox.md"),
    page!("quiet-hours", "engineering/operator-manual/onboarding/quiet-hours.md"),
    page!("read-a-warning", "engineering/operator-manual/onboarding/read-a-warning.md"),
    page!("read-the-log", "engineering/operator-manual/onboarding/read-the-log.md"),
    page!("refused-at-the-gate", "engineering/operator-manual/onboarding/refused-at-the-gate.md"),
    page!("reopen-a-step", "engineering/operator-manual/onboarding/reopen-a-step.md"),
    page!("roll-back", "engineering/operator-manual/onboarding/roll-back.md"),
    page!("scenario-expired-secret", "engineering/operator-manual/onboarding/scenario-expired-secret.md"),
    page!("scenario-no-payments", "engineering/operator-manual/onboarding/scenario-no-payments.md"),
    page!("scenario-silent-customer", "engineering/operator-manual/onboarding/scenario-silent-customer.md"),
    page!("scenario-stuck-job", "engineering/operator-manual/onboarding/scenario-stuck-job.md"),
    page!("scenario-wrong-file", "engineering/operator-manual/onboarding/scenario-wrong-file.md"),
    page!("week-1", "engineering/operator-manual/onboarding/week-1.md"),
    page!("week-2", "engineering/operator-manual/onboarding/week-2.md"),
    page!("week-3", "engineering/operator-manual/onboarding/week-3.md"),
    page!("week-4", "engineering/operator-manual/onboarding/week-4.md"),
    page!("workflows", "workflows.md"),
    page!("simulation", "simulation.md"),
    page!("step-rules", "step-rules.md"),
    page!("probes", "probes.md"),
    page!("schedules", "schedules.md"),
    page!("notifications", "notifications.md"),
    page!("retrospective", "retrospective.md"),
    page!("metrics", "metrics.md"),
    page!("backups", "backup.md"),
    page!("reliability", "reliability.md"),
    page!("csv", "formats/csv.md"),
    page!("sie", "formats/sie.md"),
    page!("fipjp", "formats/fipjp.md"),
    page!("profiles", "formats/profiles.md"),
    page!("packed", "formats/packed.md"),
];

/// What learners work with, by name.
pub const PRACTICE_FILES: &[(&str, &[u8])] = &[
    practice_file!("late-members.csv"),
    practice_file!("ledger.se"),
    practice_file!("members-clean.csv"),
    practice_file!("members-wrong-season.csv"),
    practice_file!("submission-forged.json"),
];

/// The manual as it is read.
pub struct Manual {
    /// Every page, in reading order.
    pub pages: Vec<Page>,
    /// The course in it.
    pub course: Course,
}

static MANUAL: LazyLock<Manual> = LazyLock::new(|| {
    let pages: Vec<Page> = PAGES
        .iter()
        .map(|(slug, _, text)| Page::read(slug, text).expect("the tests read every page that ships"))
        .collect();
    Manual { course: Course::of(&pages), pages }
});

/// The manual that ships.
pub fn manual() -> &'static Manual {
    &MANUAL
}

impl Manual {
    /// The page of a slug.
    pub fn page(&self, slug: &str) -> Option<&Page> {
        self.pages.iter().find(|page| page.slug == slug)
    }
}

/// A page as HTML. Links to other pages of the manual lead there; those to files that are no pages lead nowhere.
pub fn render(page: &Page) -> Rendered {
    let file = PAGES.iter().find(|(slug, ..)| *slug == page.slug).map_or("", |(_, file, _)| *file);
    workbench_console::render(&page.body, &|link| address(file, link))
}

/// Where a link in a file leads.
fn address(file: &str, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return Some(link.to_owned());
    }
    // An address of the console, and of no other host.
    if link.starts_with('/') {
        return (!link.starts_with("//") && !link.contains('\\')).then(|| link.to_owned());
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
    if path.is_empty() {
        return Some(anchor);
    }
    let wanted = beside(file, path)?;
    let (slug, ..) = PAGES.iter().find(|(_, file, _)| Path::new(file) == wanted)?;
    Some(format!("/help/{slug}{anchor}"))
}

/// A path as seen from a file, below `docs`; none where it leads out of there.
fn beside(file: &str, path: &str) -> Option<PathBuf> {
    let mut at = Path::new(file).parent()?.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => at.push(name),
            Component::ParentDir => {
                if !at.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::{DateTime, Utc};
    use workbench_engine::course::{Proof, missing};
    use workbench_positions::is_too_large;

    use super::*;

    fn docs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
    }

    #[test]
    fn every_page_that_ships_can_be_read_and_found_by_one_slug() {
        let slugs: BTreeSet<_> = manual().pages.iter().map(|page| page.slug.as_str()).collect();
        assert_eq!(slugs.len(), PAGES.len());
        for entry in
            std::fs::read_dir(docs().join("engineering/operator-manual/onboarding")).expect("the folder is there")
        {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            let Some(stem) = name.strip_suffix(".md") else { continue };
            assert!(stem == "README" || slugs.contains(stem), "{name} does not ship");
        }
    }

    #[test]
    fn the_course_is_whole() {
        let course = &manual().course;
        assert_eq!((course.chapters.len(), course.tasks.len(), course.checkpoints.len()), (4, 20, 5));
        assert!(course.scenarios.len() >= 5);
        for chapter in &course.chapters {
            let places: Vec<u32> =
                course.tasks.iter().filter(|task| task.chapter == chapter.number).map(|task| task.place).collect();
            assert_eq!(places, [1, 2, 3, 4, 5], "{}", chapter.slug);
        }
        let days: Vec<u32> = course.checkpoints.iter().map(|checkpoint| checkpoint.day).collect();
        assert_eq!(days, [7, 14, 21, 28, 30]);
        for task in &course.tasks {
            let body = &manual().page(&task.id).expect("a task is a page").body;
            for part in ["Goal", "Why it matters", "Steps", "How you know that it worked", "When you are stuck"] {
                assert!(body.contains(&format!("\n## {part}\n")), "{} has no part “{part}”", task.id);
            }
        }
        for page in manual().pages.iter().filter(|page| !page.summary.en.is_empty()) {
            for words in [&page.title, &page.summary] {
                assert!(words.sv.is_some() && words.fr.is_some(), "{} is not told in Swedish and French", page.slug);
            }
        }
    }

    #[test]
    fn no_proof_holds_of_nothing_and_each_can_be_read() {
        let course = &manual().course;
        let of_tasks = course.tasks.iter().map(|task| &task.proof);
        let proofs: Vec<&[Proof]> =
            of_tasks.chain(course.scenarios.iter().map(|scenario| &scenario.proof)).map(Vec::as_slice).collect();
        for proof in proofs.iter().flat_map(|proofs| proofs.iter()) {
            assert!(!is_too_large(&proof.when), "{}", proof.when);
        }
        let told = missing(&proofs, &[], "anna", DateTime::<Utc>::UNIX_EPOCH);
        for (told, proofs) in told.iter().zip(&proofs) {
            assert_eq!(told.len(), proofs.len());
        }
    }

    #[test]
    fn links_lead_to_pages_and_nowhere_else() {
        let from = "engineering/operator-manual/onboarding/week-1.md";
        assert_eq!(address(from, "go-live.md#steps").as_deref(), Some("/help/go-live#steps"));
        assert_eq!(address(from, "../README.md").as_deref(), Some("/help/manual"));
        assert_eq!(address(from, "../../../formats/csv.md").as_deref(), Some("/help/csv"));
        assert_eq!(address(from, "/jobs").as_deref(), Some("/jobs"));
        for nowhere in
            ["javascript:alert(1)", "//elsewhere.example", "../../../../../etc/passwd", "no.md", "/\\x", "data:x"]
        {
            assert_eq!(address(from, nowhere), None, "{nowhere}");
        }
    }

    /// Every relative link of every document leads to a file, and every anchor in the manual to a heading.
    #[test]
    fn no_link_of_the_documents_is_dead() {
        let mut dead = Vec::new();
        let mut folders = vec![docs()];
        let root = docs().join("..");
        let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"].map(|name| root.join(name)).to_vec();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder can be read") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "md") {
                    files.push(path);
                }
            }
        }
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a document is text");
            let links = std::cell::RefCell::new(Vec::new());
            let _ = workbench_console::render(&text, &|link| {
                links.borrow_mut().push(link.to_owned());
                None
            });
            for link in links.into_inner() {
                if link.contains("://") || link.starts_with('/') || link.starts_with("mailto:") {
                    continue;
                }
                let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let target = if path.is_empty() { file.clone() } else { file.with_file_name("").join(path) };
                let sound = target.exists()
                    && (anchor.is_empty() || {
                        let text = std::fs::read_to_string(&target).unwrap_or_default();
                        let there = workbench_console::render(&text, &|_| None);
                        there.sections.iter().any(|section| section.anchor == anchor)
                    });
                if !sound {
                    dead.push(format!("{}: {link}", file.display()));
                }
            }
        }
        assert!(dead.is_empty(), "{dead:#?}");
    }
}
