//! TLS: which authority is trusted and who the client is. Certificate and host name are always verified.

use std::path::{Path, PathBuf};

use cache_core::Result;
use deadpool_redis::redis::{ClientTlsConfig, ConnectionAddr, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error;

/// How a connection is secured. The certificate of the server and its host name are verified, always.
///
/// ```no_run
/// # fn main() -> cache_core::Result<()> {
/// use cache_redis::{RedisBackend, Tls};
///
/// let tls = Tls::new().ca_file("/etc/redis/ca.pem");
/// let backend = RedisBackend::builder().host("cache.internal").port(6380).tls(tls).build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "settings do nothing until they are given to a builder"]
pub struct Tls {
    ca: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Returns settings that trust the authorities of the system and name no client.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the authorities in this file, in the form of PEM, instead of those of the system.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(path.into());
        self
    }

    /// Shows the server a certificate, for servers that want to know their clients: the chain and its private key, in
    /// the form of PEM.
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client = Some((chain.into(), key.into()));
        self
    }

    /// Reads the files.
    pub(crate) fn load(&self) -> Result<TlsCertificates> {
        if CryptoProvider::get_default().is_none() {
            // The client library takes the one of the process. If another thread was faster, that one is as good.
            drop(ring::default_provider().install_default());
        }
        let root_cert = self
            .ca
            .as_deref()
            .map(|path| chain("CA file", path))
            .transpose()?;
        let client_tls = match &self.client {
            Some((certificates, key)) => Some(ClientTlsConfig {
                client_cert: chain("client certificate", certificates)?,
                client_key: private_key(key)?,
            }),
            None => None,
        };
        Ok(TlsCertificates {
            client_tls,
            root_cert,
        })
    }
}

/// Makes the address of a server one with TLS.
pub(crate) fn with_tls(address: ConnectionAddr) -> Result<ConnectionAddr> {
    match address {
        ConnectionAddr::Tcp(host, port) => Ok(ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }),
        ConnectionAddr::Unix(_) => Err(error::tls_on_a_socket()),
        secured => Ok(secured),
    }
}

/// Reads a file that holds at least one certificate.
fn chain(what: &str, path: &Path) -> Result<Vec<u8>> {
    let pem = std::fs::read(path).map_err(|cause| error::bad_file(what, path, cause))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        drop(certificate.map_err(|_| error::bad_pem(what, path))?);
        found += 1;
    }
    if found == 0 {
        return Err(error::bad_pem(what, path));
    }
    Ok(pem)
}

fn private_key(path: &Path) -> Result<Vec<u8>> {
    const WHAT: &str = "client key";
    let pem = std::fs::read(path).map_err(|cause| error::bad_file(WHAT, path, cause))?;
    drop(PrivateKeyDer::from_pem_slice(&pem).map_err(|_| error::bad_pem(WHAT, path))?);
    Ok(pem)
}
