//! Files of any size, the same ones for the same number of rows.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// What makes two runs write the same files.
const SEED: u64 = 20_260_101;

const GIVEN: [&str; 10] = ["Anna", "Åsa", "Björn", "Émile", "Chloé", "Lars", "Maja", "Noël", "Oskar", "Sofia"];
const FAMILY: [&str; 10] =
    ["Berg", "Lindström", "Dupont", "Öberg", "Nilsson", "Moreau", "Håkansson", "Lefèvre", "Svensson", "Martin"];

/// A clean members table of 13 columns; 1,000,000 rows take 124 MB.
pub fn members(path: &Path, rows: u64) -> io::Result<()> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(
        out,
        "licence_number,given_name,family_name,birth_date,sex,nationality,club,category,licence_type,season,email,phone,valid_to"
    )?;
    for row in 0..rows {
        let pick =
            |random: &mut StdRng, from: &'static [&'static str]| from.choose(random).copied().unwrap_or_default();
        writeln!(
            out,
            "{},{},{},{}-{:02}-{:02},{},{},Club {},{},{},2025/2026,member{row}@example.org,+46 70 {},2026-12-31",
            10_000_000 + row,
            pick(&mut random, &GIVEN),
            pick(&mut random, &FAMILY),
            random.random_range(1930..2016),
            random.random_range(1..13),
            random.random_range(1..29),
            pick(&mut random, &["M", "F", "X"]),
            pick(&mut random, &["SE", "FR", "NO"]),
            random.random_range(1..901),
            pick(&mut random, &["senior", "junior", "veteran"]),
            pick(&mut random, &["competition", "leisure", "youth", "discovery"]),
            random.random_range(1_000_000..10_000_000),
        )?;
    }
    out.flush()
}

/// A SIE 4 export with two transactions in a voucher, balances that fit, and nothing to remark on.
pub fn ledger(path: &Path, transactions: u64) -> io::Result<()> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut out = BufWriter::new(File::create(path)?);
    let mut sum = 0_i64;
    let mut vouchers = Vec::new();
    for _ in 0..transactions / 2 {
        let amount: i64 = random.random_range(100..1_000_000);
        sum += amount;
        vouchers.push(amount);
    }
    let money =
        |cents: i64| format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
    write!(
        out,
        "#FLAGGA 0\r\n#PROGRAM \"Generated\" 1.0\r\n#FORMAT PC8\r\n#GEN 20260115\r\n#SIETYP 4\r\n#ORGNR 556036-0793\r\n\
         #FNAMN \"Generated\"\r\n#RAR 0 20250101 20251231\r\n#KONTO 1910 \"Kassa\"\r\n#KTYP 1910 T\r\n\
         #KONTO 3010 \"Medlemsavgifter\"\r\n#KTYP 3010 I\r\n#IB 0 1910 0.00\r\n#UB 0 1910 {}\r\n#RES 0 3010 {}\r\n",
        money(sum),
        money(-sum),
    )?;
    for (number, amount) in vouchers.into_iter().enumerate() {
        write!(
            out,
            "#VER A {} 2025{:02}{:02} \"Medlemsavgift {number}\" 20260110\r\n{{\r\n\
             #TRANS 1910 {{}} {}\r\n#TRANS 3010 {{}} {}\r\n}}\r\n",
            number + 1,
            number % 12 + 1,
            number % 28 + 1,
            money(amount),
            money(-amount),
        )?;
    }
    out.flush()
}
