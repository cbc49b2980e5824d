//! TLS between the shopper and the CDN: an authority of the shop's own, made when it starts and never stored, a good
//! certificate, and one that has expired.

use crate::Error;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;

/// The name that the certificates are for.
pub const HOST: &str = "cdn.shop.test";

/// Both ends of TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    pub client: Arc<ClientConfig>,
    pub good: Arc<ServerConfig>,
    pub expired: Arc<ServerConfig>,
}

pub fn make() -> Result<Tls, Error> {
    let failed = |error: rcgen::Error| Error::Certificate(error.to_string());
    let refused = |error: rustls::Error| Error::Certificate(error.to_string());
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "shop demo authority");
    let key = KeyPair::generate().map_err(failed)?;
    let root = authority.self_signed(&key).map_err(failed)?;
    let issuer = Issuer::new(authority, key);

    let server = |until_year: i32| -> Result<Arc<ServerConfig>, Error> {
        let mut params = CertificateParams::new(vec![HOST.to_owned()]).map_err(failed)?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until_year, 1, 1);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        server_config(chain, key).map(Arc::new).map_err(refused)
    };
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).map_err(refused)?;
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Tls { client: Arc::new(client), good: server(2120)?, expired: server(2021)? })
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    #[tokio::test]
    async fn the_good_certificate_is_taken_and_the_expired_one_refused() {
        let tls = make().unwrap();
        for (server, is_taken) in [(tls.good.clone(), true), (tls.expired.clone(), false)] {
            let (near, far) = tokio::io::duplex(16384);
            let accepting = TlsAcceptor::from(server);
            let accepted = tokio::spawn(async move { accepting.accept(far).await.map(drop) });
            let name = ServerName::try_from(HOST).unwrap();
            let connected = TlsConnector::from(tls.client.clone()).connect(name, near).await;
            assert_eq!(connected.is_ok(), is_taken);
            if let Err(error) = connected {
                assert!(error.to_string().contains("expired"), "{error}");
            }
            let _ = accepted.await.unwrap();
        }
    }
}
