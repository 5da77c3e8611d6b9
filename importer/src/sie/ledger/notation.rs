//! What a notation calls things, so that a finding names them as its file does.

/// The names of a notation.
#[derive(Debug)]
pub(in crate::sie) struct Notation {
    pub(in crate::sie) account: &'static str,
    pub(in crate::sie) object: &'static str,
    pub(in crate::sie) fiscal_year: &'static str,
    pub(in crate::sie) voucher: &'static str,
    pub(in crate::sie) transaction: &'static str,
    pub(in crate::sie) opening: &'static str,
    pub(in crate::sie) closing: &'static str,
    pub(in crate::sie) result: &'static str,
    pub(in crate::sie) budget: &'static str,
    pub(in crate::sie) covered_until: &'static str,
    pub(in crate::sie) organisation: &'static str,
    /// Dates are written with hyphens.
    pub(in crate::sie) hyphens: bool,
    /// Vouchers may belong to any fiscal year of the file, not to the current one only.
    pub(in crate::sie) vouchers_of_any_year: bool,
    /// What bytes are read as that are no text in the encoding.
    pub(in crate::sie) fallback: &'static str,
}

/// Lines with labels: types 1 to 4.
pub(in crate::sie) static LINES: Notation = Notation {
    account: "#KONTO",
    object: "#OBJEKT",
    fiscal_year: "#RAR",
    voucher: "#VER",
    transaction: "#TRANS",
    opening: "#IB",
    closing: "#UB",
    result: "#RES",
    budget: "#PBUDGET",
    covered_until: "#OMFATTN",
    organisation: "#ORGNR",
    hyphens: false,
    vouchers_of_any_year: false,
    fallback: "CP437",
};

/// XML: SIE 5.
pub(in crate::sie) static ELEMENTS: Notation = Notation {
    account: "Account",
    object: "Object",
    fiscal_year: "FiscalYear",
    voucher: "JournalEntry",
    transaction: "LedgerEntry",
    opening: "OpeningBalance",
    closing: "ClosingBalance",
    result: "ClosingBalance",
    budget: "Budget",
    covered_until: "lastCoveredDate",
    organisation: "Company",
    hyphens: true,
    vouchers_of_any_year: true,
    fallback: "Windows-1252",
};
