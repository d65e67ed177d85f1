//! Judges servers as rustls and webpki do; see tests/verifiers/stream.py for what it reads and writes.
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::error::Error;
use std::io::{stdin, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn greeting(address: &str, name: &str, anchors: &str, crls: &str) -> Result<(), Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for anchor in CertificateDer::pem_file_iter(anchors)? {
        roots.add(anchor?)?;
    }
    let mut verifier = WebPkiServerVerifier::builder(Arc::new(roots));
    if !crls.is_empty() {
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_file_iter(crls)?.collect();
        verifier = verifier.with_crls(lists?).enforce_revocation_expiration();
    }
    let config = ClientConfig::builder()
        .with_webpki_verifier(verifier.build()?)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned())?;
    let socket = TcpStream::connect_timeout(&address.parse::<SocketAddr>()?, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    let mut line = Vec::new();
    BufReader::new(StreamOwned::new(connection, socket)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err("closed".into());
    }
    Ok(())
}

fn main() {
    for line in stdin().lock().lines() {
        let line = line.expect("UTF-8");
        let field: Vec<&str> = line.split('\t').collect();
        match greeting(
            &format!("{}:{}", field[1], field[2]),
            field[3],
            field[4],
            field[5],
        ) {
            Ok(()) => println!("{}\taccepted\t", field[0]),
            Err(error) => {
                let words = error.to_string();
                println!(
                    "{}\trejected\t{}",
                    field[0],
                    words.split_whitespace().collect::<Vec<_>>().join(" ")
                );
            }
        }
    }
}
