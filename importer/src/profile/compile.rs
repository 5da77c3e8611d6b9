//! A profile made ready for reading: paths parsed, patterns compiled, spellings folded.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;

use crate::issue::shorten;
use crate::rows::{Cleaner, DateOrder, FieldKind, First, JudgedColumn, Written, fields};
use crate::{Entity, RecordKind};

use super::declaration::{
    ColumnDeclaration, Declaration, DeclaredDateOrder, OneOrMore, ProfileEntity, ProfileFormat, ReferenceTarget, Rules,
    Transform, ValueType,
};
use super::path::{XmlValuePath, json_steps, xml_value_path};

/// Compiled size of a pattern at most, in bytes.
const PATTERN_LIMIT: usize = 1 << 20;

/// Where the value of a column is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Under one of these headers, folded.
    Headers(Vec<String>),
    /// In this column of a table without header, from 0.
    Position(usize),
    /// At these characters of a line, from 0.
    Characters { from: usize, length: usize },
    /// At one of these paths of a JSON object.
    Json(Vec<Vec<String>>),
    /// At one of these paths below an XML element.
    Xml(Vec<XmlValuePath>),
}

/// A column of a profile, ready to judge values.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) field: String,
    /// What the file calls the column, for issues.
    pub(crate) label: String,
    pub(crate) source: Source,
    pub(crate) required: bool,
    pub(crate) unique: bool,
    /// The kind of the record whose key the value is.
    pub(crate) reference: Option<RecordKind>,
    kind: FieldKind,
    order: DateOrder,
    transforms: Vec<Change>,
    pattern: Option<(String, Regex)>,
    least: Option<Limit>,
    greatest: Option<Limit>,
    one_of: Vec<(String, String)>,
}

/// A transform, ready to be applied.
#[derive(Debug, Clone)]
enum Change {
    Trim,
    Upper,
    Lower,
    Digits,
    DecimalComma,
    /// Folded spellings and what they stand for.
    Values(BTreeMap<String, String>),
}

impl Change {
    fn code(&self) -> &'static str {
        match self {
            Self::Trim => "trimmed",
            Self::Upper | Self::Lower => "recased",
            Self::Digits => "digits_kept",
            Self::DecimalComma => "decimal_rewritten",
            Self::Values(_) => "value_translated",
        }
    }

    fn apply(&self, value: &str) -> String {
        match self {
            Self::Trim => value.trim().to_owned(),
            Self::Upper => value.to_uppercase(),
            Self::Lower => value.to_lowercase(),
            Self::Digits => value.chars().filter(char::is_ascii_digit).collect(),
            Self::DecimalComma => {
                let plain: String = value.chars().filter(|character| !character.is_whitespace()).collect();
                // A point beside the comma may separate thousands or may not: leave the decision to a person.
                if plain.contains('.') { value.to_owned() } else { plain.replacen(',', ".", 1) }
            }
            Self::Values(values) => values.get(&fields::fold(value)).cloned().unwrap_or_else(|| value.to_owned()),
        }
    }
}

/// A least or greatest value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Number(Decimal),
    Date(NaiveDate),
}

impl Limit {
    /// Reads a limit for values of a kind; the error says what would be right.
    pub(crate) fn parse(kind: FieldKind, text: &str) -> Result<Self, &'static str> {
        match kind {
            FieldKind::Integer | FieldKind::Decimal => {
                text.parse().map(Self::Number).map_err(|_| "Write a number, such as 0 or 99.5.")
            }
            FieldKind::Date | FieldKind::BirthDate => {
                text.parse().map(Self::Date).map_err(|_| "Write a date in quotes, such as \"1900-01-01\".")
            }
            _ => Err("Only numbers and dates have bounds; use `pattern` for texts."),
        }
    }

    /// Whether it lies above the other one.
    pub(crate) fn exceeds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => one > two,
            (Self::Date(one), Self::Date(two)) => one > two,
            _ => false,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Date(date) => date.fmt(f),
        }
    }
}

/// Compiles a pattern that the whole value must match.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let compile = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_LIMIT).build();
    // Compiled alone first: `a)(b` would become sound by what is put around it.
    compile(text).and_then(|_| compile(&format!(r"\A(?:{text})\z"))).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        error => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

