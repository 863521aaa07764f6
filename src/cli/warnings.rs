//! Warnings about settings that work but look wrong, for `serve` and `check`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use crate::{clock::Clock, settings::Settings};

/// How long a connection to this machine may take.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// All warnings. Call it before the portal listens.
pub(super) async fn of(settings: &Settings) -> Vec<String> {
    let mut warnings = settings.warnings.clone();
    warnings.extend(expired(settings, &Clock::system()));
    warnings.extend(other_listener(settings).await);
    warnings
}

/// An expired security.txt is not served.
fn expired(settings: &Settings, clock: &Clock) -> Option<String> {
    let is_old = settings.security_txt.as_ref().is_some_and(|security| security.expires <= clock.now());
    is_old.then(|| "SECURITY_EXPIRES has passed, so there is no /.well-known/security.txt: set a new time".to_owned())
}

/// Whether another program has the port at the other address that `localhost` stands for: browsers try both, ::1 first.
async fn other_listener(settings: &Settings) -> Option<String> {
    let host = settings.server_name.split(':').next().unwrap_or_default();
    if host != "localhost" && !host.ends_with(".localhost") {
        return None;
    }
    let listen = settings.listen.tcp()?;
    let other: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip == Ipv4Addr::LOCALHOST || ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv4Addr::LOCALHOST.into(),
        // `[::]` covers both, and no other address is `localhost`.
        _ => return None,
    };
    let other = SocketAddr::new(other, listen.port());
    let connection = timeout(CONNECT_WITHIN, TcpStream::connect(other)).await.ok()?.ok()?;
    // Without a listener, a connection can connect to itself if the system picks the same local port.
    let is_other = connection.local_addr().is_ok_and(|own| own != other);
    is_other.then(|| {
        format!(
            "another program listens on {other}, and browsers that open {host} may reach it instead of this portal on \
             {listen}: stop it, or choose another port with LISTEN and SERVER_NAME"
        )
    })
}
