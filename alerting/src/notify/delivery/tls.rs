//! TLS towards receivers: who is trusted, and who we are.

use crate::notify::configuration::TlsConfig;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Connects over http and https. Blocks while it reads files.
pub fn connector(config: &TlsConfig) -> Result<HttpsConnector<HttpConnector>, String> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(config)?);
    let mut builder = builder.https_or_http();
    if let Some(name) = &config.server_name {
        let server = ServerName::try_from(name.clone())
            .map_err(|_| format!("tls_config: '{name}' is not the name of a server"))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(server));
    }
    Ok(builder.enable_http1().build())
}

fn client_config(config: &TlsConfig) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(config)?);
    let mut tls = match (&config.cert_file, &config.key_file) {
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("tls_config.key_file {}: {error}", key.display()))?;
            let chain = certificates(certificate)?;
            let with_us = builder.with_client_auth_cert(chain, key);
            with_us.map_err(|error| format!("tls_config.cert_file: {error}"))?
        }
        _ => builder.with_no_client_auth(),
    };
    if config.insecure_skip_verify {
        tls.dangerous().set_certificate_verifier(Arc::new(AnyCertificate(provider)));
    }
    Ok(tls)
}

/// Those of `ca_file`, or those this machine trusts, read once.
fn roots(config: &TlsConfig) -> Result<RootCertStore, String> {
    static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();
    let Some(path) = &config.ca_file else {
        let system = SYSTEM.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        });
        return Ok(system.clone());
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("tls_config.ca_file: {error}"))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error| format!("tls_config {}: {error}", path.display());
    CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)
}

/// `insecure_skip_verify`: whoever answers is believed, though the handshake itself must be sound.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
