//! The sandbox's socket, which speaks HTTP, and HTTPS with a certificate that nobody trusts.
//!
//! Trouble with certificates is trouble before a platform can say anything, so that no answer can stand for it. Both
//! protocols share the port: the first byte of a connection tells which one is meant.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// The name in the certificate; nothing in the world has it.
const NAME: &str = "sandbox.invalid";

/// With this byte begins a handshake, and no request.
const HANDSHAKE: u8 = 0x16;

/// How long a new connection may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that have said what they are and wait to be served.
const WAITING: usize = 64;

/// How long nothing is accepted where accepting has failed, as without free file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Connections to the sandbox, plain or not.
pub struct SandboxListener {
    address: SocketAddr,
    connections: mpsc::Receiver<(SandboxConnection, SocketAddr)>,
    accepting: AbortHandle,
}

/// A connection to the sandbox.
pub type SandboxConnection = Either<TcpStream, TlsStream<TcpStream>>;

impl SandboxListener {
    /// Listens on a socket from now on. Wants a runtime around it.
    ///
    /// # Errors
    /// The socket has no address, or there can be no certificate.
    pub fn new(socket: TcpListener) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let acceptor = acceptor().map_err(io::Error::other)?;
        let (said, connections) = mpsc::channel(WAITING);
        let accepting = tokio::spawn(async move {
            loop {
                match socket.accept().await {
                    // Each by itself: one that says nothing keeps nobody waiting.
                    Ok((stream, from)) => drop(tokio::spawn(open(stream, from, acceptor.clone(), said.clone()))),
                    Err(error) => {
                        tracing::debug!(%error, "the sandbox could not accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
        Ok(Self { address, connections, accepting: accepting.abort_handle() })
    }
}

impl Drop for SandboxListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for SandboxListener {
    type Io = SandboxConnection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The task that accepts is gone, and with it every further connection.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Finds out what a connection is and hands it on; one that does not say in time, or breaks off, is closed.
async fn open(
    stream: TcpStream,
    from: SocketAddr,
    acceptor: TlsAcceptor,
    said: mpsc::Sender<(SandboxConnection, SocketAddr)>,
) {
    let opened = timeout(PATIENCE, async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first == [HANDSHAKE] {
            return Ok(Either::Right(acceptor.accept(stream).await?));
        }
        Ok::<_, io::Error>(Either::Left(stream))
    });
    if let Ok(Ok(connection)) = opened.await {
        // Nobody receives once the sandbox is being stopped.
        let _ = said.send((connection, from)).await;
    }
}

/// A certificate that the sandbox has signed itself, anew at every start.
fn acceptor() -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
