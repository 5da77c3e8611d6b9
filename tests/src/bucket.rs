//! A private S3-compatible store.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const NAME: &str = "uploads";
const KEY: &str = "workbench-tests";
const SECRET: &str = "a-secret-that-nobody-may-see";

/// A store with one bucket, which asks for signed requests. It runs in the test's process and ends with it.
pub struct Bucket {
    folder: TempDir,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Bucket {
    /// Starts a store.
    ///
    /// # Panics
    /// Where it cannot listen on loopback.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join(NAME)).expect("a bucket can be made");
        let files = FileSystem::new(folder.path()).expect("the folder is there");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    // A client that hangs up is no failure of the store.
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { folder, address, server }
    }

    /// Its address, as daemons are told.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of a folder in its bucket.
    #[must_use]
    pub fn uploads(&self, folder: &str) -> String {
        format!("s3://{NAME}/{folder}")
    }

    /// The variables that hold the keys.
    #[must_use]
    pub fn keys(&self) -> [(&'static str, &'static str); 2] {
        [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)]
    }

    /// What nobody may see.
    #[must_use]
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// Where an object of the bucket lies.
    #[must_use]
    pub fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join(NAME).join(key)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.server.abort();
    }
}
