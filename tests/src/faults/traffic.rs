//! People at work: a seeded stream of commands, each repeated under its key until it is answered, and a book of the answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{Answer, Client, Content};

/// People who work at once.
const PEOPLE: u64 = 3;
/// A request that hangs for longer is repeated.
const PATIENCE: Duration = Duration::from_secs(12);
/// What a person waits before a repetition.
const BREATH: Duration = Duration::from_millis(150);
/// What a person thinks about between two commands: these are people, not a benchmark.
const THOUGHT: Duration = Duration::from_millis(60);
/// A command that was not answered for so long is a finding: something hangs.
pub const HANG: Duration = Duration::from_secs(75);
/// Rows of a small and of a large file.
const ROWS: [usize; 2] = [30, 3_000];

/// A command that was answered well, and what must be there because of it.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A tenant with a checklist.
    Opened {
        /// The tenant.
        tenant: String,
    },
    /// A note with a text that no other has.
    Noted {
        /// The tenant.
        tenant: String,
        /// The note.
        note: String,
    },
    /// A file whose rows are stored: licence and e-mail of each.
    Imported {
        /// The tenant.
        tenant: String,
        /// The import.
        import: String,
        /// What the file said.
        rows: Vec<(String, String)>,
    },
    /// A health check that is over.
    Checked {
        /// The tenant.
        tenant: String,
        /// The check.
        check: String,
    },
}

/// What people were told.
#[derive(Debug, Default)]
pub struct Book {
    /// What was accepted.
    pub effects: Vec<Effect>,
    /// Answers that nobody should get, and silence.
    pub surprises: Vec<String>,
    /// Requests that got no answer, or a 503, and were repeated.
    pub repeated: u64,
    /// Numbers given out, for texts that are used once.
    numbers: usize,
}

/// The book as people share it.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Book>>);

impl Shared {
    /// Looks into the book.
    pub fn open(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many commands were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.open().effects.len()
    }

    fn numbers(&self, many: usize) -> std::ops::Range<usize> {
        let mut book = self.open();
        let first = book.numbers;
        book.numbers += many;
        first..book.numbers
    }
}

/// Sends a command to one daemon or another until one answers; none where that takes too long. What is not a success is
/// noted as a surprise.
pub async fn insist(
    book: &Shared,
    clients: &[Client],
    dice: &mut StdRng,
    (method, path): (&str, &str),
    content: &Content,
) -> Option<Value> {
    let key = format!("key-{}", book.numbers(1).start);
    let begun = Instant::now();
    while begun.elapsed() < HANG {
        let client = clients.choose(dice)?.with_patience(PATIENCE);
        match client.try_once(method, path, &key, content).await {
            Some(answer) if answer.status.is_success() => return Some(answer.body),
            Some(Answer { status, headers, .. }) if status == 503 && headers.contains_key("retry-after") => {}
            Some(answer) => {
                book.open().surprises.push(format!("{method} {path} was answered {}: {}", answer.status, answer.body));
                return None;
            }
            None => {}
        }
        book.open().repeated += 1;
        tokio::time::sleep(BREATH).await;
    }
    book.open().surprises.push(format!("{method} {path} was not answered"));
    None
}

/// Opens an onboarding and notes it.
pub async fn open(book: &Shared, clients: &[Client], dice: &mut StdRng, tenant: &str) -> bool {
    let body = json!({ "tenant_id": tenant, "name": "Boule", "country": "SE", "platform_url": "sandbox" });
    let opened = insist(book, clients, dice, ("POST", "/sys/onboarding"), &Content::Json(body)).await;
    if opened.is_some() {
        book.open().effects.push(Effect::Opened { tenant: tenant.to_owned() });
    }
    opened.is_some()
}

/// Asks for a health check and notes it: the job.
pub async fn check(book: &Shared, clients: &[Client], dice: &mut StdRng, tenant: &str) -> Option<String> {
    let path = format!("/sys/onboarding/{tenant}/health-check");
    let asked = insist(book, clients, dice, ("POST", &path), &Content::Json(json!({}))).await?;
    let check = asked["id"].as_str()?.to_owned();
    book.open().effects.push(Effect::Checked { tenant: tenant.to_owned(), check });
    asked["job_id"].as_str().map(str::to_owned)
}

/// Uploads members to be stored without a look at the preview, and notes them.
pub async fn import(book: &Shared, clients: &[Client], dice: &mut StdRng, tenant: &str, rows: usize) -> Option<()> {
    let rows: Vec<(String, String)> =
        book.numbers(rows).map(|row| (format!("SE-{row:07}"), format!("m{row}@example.se"))).collect();
    let mut text = "Licensnummer;Förnamn;Efternamn;E-post\n".to_owned();
    for (licence, email) in &rows {
        text.extend([licence, ";Anna;Lind;", email, "\n"]);
    }
    let name = format!("members-{}.csv", book.numbers(1).start);
    let file = Content::File { name, bytes: text.into_bytes(), fields: vec![("mode", "apply")] };
    let path = format!("/sys/onboarding/{tenant}/imports");
    let uploaded = insist(book, clients, dice, ("POST", &path), &file).await?;
    let import = uploaded["id"].as_str()?.to_owned();
    book.open().effects.push(Effect::Imported { tenant: tenant.to_owned(), import, rows });
    Some(())
}

/// Writes a note and notes it.
async fn note(book: &Shared, clients: &[Client], dice: &mut StdRng, tenant: &str) {
    let note = format!("note-{}-", book.numbers(1).start);
    let path = format!("/sys/onboarding/{tenant}/steps/contract");
    let body = Content::Json(json!({ "note": note }));
    if insist(book, clients, dice, ("PATCH", &path), &body).await.is_some() {
        book.open().effects.push(Effect::Noted { tenant: tenant.to_owned(), note });
    }
}

/// People at work, until they are told to stop.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Sends people to work. Their daemons' addresses must stay.
    #[must_use]
    pub fn start(book: &Shared, clients: &[Client], seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let person = |who: u64| {
            let (book, clients, stop) = (book.clone(), clients.to_vec(), Arc::clone(&stop));
            let dice = StdRng::seed_from_u64(seed.wrapping_mul(PEOPLE).wrapping_add(who));
            tokio::spawn(async move { work(&book, &clients, dice, &stop).await })
        };
        let people = (0..PEOPLE).map(person).collect();
        Self { stop, people }
    }

    /// Lets everybody end the command that they are at.
    ///
    /// # Panics
    /// Where somebody panicked.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for person in self.people {
            person.await.expect("nobody panics");
        }
    }
}

async fn work(book: &Shared, clients: &[Client], mut dice: StdRng, stop: &AtomicBool) {
    let mut tenants: Vec<String> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(THOUGHT).await;
        let chance = dice.random_range(0..100);
        let known = tenants.choose(&mut dice).cloned();
        match known {
            Some(tenant) if chance < 60 => note(book, clients, &mut dice, &tenant).await,
            Some(tenant) if chance < 78 => {
                let _ = check(book, clients, &mut dice, &tenant).await;
            }
            Some(tenant) if chance < 94 => {
                let rows = ROWS[usize::from(chance >= 91)];
                let _ = import(book, clients, &mut dice, &tenant, rows).await;
            }
            _ => {
                let tenant = format!("tenant-{}", book.numbers(1).start);
                if open(book, clients, &mut dice, &tenant).await {
                    tenants.push(tenant);
                }
            }
        }
    }
}
