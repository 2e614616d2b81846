//! Certificates for servers with TLS, made anew for each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Files in PEM: what a client needs to trust a server and to be trusted, and an authority that signed neither.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Certificates {
    /// The authority that signed the certificates of the server and of the client.
    pub ca: PathBuf,
    /// An authority that signed nothing: who trusts only this must refuse the server.
    pub other_ca: PathBuf,
    /// A certificate for clients.
    pub client: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    pub(super) server: PathBuf,
    pub(super) server_key: PathBuf,
}

impl Certificates {
    /// Makes all files in a folder. The server's certificate is valid for the given hosts only.
    pub(super) fn create(folder: &Path, hosts: &[String]) -> io::Result<Self> {
        let files = Self {
            ca: folder.join("ca.pem"),
            other_ca: folder.join("other-ca.pem"),
            client: folder.join("client.pem"),
            client_key: folder.join("client.key"),
            server: folder.join("server.pem"),
            server_key: folder.join("server.key"),
        };
        files.write(hosts).map_err(io::Error::other)?;
        Ok(files)
    }

    fn write(&self, hosts: &[String]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let issuer = authority("the authority", &self.ca)?;
        authority("another authority", &self.other_ca)?;
        for (name, hosts, certificate, key) in [
            ("the server", hosts.to_vec(), &self.server, &self.server_key),
            ("the client", Vec::new(), &self.client, &self.client_key),
        ] {
            let pair = KeyPair::generate()?;
            let signed = params(name, hosts)?.signed_by(&pair, &issuer)?;
            fs::write(certificate, signed.pem())?;
            fs::write(key, pair.serialize_pem())?;
        }
        Ok(())
    }
}

/// Returns what a certificate says. Names differ: a certificate whose issuer has its own name looks self-signed.
fn params(name: &str, hosts: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

/// Makes an authority and writes its certificate.
fn authority(
    name: &str,
    file: &Path,
) -> Result<Issuer<'static, KeyPair>, Box<dyn std::error::Error + Send + Sync>> {
    let pair = KeyPair::generate()?;
    let mut params = params(name, Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(file, params.self_signed(&pair)?.pem())?;
    Ok(Issuer::new(params, pair))
}
