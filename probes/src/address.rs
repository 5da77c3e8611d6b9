//! Which addresses probes may connect to.
//!
//! A platform's address is typed in by people, while probes run inside the operator's network: without a guard,
//! anyone who may register a tenant could have the daemon read whatever answers on its own machine or beside it.
//! Names are judged by what they resolve to at the moment of connecting, not beforehand, so that a name cannot
//! change its mind in between.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Public addresses, and those others that were allowed by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: BTreeSet<String>,
}

impl AddressPolicy {
    /// Only addresses of the public internet.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// The same, and also whatever answers at `authority`, written `host:port` as in the tenant's address.
    #[must_use]
    pub fn allowing(mut self, authority: impl AsRef<str>) -> Self {
        self.allowed.insert(authority.as_ref().trim().to_ascii_lowercase());
        self
    }

    fn allows_authority_of(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        self.allowed.contains(&format!("{}:{port}", host.to_ascii_lowercase()))
    }

    /// Judges an address as far as that can be done without resolving a name, and gives the resolver that judges
    /// the rest. Only fit for a client that connects to `url` alone.
    pub(crate) fn guard(&self, url: &Url) -> Result<GuardedResolver, Refused> {
        let unguarded = self.allows_authority_of(url);
        let literal = match url.host() {
            // A literal address never reaches the resolver.
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match literal.and_then(not_public) {
            Some(kind) if !unguarded => Err(Refused { kind }),
            _ => Ok(GuardedResolver { unguarded }),
        }
    }
}

impl AddressPolicy {
    /// The first address behind `url`'s host that may be connected to. A probe that opens connections by itself
    /// connects to this address and not to the name, which could stand for another one a moment later.
    ///
    /// # Errors
    /// None of the host's addresses may be connected to, or there is none.
    pub async fn resolve(&self, url: &Url) -> Result<IpAddr, NotResolved> {
        let resolver = self.guard(url)?;
        let found = match url.host() {
            Some(Host::Ipv4(address)) => return Ok(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => return Ok(IpAddr::V6(address)),
            Some(Host::Domain(name)) => tokio::net::lookup_host((name, 0)).await?,
            None => return Err(NotResolved::Unknown(io::ErrorKind::NotFound.into())),
        };
        let mut admitted = admit(found.collect(), resolver.unguarded)?;
        admitted.next().map(|address| address.ip()).ok_or_else(|| NotResolved::Unknown(io::ErrorKind::NotFound.into()))
    }
}

/// Why there is no address to connect to.
#[derive(Debug, thiserror::Error)]
pub enum NotResolved {
    /// The policy allows none of those that there are.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The name leads nowhere.
    #[error("the name of the platform's host leads nowhere: {0}")]
    Unknown(#[from] io::Error),
}

/// Why a connection was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the probe was not allowed to connect to {kind} address")]
pub struct Refused {
    /// Kind of the address, with its article.
    kind: &'static str,
}

/// Resolves names and withholds every address that the policy does not allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedResolver {
    unguarded: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let unguarded = self.unguarded;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(admit(found, unguarded)?)
        })
    }
}

fn admit(found: Vec<SocketAddr>, unguarded: bool) -> Result<Addrs, Refused> {
    let mut refused = None;
    let admitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| match not_public(address.ip()) {
            Some(kind) if !unguarded => {
                refused = Some(Refused { kind });
                false
            }
            _ => true,
        })
        .collect();
    match refused {
        Some(refused) if admitted.is_empty() => Err(refused),
        _ => Ok(Box::new(admitted.into_iter())),
    }
}

