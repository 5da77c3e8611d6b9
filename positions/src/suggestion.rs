//! Guessing what a misspelt word was meant to be.

/// The known word that `word` is most likely a misspelling of, or else all of them, as a sentence.
#[must_use]
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!("Did you mean `{nearest}`?"),
        None => format!("Use one of {}.", known.join(", ")),
    }
}

/// The known word that `word` is most likely a misspelling of, if there is one that is near enough.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .min()
        // A word of which nothing remains is no misspelling.
        .filter(|(distance, _)| *distance <= 1 + word.len() / 4 && *distance < word.chars().count())
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_put_right_and_a_stranger_is_shown_the_words() {
        assert_eq!(did_you_mean("titel", &["title", "name"]), "Did you mean `title`?");
        assert_eq!(did_you_mean("colour", &["title", "name"]), "Use one of title, name.");
        assert_eq!(did_you_mean("", &["a"]), "Use one of a.");
        assert_eq!(did_you_mean("x", &["a"]), "Use one of a.");
    }
}
