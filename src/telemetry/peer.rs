//! Who sent a request.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Once,
};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether an address is that of a proxy whose headers are believed.
pub(super) fn is_named(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The visitor's address. `X-Forwarded-For` is trusted only as far as trusted proxies wrote it: read from its end, the
/// first address that is not a trusted proxy's is the visitor's. An item that is not an address, such as `unknown`, ends the
/// walk: entries before it cannot be trusted. `None` is a peer on a Unix socket: a proxy on this machine, and trusted.
pub(super) fn peer_of(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address| is_named(address, trusted);
    let mut visitor = peer.unwrap_or(Ipv4Addr::LOCALHOST.into()).to_canonical();
    let mut sender_is_trusted = peer.is_none() || is_trusted(visitor);
    warn_of_unnamed_proxy(visitor, sender_is_trusted, headers);
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let items = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // Recipients ignore empty items of a list (RFC 9110 section 5.6.1).
    for item in items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty()) {
        if !sender_is_trusted {
            break;
        }
        let Some(address) = std::str::from_utf8(item).ok().and_then(address) else { break };
        visitor = address;
        sender_is_trusted = is_trusted(visitor);
    }
    visitor
}

/// Behind a proxy that `TRUSTED_PROXIES` does not name, all visitors share one address, in the log and for `MAX_EXCHANGES`.
/// Warns once per process: a visitor who connects directly can send the header too, but costs one line and no more.
fn warn_of_unnamed_proxy(peer: IpAddr, is_trusted: bool, headers: &HeaderMap) {
    static WARNED: Once = Once::new();
    if !is_trusted && headers.contains_key(FORWARDED_FOR) {
        WARNED.call_once(|| {
            tracing::warn!(%peer, "a request has X-Forwarded-For, but TRUSTED_PROXIES does not name its sender: if that is your proxy, add it, because all visitors behind it share its address");
        });
    }
}

/// An address as proxies write it: alone, with a port (Azure, IIS), in brackets, in quotes (RFC 7239 section 6).
fn address(item: &str) -> Option<IpAddr> {
    let item = item.strip_prefix('"').and_then(|item| item.strip_suffix('"')).unwrap_or(item);
    let host = match item.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)?
        }
        None => item.split_once(':').filter(|(_, port)| is_port(port)).map_or(item, |(host, _)| host),
    };
    // The zone of a link-local address is this machine's own name for a network (RFC 4007 section 11).
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::peer_of;

    /// Who is found behind 10.0.0.1, which is trusted as is 10.0.0.2.
    fn found(lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        let trusted = ["10.0.0.1/32".parse().unwrap(), "10.0.0.2/32".parse().unwrap()];
        peer_of("10.0.0.1".parse().ok(), &headers, &trusted).to_string()
    }

    #[test]
    fn the_visitor_is_found_however_a_proxy_writes_the_address() {
        for (written, visitor) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:51234", "203.0.113.7"),
            ("\"203.0.113.7:51234\"", "203.0.113.7"),
            ("[203.0.113.7]:80", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]\"", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("[fe80::1%eth0]:443", "fe80::1"),
            ("fe80::1%25eth0", "fe80::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:5", "203.0.113.7"),
            (" 203.0.113.7:0 , ", "203.0.113.7"),
        ] {
            assert_eq!(found(&[written.as_bytes()]), visitor, "{written}");
            let chain = format!("198.51.100.1:1, {written}, 10.0.0.2:1234");
            assert_eq!(found(&[chain.as_bytes()]), visitor, "{chain}");
            assert_eq!(found(&[b"198.51.100.1", written.as_bytes(), b"\"10.0.0.2:9\""]), visitor, "{written}");
        }
    }

    #[test]
    fn what_is_not_an_address_ends_the_walk() {
        for garbage in [
            "unknown",
            "_hidden",
            "203.0.113.7:",
            "203.0.113.7:65536",
            "203.0.113.7:+80",
            "203.0.113.7:_port",
            "203.0.113.7:80:80",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]443",
            "[2001:db8::1]:",
            "\"203.0.113.7",
            "[]",
            "localhost",
            "203.0.113",
        ] {
            assert_eq!(found(&[garbage.as_bytes()]), "10.0.0.1", "{garbage}");
            let chain = format!("203.0.113.9, {garbage}, 10.0.0.2");
            assert_eq!(found(&[chain.as_bytes()]), "10.0.0.2", "{chain}");
        }
        // A line that is not text is not skipped either: anyone could have written the entries before it.
        assert_eq!(found(&[b"203.0.113.9", b"\xff\xfe"]), "10.0.0.1");
        assert_eq!(found(&[b"203.0.113.9", b"\xff, 198.51.100.7:80"]), "198.51.100.7");
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.9:80"));
        for trusted in [&[][..], &["10.0.0.2/32".parse().unwrap()]] {
            assert_eq!(peer_of("10.0.0.1".parse().ok(), &headers, trusted).to_string(), "10.0.0.1");
        }
        let mapped = "::ffff:10.0.0.1".parse().ok();
        assert_eq!(peer_of(mapped, &headers, &["10.0.0.0/8".parse().unwrap()]).to_string(), "203.0.113.9");
    }

    #[test]
    fn a_proxy_on_a_unix_socket_is_believed_and_nobody_before_it() {
        let mut headers = HeaderMap::new();
        assert_eq!(peer_of(None, &headers, &[]).to_string(), "127.0.0.1");
        headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.9, 198.51.100.7"));
        assert_eq!(peer_of(None, &headers, &[]).to_string(), "198.51.100.7");
        assert_eq!(peer_of(None, &headers, &["198.51.100.7/32".parse().unwrap()]).to_string(), "203.0.113.9");
        headers.append("x-forwarded-for", HeaderValue::from_static("unix:"));
        assert_eq!(peer_of(None, &headers, &[]).to_string(), "127.0.0.1");
    }
}
