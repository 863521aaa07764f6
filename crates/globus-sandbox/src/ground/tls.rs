//! TLS for the manager of Globus Connect Server, the only service here that tools insist on calling over `https`. The
//! sandbox is its own CA; `GET /sandbox/ca.pem` serves the CA certificate.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// TLS whose key and certificate are made on first use: most sandboxes never need them.
pub(crate) struct Tls {
    names: Vec<String>,
    made: OnceLock<Option<Made>>,
}

struct Made {
    acceptor: TlsAcceptor,
    authority: String,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Tls {
    /// For loopback and one more host.
    pub(crate) fn new(host: Option<&str>) -> Self {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.extend(host.filter(|host| host.parse::<IpAddr>().is_ok() || is_name(host)).map(str::to_owned));
        Self { names, made: OnceLock::new() }
    }

    /// Accepts TLS connections; `None` if the certificate could not be made.
    pub(crate) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.made().map(|made| made.acceptor.clone())
    }

    /// The CA certificate that a client must trust (PEM).
    pub(crate) fn authority(&self) -> Option<&str> {
        self.made().map(|made| made.authority.as_str())
    }

    fn made(&self) -> Option<&Made> {
        let make = || {
            let made = make(&self.names);
            made.inspect_err(|error| tracing::error!(error = %error, "sandbox: cannot speak TLS")).ok()
        };
        self.made.get_or_init(make).as_ref()
    }
}

fn make(names: &[String]) -> Result<Made, Failure> {
    let issuer = CertifiedIssuer::self_signed(authority()?, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = leaf(names)?.signed_by(&key, &issuer)?;
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    Ok(Made { acceptor: TlsAcceptor::from(Arc::new(config)), authority: issuer.pem() })
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "Sandbox of Globus: nothing here is real");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, "Sandbox of Globus Connect Server");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