/// How the values of a field are checked; the error says what the entity's own field takes.
pub(crate) fn kind_of(entity: Entity, field: &str, declared: Option<ValueType>) -> Result<FieldKind, &'static str> {
    let of_type = match declared {
        None | Some(ValueType::Text | ValueType::Enum) => FieldKind::Text,
        Some(ValueType::Date) => FieldKind::Date,
        Some(ValueType::Integer) => FieldKind::Integer,
        Some(ValueType::Decimal) => FieldKind::Decimal,
        Some(ValueType::Email) => FieldKind::Email,
        Some(ValueType::Country) => FieldKind::Nationality,
    };
    let Some(spec) = fields::of(entity).iter().find(|spec| spec.name == field) else { return Ok(of_type) };
    let (fits, takes) = match spec.kind {
        FieldKind::Text => return Ok(of_type),
        FieldKind::Key => (matches!(declared, None | Some(ValueType::Text)), "a key, which is text"),
        FieldKind::Date | FieldKind::BirthDate => (matches!(declared, None | Some(ValueType::Date)), "a date"),
        FieldKind::Sex | FieldKind::LicenceType => {
            (matches!(declared, None | Some(ValueType::Enum)), "one of a few values that are fixed")
        }
        FieldKind::Nationality => (matches!(declared, None | Some(ValueType::Country)), "a country"),
        FieldKind::Email => (matches!(declared, None | Some(ValueType::Email)), "an e-mail address"),
        FieldKind::Integer | FieldKind::Decimal => (true, "a number"),
    };
    if fits { Ok(spec.kind) } else { Err(takes) }
}

/// The entity that a profile is about.
pub(crate) const fn entity_of(declaration: &Declaration) -> Entity {
    match declaration.entity {
        ProfileEntity::Members => Entity::Members,
        ProfileEntity::Clubs => Entity::Clubs,
    }
}

/// The kind of the records that a reference leads to.
pub(crate) const fn kind_of_target(target: ReferenceTarget) -> RecordKind {
    match target {
        ReferenceTarget::Clubs => RecordKind::Club,
        ReferenceTarget::Members => RecordKind::Member,
    }
}

/// The columns of a declaration that was found sound. The error would be a fault that the check overlooked.
pub(crate) fn columns(declaration: &Declaration) -> Result<Vec<Column>, String> {
    declaration.columns.iter().map(|column| compile(declaration, column)).collect()
}

fn compile(declaration: &Declaration, column: &ColumnDeclaration) -> Result<Column, String> {
    let entity = entity_of(declaration);
    let spec = fields::of(entity).iter().find(|spec| spec.name == column.field);
    let is_key = column.field == declaration.natural_key;
    let kind = match kind_of(entity, &column.field, column.value_type).map_err(str::to_owned)? {
        FieldKind::Text if is_key => FieldKind::Key,
        kind => kind,
    };
    let sources = column.source.as_ref().map(OneOrMore::as_slice).unwrap_or_default();
    let index = |number: Option<u32>| usize::try_from(number.unwrap_or(1).saturating_sub(1)).unwrap_or(usize::MAX);
    let source = match declaration.format {
        ProfileFormat::Json => Source::Json(sources.iter().map(|path| json_steps(path)).collect::<Result<_, _>>()?),
        ProfileFormat::Xml => {
            let namespace = |prefix: &str| declaration.namespaces.get(prefix).cloned();
            Source::Xml(sources.iter().map(|path| xml_value_path(path, &namespace)).collect::<Result<_, _>>()?)
        }
        ProfileFormat::FixedWidth => Source::Characters {
            from: index(column.position),
            length: usize::try_from(column.length.unwrap_or(1)).unwrap_or(usize::MAX),
        },
        ProfileFormat::Csv if declaration.header == Some(false) => Source::Position(index(column.position)),
        ProfileFormat::Csv => Source::Headers(sources.iter().map(|header| fields::fold(header)).collect()),
    };
    let no_rules = Rules::default();
    let rules = column.rules.as_ref().unwrap_or(&no_rules);
    let limit = |bound: &Option<super::declaration::Bound>| {
        bound.as_ref().map(|bound| Limit::parse(kind, &bound.text()).map_err(str::to_owned)).transpose()
    };
    let mut order = DateOrder::Usual;
    let mut transforms = Vec::new();
    for transform in &column.transforms {
        transforms.push(match transform {
            Transform::Trim => Change::Trim,
            Transform::Upper => Change::Upper,
            Transform::Lower => Change::Lower,
            Transform::Digits => Change::Digits,
            Transform::DecimalComma => Change::DecimalComma,
            Transform::Values(values) => {
                Change::Values(values.iter().map(|(from, to)| (fields::fold(from), to.clone())).collect())
            }
            Transform::DateOrder(declared) => {
                order = match declared {
                    DeclaredDateOrder::Dmy => DateOrder::Declared(First::Day),
                    DeclaredDateOrder::Mdy => DateOrder::Declared(First::Month),
                    DeclaredDateOrder::Ymd => DateOrder::Declared(First::Year),
                };
                continue;
            }
        });
    }
    Ok(Column {
        field: column.field.clone(),
        label: sources.first().unwrap_or(&column.field).clone(),
        source,
        required: rules.required || is_key || spec.is_some_and(|spec| spec.required),
        unique: rules.unique && !is_key,
        reference: rules.reference.map(kind_of_target),
        kind,
        order,
        transforms,
        pattern: rules.pattern.as_ref().map(|text| Ok::<_, String>((text.clone(), pattern(text)?))).transpose()?,
        least: limit(&rules.min)?,
        greatest: limit(&rules.max)?,
        one_of: rules.one_of.iter().map(|value| (fields::fold(value), value.clone())).collect(),
    })
}

