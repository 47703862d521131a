//! TLS of the API, where a certificate is configured.
//!
//! The files are looked at with each connection and read again once they change, so that a renewed certificate needs no
//! restart. Files with a fault leave the old certificate in force.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsConfig;

/// The reason why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("server.tls.{key} cannot be read: {reason}")]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// Reason.
        reason: String,
    },
    /// Certificate and key do not go together, or are not supported.
    #[error("server.tls: the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Whether a request came by TLS, without a proxy before this service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByTls(pub(crate) bool);

/// Times of the last change of both files.
type Stamp = [Option<SystemTime>; 2];

/// TLS with a certificate that may change.
#[derive(Debug)]
pub struct Tls {
    files: TlsConfig,
    current: RwLock<(Stamp, Arc<rustls::ServerConfig>)>,
}

impl Tls {
    /// Reads the certificate.
    pub fn read(files: &TlsConfig) -> Result<Self, TlsError> {
        let current = (stamp(files), Arc::new(load(files)?));
        Ok(Self { files: files.clone(), current: RwLock::new(current) })
    }

    /// Makes the handshake on a new connection. The caller limits its time.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.current()).accept(stream).await
    }

    fn current(&self) -> Arc<rustls::ServerConfig> {
        let now = stamp(&self.files);
        let (of, config) = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if of == now {
            return config;
        }
        let config = match load(&self.files) {
            Ok(changed) => {
                tracing::info!("the certificate of the API was read again");
                Arc::new(changed)
            }
            Err(error) => {
                tracing::error!(%error, "the new certificate cannot be used: the old one stays in force");
                config
            }
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (now, Arc::clone(&config));
        config
    }
}

fn stamp(files: &TlsConfig) -> Stamp {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    [changed(&files.cert_file), changed(&files.key_file)]
}

fn load(files: &TlsConfig) -> Result<rustls::ServerConfig, TlsError> {
    let fault = |key, reason: String| TlsError::File { key, reason };
    let chain = CertificateDer::pem_file_iter(&files.cert_file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| fault("cert_file", error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file);
    let key = key.map_err(|error| fault("key_file", error.to_string()))?;
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
