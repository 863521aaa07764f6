//! A sandbox: it binds a port and serves.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use url::Url;

use crate::control::wire::{CuttableListener, Shears};
use crate::ground::options::Options;
use crate::memory::app::{App, AppState};
use crate::router::router;

/// A stand-in for Globus, bound to its port and ready to be served. All clones are the same sandbox: serving a clone
/// continues with the same port and state.
#[derive(Clone)]
pub struct Sandbox {
    listener: Arc<TcpListener>,
    app: AppState,
}

impl Sandbox {
    /// Binds the port and starts generating the signing key, without waiting for it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an address that is not loopback when no public URL was given: anyone can sign in here as anyone,
    /// so other machines may reach it only on purpose. Otherwise the error of binding the port.
    pub async fn bind(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() && options.public_url.is_none() {
            return Err(invalid(format!(
                "the sandbox listens on loopback only, and {} is not: use 127.0.0.1 or [::1], or give it a public URL",
                options.listen.ip()
            )));
        }
        let public = options.public_url.as_ref().map(public_base).transpose()?;
        let listener = TcpListener::bind(options.listen).await?;
        let local = local_address(listener.local_addr()?);
        let app = Arc::new(App::new(options, public, local));
        Ok(Self { listener: Arc::new(listener), app })
    }

    /// The one base URL of all services, without a trailing slash: the public URL if there is one. It is also the issuer
    /// of the `id_token`s.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.app.base_url.clone()
    }

    /// The base URL for programs on this machine, which may be unable to reach the public one.
    #[must_use]
    pub fn local_url(&self) -> String {
        self.app.local_url.clone()
    }

    /// Serves until `shutdown` completes.
    ///
    /// # Errors
    ///
    /// The errors of the listening socket.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        tracing::info!(base_url = self.app.base_url, "sandbox: listening");
        let tls = self.app.tls.clone();
        let service = router(self.app).into_make_service_with_connect_info::<Shears>();
        axum::serve(CuttableListener { listener: self.listener, tls }, service).with_graceful_shutdown(shutdown).await
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// A public URL as the base of all URLs that the sandbox hands out.
fn public_base(url: &Url) -> io::Result<String> {
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && bare && anonymous && url.has_host() {
        return Ok(url.origin().ascii_serialization());
    }
    Err(invalid(format!("the public URL of the sandbox must be like http://host:5001, and {} is not", url.scheme())))
}

/// The address by which programs on this machine reach a socket.
fn local_address(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}
