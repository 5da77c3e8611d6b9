//! Format profiles: what operators write in `workflows/formats/*.yaml`, so that the files of a system nobody here has
//! heard of can be read without code.
//!
//! [`Profile::load`] reads a text twice, as workflows are read: once as a tree in which every value knows its line and
//! column, which is checked as a whole so that every fault is reported at once, and once, when nothing is wrong, into
//! the model. What a profile may say is documented in `docs/formats/profiles.md`.

mod check;
mod compile;
mod declaration;
mod path;
mod schema;

use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};
use workbench_positions::Document;
pub use workbench_positions::Fault as ProfileFault;

use crate::Entity;
use crate::format::Format;
use crate::record::hexadecimal;

pub(crate) use compile::{Column, Source};
pub(crate) use declaration::{EncodingName, ProfileFormat};
pub(crate) use path::{JsonRecords, XmlName, XmlValuePath, xml_record_path};
pub use schema::profile_schema;

use declaration::Declaration;

/// The shipped profiles. JSON and XML files without a declared profile are read by the first of their format.
const SHIPPED: [(&str, &str); 4] = [
    ("members-json.yaml", include_str!("../../../workflows/formats/members-json.yaml")),
    ("members-xml.yaml", include_str!("../../../workflows/formats/members-xml.yaml")),
    ("legacy-members-delimited.yaml", include_str!("../../../workflows/formats/legacy-members-delimited.yaml")),
    ("legacy-members-fixed.yaml", include_str!("../../../workflows/formats/legacy-members-fixed.yaml")),
];

/// A profile that was found sound.
#[derive(Debug, Clone)]
pub struct Profile {
    declaration: Declaration,
    source: String,
    content_hash: String,
    columns: Vec<Column>,
}

/// Two profiles are the same when their texts are.
impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.content_hash == other.content_hash
    }
}

impl Eq for Profile {}

impl Profile {
    /// Loads a profile. `file` names it in messages.
    ///
    /// # Errors
    /// Every fault that can be told at once, in order of place.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<ProfileFault>> {
        let document = Document::new(file, text, "a shipped profile");
        let root = document.tree()?;
        document.sound(check::check(&root))?;
        let declaration: Declaration = document.typed()?;
        let columns = compile::columns(&declaration).map_err(|cause| {
            vec![document.fault(root.at, "invalid_value", cause, "Compare with a shipped profile.".to_owned())]
        })?;
        let content_hash = hexadecimal(&Sha256::digest(text.as_bytes()));
        Ok(Self { declaration, source: text.to_owned(), content_hash, columns })
    }

    /// The profiles that are part of this crate.
    #[must_use]
    pub fn shipped() -> &'static [Arc<Self>] {
        static LOADED: LazyLock<Vec<Arc<Profile>>> = LazyLock::new(|| {
            let load = |(file, text): &(&str, &str)| {
                Arc::new(Profile::load(file, text).expect("a shipped profile is sound; a test reads them all"))
            };
            SHIPPED.iter().map(load).collect()
        });
        &LOADED
    }

    /// The shipped profile that reads files of a format where none is declared.
    pub(crate) fn usual(format: Format) -> Option<Arc<Self>> {
        match format {
            Format::Json | Format::Xml => Self::shipped().iter().find(|profile| profile.format() == format).cloned(),
            Format::Csv | Format::Sie | Format::Fipjp | Format::FixedWidth => None,
        }
    }

    /// What an upload names it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.declaration.name
    }

    /// Raised with every change.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.declaration.version
    }

    /// What people see.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.declaration.title
    }

    /// The text it was loaded from, to be kept beside an import that uses it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 of the text, hex: two texts with the same are the same version.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.content_hash
    }

    /// The format of the files that it reads.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self.declaration.format {
            ProfileFormat::Csv => Format::Csv,
            ProfileFormat::FixedWidth => Format::FixedWidth,
            ProfileFormat::Xml => Format::Xml,
            ProfileFormat::Json => Format::Json,
        }
    }

    /// What a row is.
    #[must_use]
    pub const fn entity(&self) -> Entity {
        compile::entity_of(&self.declaration)
    }

    pub(crate) const fn encoding(&self) -> EncodingName {
        self.declaration.encoding
    }

    pub(crate) const fn layout(&self) -> ProfileFormat {
        self.declaration.format
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn natural_key(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.field == self.declaration.natural_key)
    }

    pub(crate) fn delimiter(&self) -> Option<u8> {
        self.declaration.delimiter.as_deref().and_then(|text| text.bytes().next())
    }

    pub(crate) fn has_header(&self) -> bool {
        self.declaration.header.unwrap_or(true)
    }

    pub(crate) fn skip_lines(&self) -> u32 {
        self.declaration.skip_lines.unwrap_or(0)
    }

    /// Where the records of a JSON file are.
    pub(crate) fn json_records(&self) -> JsonRecords {
        let path = self.declaration.record_path.as_deref().unwrap_or_default();
        JsonRecords::parse(path).unwrap_or(JsonRecords::Root)
    }

    /// The path of the elements of an XML file that are records.
    pub(crate) fn xml_records(&self) -> Vec<XmlName> {
        let path = self.declaration.record_path.as_deref().unwrap_or_default();
        xml_record_path(path, &|prefix| self.declaration.namespaces.get(prefix).cloned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod gallery;
