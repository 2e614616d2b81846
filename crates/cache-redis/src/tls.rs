//! TLS: which authority is trusted and who the client is. Certificate and host name are always verified.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cache_core::Result;
#[cfg(feature = "sentinel")]
use deadpool_redis::redis::ConnectionAddr;
use deadpool_redis::redis::{ClientTlsConfig, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;
use tokio_rustls::TlsConnector;

use crate::{error, pem};

/// What the files are called in errors.
const CA: &str = "CA file";
const CLIENT: &str = "client certificate";
const KEY: &str = "client key";

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

    /// Reads the files, once for all connections.
    pub(crate) fn load(&self) -> Result<Trust> {
        let provider = provider();
        let mut roots = RootCertStore::empty();
        let root_cert = match &self.ca {
            Some(path) => {
                let pem = read(CA, path)?;
                for authority in certificates(CA, path, &pem)? {
                    roots.add(authority).map_err(|_| error::bad_pem(CA, path))?;
                }
                pem
            }
            None => system_authorities(&mut roots),
        };
        if roots.is_empty() {
            return Err(error::no_authorities());
        }
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(error::bad_tls)?
            .with_root_certificates(roots);
        let (config, client_tls) = match &self.client {
            None => (config.with_no_client_auth(), None),
            Some((chain, key)) => {
                let (client_cert, client_key) = (read(CLIENT, chain)?, read(KEY, key)?);
                let parsed_key =
                    PrivateKeyDer::from_pem_slice(&client_key).map_err(|_| error::bad_pem(KEY, key))?;
                let config = config
                    .with_client_auth_cert(certificates(CLIENT, chain, &client_cert)?, parsed_key)
                    .map_err(error::bad_tls)?;
                let client_tls = ClientTlsConfig {
                    client_cert,
                    client_key,
                };
                (config, Some(client_tls))
            }
        };
        Ok(Trust {
            connector: TlsConnector::from(Arc::new(config)),
            certificates: TlsCertificates {
                client_tls,
                root_cert: Some(root_cert),
            },
        })
    }
}

/// What was made of the files.
pub(crate) struct Trust {
    /// For the connections that are made here.
    pub(crate) connector: TlsConnector,
    /// For those that the client library makes, to Sentinels.
    #[cfg_attr(
        not(feature = "sentinel"),
        expect(dead_code, reason = "it makes none to others")
    )]
    pub(crate) certificates: TlsCertificates,
}

/// The cryptography of the process, or ring. The client library takes that of the process too.
fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // If another thread was faster, that one is as good.
        drop(ring::default_provider().install_default());
    }
    CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone)
}

/// Makes the address of a server one with TLS.
#[cfg(feature = "sentinel")]
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

/// Adds the authorities of the system and returns them as a file would have them. The client library would read them again
/// for each connection that it makes, if it were not told of any.
fn system_authorities(roots: &mut RootCertStore) -> Vec<u8> {
    let mut pem = Vec::new();
    for authority in load_native_certs().certs {
        let encoded = pem::encode(&authority);
        // A system may have some of a kind that is not known here.
        if roots.add(authority).is_ok() {
            pem.extend(encoded);
        }
    }
    pem
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|cause| error::bad_file(what, path, cause))
}

/// Takes a file apart that holds at least one certificate.
fn certificates(what: &str, path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| error::bad_pem(what, path))
}