/// What kind of address it is, if it is none of the public internet.
fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [127, ..] => Some("a loopback"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private"),
        [169, 254, ..] => Some("a link-local"),
        [100, 64..=127, ..] => Some("a carrier-grade NAT"),
        // 0.0.0.0 reaches the machine itself on Linux.
        [0, ..] => Some("an unspecified"),
        [224..=239, ..] => Some("a multicast"),
        [240..=255, ..] | [192, 0, 0 | 2, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Some("a reserved")
        }
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let [_, _, _, _, _, _, high, low] = segments;
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified"),
        // Mapped, compatible and NAT64 addresses lead to the IPv4 address inside them.
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => not_public_v4(embedded_v4(high, low)),
        // So does 6to4, which carries it in front.
        [0x2002, high, low, ..] => not_public_v4(embedded_v4(high, low)),
        [0xfc00..=0xfdff, ..] => Some("a unique local"),
        [0xfe80..=0xfebf, ..] => Some("a link-local"),
        [0xff00..=0xffff, ..] => Some("a multicast"),
        // Site-local, documentation, Teredo, discard and local-use NAT64.
        [0xfec0..=0xfeff, ..]
        | [0x2001, 0xdb8 | 0, ..]
        | [0x3fff, 0..=0x0fff, ..]
        | [0x100, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..] => Some("a reserved"),
        _ => None,
    }
}

fn embedded_v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(policy: &AddressPolicy, url: &str) -> Result<(), String> {
        let url = Url::parse(url).expect("the test writes valid addresses");
        policy.guard(&url).map(|_| ()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn addresses_that_are_not_public_are_refused_by_kind() {
        for (host, kind) in [
            ("127.0.0.1", "a loopback"),
            ("0x7f.1", "a loopback"),
            ("2130706433", "a loopback"),
            ("[::1]", "a loopback"),
            ("[::ffff:127.0.0.1]", "a loopback"),
            ("[::127.0.0.1]", "a loopback"),
            ("[64:ff9b::7f00:1]", "a loopback"),
            ("[2002:7f00:1::]", "a loopback"),
            ("0.0.0.0", "an unspecified"),
            ("[::]", "an unspecified"),
            ("10.1.2.3", "a private"),
            ("172.16.0.1", "a private"),
            ("172.31.255.255", "a private"),
            ("192.168.1.1", "a private"),
            ("169.254.169.254", "a link-local"),
            ("[fe80::1]", "a link-local"),
            ("100.64.0.1", "a carrier-grade NAT"),
            ("[fd00::1]", "a unique local"),
            ("224.0.0.1", "a multicast"),
            ("[ff02::1]", "a multicast"),
            ("255.255.255.255", "a reserved"),
            ("[2001:db8::1]", "a reserved"),
        ] {
            assert_eq!(
                guard(&AddressPolicy::public(), &format!("http://{host}/")),
                Err(format!("the probe was not allowed to connect to {kind} address")),
                "{host}"
            );
        }
    }

    #[test]
    fn public_addresses_and_names_pass_the_first_look() {
        for host in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "[::ffff:1.1.1.1]", "acme.example"] {
            assert_eq!(guard(&AddressPolicy::public(), &format!("http://{host}/")), Ok(()), "{host}");
        }
    }

    #[test]
    fn what_is_allowed_is_one_host_at_one_port() {
        let policy = AddressPolicy::public().allowing("127.0.0.1:8081").allowing("[::1]:443");
        assert_eq!(guard(&policy, "http://127.0.0.1:8081/acme"), Ok(()));
        assert_eq!(guard(&policy, "https://[::1]/"), Ok(()));
        assert!(guard(&policy, "http://127.0.0.1:8082/").is_err());
        assert!(guard(&policy, "http://127.0.0.2:8081/").is_err());
        assert!(guard(&policy, "http://[::ffff:127.0.0.1]:8081/").is_err());
    }

    #[test]
    fn of_what_a_name_resolves_to_only_the_public_is_kept() {
        let public: SocketAddr = "1.1.1.1:0".parse().expect("an address");
        let private: SocketAddr = "10.0.0.1:0".parse().expect("an address");
        let admitted = |found, unguarded| admit(found, unguarded).map(Iterator::collect::<Vec<_>>);
        assert_eq!(admitted(vec![private, public], false), Ok(vec![public]));
        assert_eq!(admitted(vec![private], false), Err(Refused { kind: "a private" }));
        assert_eq!(admitted(vec![private, public], true), Ok(vec![private, public]));
    }
}
