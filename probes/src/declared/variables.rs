//! The variables that a declaration can fill in.

use std::collections::BTreeMap;

use rand::Rng as _;

use crate::registry::hexadecimal;
use crate::target::Target;

/// The variables of one attempt: what every probe is given, and what steps have extracted so far.
pub(super) type Variables = BTreeMap<String, String>;

pub(super) const USER: &str = "user";
pub(super) const SECRET: &str = "secret";
pub(super) const TENANT_ID: &str = "tenant_id";
pub(super) const TAG: &str = "tag";

/// What every probe is given.
pub(super) const GIVEN: [&str; 4] = [USER, SECRET, TENANT_ID, TAG];

/// What commands are given besides: where the tenant's platform is.
pub(super) const PLACE: [&str; 4] = [URL, HOST, PORT, ADDRESS];

/// The platform's address as the tenant has it.
pub(super) const URL: &str = "url";
/// Its host.
pub(super) const HOST: &str = "host";
/// Its port.
pub(super) const PORT: &str = "port";
/// The IP address that its host stands for, found allowed for probes.
pub(super) const ADDRESS: &str = "address";

/// What a tag begins with, so that people who meet one know what left it there.
const TAG_BEGINS: &str = "workbench-probe-";

/// The variables with which an attempt begins. Each has a tag of its own: what an attempt leaves on a platform can be
/// told from real data and from what other attempts left.
pub(super) fn given(target: &Target) -> Variables {
    let tag = format!("{TAG_BEGINS}{}", hexadecimal(&rand::rng().random::<[u8; 8]>()));
    let secret = target.secret.as_ref().map(|secret| (SECRET, secret.expose()));
    [(USER, target.user.as_str()), (TENANT_ID, target.tenant_id.as_str()), (TAG, tag.as_str())]
        .into_iter()
        .chain(secret)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
