//! Which addresses a picture may come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What [`Image::from_url`](crate::Image::from_url) may read. An address often comes from a stranger, and the program that
/// follows it reaches more than they do: files, a router, the secrets that a cloud keeps at a link-local address.
///
/// By default `data:`, `http:` and `https:` are read, from hosts at public addresses: no files, and nothing that is private,
/// loopback or link-local. What holds for an address holds for every one that it redirects to. A host is judged by the
/// address that the connection is made to, after its name has been looked up. A proxy of the environment, which looks names
/// up by itself, is used only where every host is allowed.
///
/// ```
/// use pixels::{ErrorKind, Image, UrlAccess};
///
/// let error = Image::from_url("file:///etc/passwd").decode_sync().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Fetch);
///
/// let access = UrlAccess::default().http(false).hosts(["images.example.com"]);
/// let image = Image::from_url("https://images.example.com/a.jpg").url_access(access);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlAccess {
    pub(crate) file: bool,
    http: bool,
    https: bool,
    private_hosts: bool,
    hosts: Option<Arc<[String]>>,
}

impl Default for UrlAccess {
    fn default() -> Self {
        Self { file: false, http: true, https: true, private_hosts: false, hosts: None }
    }
}

impl UrlAccess {
    /// Whether `file:` is read; regular files only. Default: no.
    pub fn file(mut self, allowed: bool) -> Self {
        self.file = allowed;
        self
    }

    /// Whether `http:` is read. Default: yes.
    pub fn http(mut self, allowed: bool) -> Self {
        self.http = allowed;
        self
    }

    /// Whether `https:` is read. Default: yes.
    pub fn https(mut self, allowed: bool) -> Self {
        self.https = allowed;
        self
    }

    /// Whether hosts are read whose addresses are not public: loopback, private, link-local and reserved ones. Default: no.
    pub fn private_hosts(mut self, allowed: bool) -> Self {
        self.private_hosts = allowed;
        self
    }

    /// Reads these hosts alone, of these names without port, in whatever case and with a final dot or without; an IPv6
    /// address with brackets or without. What is below a name is another host. Default: all. Their addresses have to be
    /// public all the same, unless [`private_hosts`](Self::private_hosts) says otherwise.
    pub fn hosts(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether no host is refused.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) fn allows_every_host(&self) -> bool {
        self.http && self.https && self.private_hosts && self.hosts.is_none()
    }

    /// Why a host is not to be asked by this scheme; `None` where it may be.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) fn refuses(&self, scheme: &str, host: &str) -> Option<&'static str> {
        let is_allowed = match scheme {
            "http" => self.http,
            "https" => self.https,
            _ => false,
        };
        if !is_allowed {
            return Some("UrlAccess does not allow this scheme");
        }
        let is_listed = |hosts: &Arc<[String]>| hosts.iter().any(|name| bare(name).eq_ignore_ascii_case(bare(host)));
        if self.hosts.as_ref().is_none_or(is_listed) { None } else { Some("UrlAccess does not list this host") }
    }

    /// The same of an address that a host's name stands for.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) fn refuses_address(&self, address: IpAddr) -> Option<&'static str> {
        let why = "the host's address is not a public one, which UrlAccess::private_hosts would allow";
        if self.private_hosts || is_public(address) { None } else { Some(why) }
    }
}

/// A host without what is written around it: an IPv6 address's brackets, the root's dot.
fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.or_else(|| host.strip_suffix('.')).unwrap_or(host)
}

/// Whether the whole Internet means the same host by it.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, <https://www.iana.org/assignments/iana-ipv6-special-registry>
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network; shared by a provider's customers; protocols; the old relays of IPv6; benchmarks; all that is reserved.
        [0, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [224..=255, ..] => {
            true
        }
        _ => address.is_loopback() || address.is_private() || address.is_link_local() || address.is_documentation(),
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4 in IPv6: mapped, translated (RFC 6052), 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            v4(high, low)
        }
        // Protocols, Teredo among them, and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let public = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"];
        let embedded = ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"];
        let other = [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "100::1",
            "5f00::1",
        ];
        for (list, expected) in [(&public[..], true), (&embedded, true), (&other, false)] {
            for text in list {
                assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
                let refused = UrlAccess::default().refuses_address(text.parse().unwrap());
                assert_eq!(refused.is_none(), expected, "{text}");
                assert_eq!(UrlAccess::default().private_hosts(true).refuses_address(text.parse().unwrap()), None);
            }
        }
    }

    #[test]
    fn schemes_and_hosts_are_listed() {
        let access = UrlAccess::default();
        assert_eq!((access.refuses("http", "a"), access.refuses("https", "a")), (None, None));
        assert!(access.refuses("ftp", "a").is_some() && access.refuses("file", "").is_some());
        let few = access.http(false).hosts(["Images.example.com", "b", "::1"]);
        for host in ["images.Example.com", "images.example.com.", "[::1]"] {
            assert!(few.refuses("https", host).is_none(), "{host}");
        }
        for (scheme, host) in [("http", "b"), ("https", "example.com"), ("https", "c"), ("https", "b.c"), ("https", "")]
        {
            assert!(few.refuses(scheme, host).is_some(), "{scheme} {host}");
        }
        assert!(!few.allows_every_host() && UrlAccess::default().private_hosts(true).allows_every_host());
    }
}
