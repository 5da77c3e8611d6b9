//! The checksum that `#KSUMMA` records enclose: a CRC-32 over labels and field contents, without separators, quotation
//! marks and braces, of the text in CP437.

use crc::{CRC_32_ISO_HDLC, Crc, Digest};
use oem_cp::code_table::ENCODING_TABLE_CP437;

use super::tokens::{Field, SieRecord};

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A checksum being computed.
pub(super) struct Checksum {
    digest: Digest<'static, u32>,
}

impl Checksum {
    pub(super) fn start() -> Self {
        Self { digest: CRC.digest() }
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: &SieRecord) {
        self.text(&record.label);
        for field in &record.fields {
            match field {
                Field::Text(text) => self.text(text),
                Field::List(items) => items.iter().for_each(|item| self.text(item)),
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.digest.update(&oem_cp::encode_string_lossy(text, &ENCODING_TABLE_CP437));
    }

    /// Whether the file states this checksum; programs write it signed or unsigned.
    pub(super) fn is(&self, stated: &str) -> bool {
        let computed = self.digest.clone().finalize();
        stated.parse() == Ok(computed) || stated.parse() == Ok(computed.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::{Line, parse};
    use super::*;

    #[test]
    fn separators_and_quotes_do_not_count() {
        let checksum = |lines: &[&str]| {
            let mut checksum = Checksum::start();
            for line in lines {
                if let Line::Record(record) = parse(line) {
                    checksum.add(&record);
                }
            }
            checksum
        };
        // The CRC-32 of the ASCII text "#A123456789" in its usual form.
        let expected = CRC.checksum(b"#A123456789");
        assert!(checksum(&["#A 123 {4 \"5\"}\t6789"]).is(&expected.to_string()));
        assert!(checksum(&["#A 123456789"]).is(&expected.cast_signed().to_string()));
        assert!(!checksum(&["#A 12345678"]).is(&expected.to_string()));
        let swedish = CRC.checksum(b"#A\x86");
        assert!(checksum(&["#A å"]).is(&swedish.to_string()));
    }
}