impl Column {
    /// For judging whole rows.
    pub(crate) fn judged(&self) -> JudgedColumn {
        JudgedColumn {
            field: self.field.clone(),
            column: self.label.clone(),
            required: self.required,
            unique: self.unique,
        }
    }

    /// The value to store; `None` when it is empty or refused.
    pub(crate) fn clean<'v>(&self, cleaner: &mut Cleaner, raw: &'v str) -> Option<Cow<'v, str>> {
        let mut changed_value = None;
        for change in &self.transforms {
            let value = changed_value.as_deref().unwrap_or(raw);
            let changed = change.apply(value);
            if changed != value {
                cleaner.changed(change.code(), &self.label, value, &changed);
                changed_value = Some(changed);
            }
        }
        // Numbers have their points by now.
        let written = Written { order: self.order, decimals: None };
        let sound = match changed_value {
            None => cleaner.clean_written(&self.label, self.kind, written, raw)?,
            Some(value) => Cow::Owned(cleaner.clean_written(&self.label, self.kind, written, &value)?.into_owned()),
        };
        self.judge(cleaner, sound)
    }

    /// Applies the rules of the profile to a value that is sound in itself.
    fn judge<'v>(&self, cleaner: &mut Cleaner, value: Cow<'v, str>) -> Option<Cow<'v, str>> {
        let mut value = value;
        if !self.one_of.is_empty() {
            let folded = fields::fold(&value);
            let Some((_, chosen)) = self.one_of.iter().find(|(spelling, _)| *spelling == folded) else {
                let allowed: Vec<&str> = self.one_of.iter().take(12).map(|(_, value)| value.as_str()).collect();
                let message = format!("expected one of {}", shorten(&allowed.join(", ")));
                cleaner.refuse("value_not_allowed", &self.label, &value, &message, "Correct the value.");
                return None;
            };
            if *chosen != value {
                cleaner.changed("recased", &self.label, &value, chosen);
                value = Cow::Owned(chosen.clone());
            }
        }
        if let Some((text, pattern)) = &self.pattern
            && !pattern.is_match(&value)
        {
            let message = format!("the value does not match {}", shorten(text));
            cleaner.refuse("pattern_mismatch", &self.label, &value, &message, "Correct the value, or the profile.");
            return None;
        }
        let own =
            if self.least.is_some() || self.greatest.is_some() { Limit::parse(self.kind, &value).ok() } else { None };
        if let Some(own) = own {
            let broken = match (&self.least, &self.greatest) {
                (Some(least), _) if least.exceeds(&own) => Some(format!("the value is below {least}")),
                (_, Some(greatest)) if own.exceeds(greatest) => Some(format!("the value is above {greatest}")),
                _ => None,
            };
            if let Some(message) = broken {
                cleaner.refuse(
                    "value_out_of_range",
                    &self.label,
                    &value,
                    &message,
                    "Correct the value, or the profile.",
                );
                return None;
            }
        }
        Some(value)
    }
}
