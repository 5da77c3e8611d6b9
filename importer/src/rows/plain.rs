//! A quick look at a row that spares most values a slow one.

/// Whether a text has no control character, nothing that JSON escapes, no number sign, with which the errors of
/// spreadsheets begin, and no replacement character, so that none of its values has to be looked through for them.
///
/// One pass without a branch, which the compiler makes into a few wide instructions.
pub(crate) fn is_plain(text: &str) -> bool {
    is_plain_but(text, b' ')
}

/// As [`is_plain`] of the values of a line in which the delimiter still stands between them.
#[expect(clippy::needless_bitwise_bool, reason = "lazy operators would bring the branches back")]
pub(crate) fn is_plain_but(text: &str, delimiter: u8) -> bool {
    // The replacement character begins with 0xef; the letters of some scripts do, too, and get the closer look.
    !text.bytes().fold(false, |odd, byte| {
        // A quotation mark and a number sign differ in their last bit.
        odd | ((byte < b' ') & (byte != delimiter)) | (byte | 1 == b'#') | (byte == b'\\') | (byte == 0xef)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_closer_look_is_found() {
        assert!(is_plain("Åsa Öberg ~ 1984-02-29"));
        for odd in ["a\0", "\u{1f}", "say \"a\"", "a\\b", "#REF!", "Malm\u{fffd}"] {
            assert!(!is_plain(odd), "{odd:?}");
        }
        assert!(is_plain_but("Åsa\tÖberg", b'\t') && !is_plain_but("Åsa\tÖberg", b';'));
    }
}
