//! Pictures from http: and https: addresses.

use super::{check_bytes, read_within, shortened};
use crate::limits::Limits;
use crate::url_access::UrlAccess;
use crate::{Error, ErrorKind, Result};
use std::time::Duration;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// The encoded bytes at `url`, at most `limits.max_bytes` of them.
pub(super) fn read(url: &str, limits: &Limits, access: &UrlAccess) -> Result<Vec<u8>> {
    // A server that does not answer, or answers a byte at a time, must not hold the caller without end.
    let config = ureq::Agent::config_builder()
        .user_agent(concat!("clip-vision/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_per_read(Some(Duration::from_secs(30)))
        .timeout_global(Some(Duration::from_secs(300)));
    let config = if access.allows_every_host() { config } else { config.proxy(None) };
    let resolver = Guarded { access: access.clone(), resolver: DefaultResolver::default() };
    let agent = ureq::Agent::with_parts(config.build(), DefaultConnector::default(), resolver);
    let body = agent.get(url).call().map_err(|error| failed(url, error))?.into_body();
    let length = body.content_length().unwrap_or(0);
    check_bytes(length, limits)
        .and_then(|()| read_within(body.into_reader(), length, limits))
        .map_err(|error| error.within(shortened(url)))
}

/// The error of an address that can't be read. Some of the causes repeat an address, whose query may be secret.
fn failed(url: &str, error: ureq::Error) -> Error {
    let error_of = |why: &str| Error::new(ErrorKind::Fetch, format!("{}{why}", shortened(url)));
    match error {
        ureq::Error::Other(other) if other.is::<Refused>() => error_of(&format!(": {other}")),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => error_of(": it, or one that it redirects to, is no address"),
        ureq::Error::Protocol(_) => error_of(": the answer is not one of HTTP"),
        other => error_of("").with_source(other),
    }
}

/// Looks hosts up, those of redirects as well, and refuses them where the access does. Connections are made to the addresses
/// that it gives, so what was judged is what is asked.
#[derive(Debug)]
struct Guarded {
    access: UrlAccess,
    resolver: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let refused = |why| ureq::Error::Other(Box::new(Refused(why)));
        if self.access.allows_every_host() {
            return self.resolver.resolve(uri, config, timeout); // a proxy's, perhaps, of which the access says nothing
        }
        if let Some(why) = self.access.refuses(uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default()) {
            return Err(refused(why));
        }
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        match addresses.iter().find_map(|address| self.access.refuses_address(address.ip())) {
            Some(why) => Err(refused(why)),
            None => Ok(addresses),
        }
    }
}

#[derive(Debug)]
struct Refused(&'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}
