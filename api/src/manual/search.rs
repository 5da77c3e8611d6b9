//! Finding a place in the manual by words.

use super::{manual, render};

/// Places that one search gives at most.
const HITS: usize = 30;
/// Words of a search that count.
const WORDS: usize = 8;
/// Length of what is shown of a place, in characters.
const EXCERPT: usize = 180;

/// A place in the manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Slug of its page.
    pub slug: String,
    /// Its heading's anchor; empty for the top of the page.
    pub anchor: String,
    /// Title of the page, in the language asked for.
    pub page: String,
    /// The heading.
    pub heading: String,
    /// What is said there, around the first word that was found.
    pub excerpt: String,
}

/// The places where every word occurs, the likeliest first.
pub fn search(query: &str, language: &str) -> Vec<Hit> {
    let words: Vec<String> = query.split_whitespace().take(WORDS).map(str::to_lowercase).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(usize, Hit)> = Vec::new();
    for page in &manual().pages {
        let title = page.title.of(language);
        let about =
            format!("{} {} {title} {}", page.title.en, page.summary.en, page.summary.of(language)).to_lowercase();
        for section in render(page).sections {
            let (heading, text) = (section.title.to_lowercase(), section.text.to_lowercase());
            let top = section.level <= 1;
            let here = |word: &String| heading.contains(word) || text.contains(word) || top && about.contains(word);
            if !words.iter().all(here) || section.level == 0 && text.trim().is_empty() {
                continue;
            }
            let weight = |word: &String| match () {
                () if heading.contains(word) => 8,
                () if top && about.contains(word) => 6,
                () => text.matches(word.as_str()).take(3).count(),
            };
            let hit = Hit {
                slug: page.slug.clone(),
                anchor: if top { String::new() } else { section.anchor },
                page: title.to_owned(),
                heading: section.title,
                excerpt: excerpt(&section.text, &words),
            };
            found.push((words.iter().map(weight).sum(), hit));
        }
    }
    found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    found.into_iter().map(|(_, hit)| hit).take(HITS).collect()
}

/// The part of a text around the first of the words in it.
fn excerpt(text: &str, words: &[String]) -> String {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let has = |token: &&str| words.iter().any(|word| token.to_lowercase().contains(word));
    let from = tokens.iter().position(has).unwrap_or_default().saturating_sub(8);
    let mut shown = String::new();
    for token in &tokens[from..] {
        if shown.chars().count() + token.chars().count() > EXCERPT {
            shown.push('…');
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(token);
    }
    if from > 0 { format!("… {shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_find_their_place() {
        let first = |query: &str, language: &str| search(query, language).first().map(|hit| hit.slug.clone());
        assert_eq!(first("mentor guide", "en").as_deref(), Some("mentor-guide"));
        assert_eq!(first("säkerhetskopiering", "sv").as_deref(), Some("backup"));
        assert!(search("signature_malformed", "en").iter().any(|hit| hit.slug == "fipjp"));
        assert_eq!(search("nothing is called xyzzy", "en"), []);
        assert_eq!(search("  ", "en"), []);
        assert!(search("the", "en").len() <= HITS);
        let long = "ß".repeat(100_000);
        assert_eq!(search(&long, "en"), []);
    }
}
