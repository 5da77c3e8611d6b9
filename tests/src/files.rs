//! Files as tenants bring them.

use std::fmt::Write;

/// A members file of so many rows, two of which are untidy.
#[must_use]
pub fn members(rows: usize) -> Vec<u8> {
    let mut text = "Licensnummer;Förnamn;Efternamn;Födelsedatum;Kön;Klubb;E-post\n".to_owned();
    for row in 0..rows {
        let (given, born) = match row {
            0 => (" Björn ", "24/12/1990"),
            _ => ("Anna", "1984-05-02"),
        };
        let _ = writeln!(text, "SE-{row:07};{given};Lind;{born};F;Boule Syd;m{row}@example.se");
    }
    text.into_bytes()
}

/// A small SIE 4 export in code page 437, with Swedish letters, an undeclared account and two balanced vouchers.
#[must_use]
pub fn ledger() -> Vec<u8> {
    let text = "#FLAGGA 0\r\n\
        #PROGRAM \"Bokföring\" 1.0\r\n\
        #FORMAT PC8\r\n\
        #GEN 20260115\r\n\
        #SIETYP 4\r\n\
        #ORGNR 556036-0793\r\n\
        #FNAMN \"Svenska Bouleförbundet\"\r\n\
        #RAR 0 20250101 20251231\r\n\
        #KONTO 1910 \"Kassa\"\r\n\
        #KTYP 1910 T\r\n\
        #KONTO 3010 \"Medlemsavgifter\"\r\n\
        #KTYP 3010 I\r\n\
        #IB 0 1910 1000.00\r\n\
        #UB 0 1910 1350.50\r\n\
        #RES 0 3010 -250.50\r\n\
        #VER A 1 20250203 \"Avgift åäö\"\r\n{\r\n#TRANS 1910 {} 250.50\r\n#TRANS 3010 {} -250.50\r\n}\r\n\
        #VER A 2 20250301 \"Lån\"\r\n{\r\n#TRANS 1910 {} 100.00\r\n#TRANS 2350 {} -100.00\r\n}\r\n";
    // Code page 437 has these letters elsewhere than Latin-1 does; the rest of the text is ASCII.
    text.chars()
        .map(|c| match c {
            'å' => 0x86,
            'ä' => 0x84,
            'ö' => 0x94,
            other => u8::try_from(u32::from(other)).expect("the rest is ASCII"),
        })
        .collect()
}
