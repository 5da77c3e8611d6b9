//! A receiver of webhooks that remembers what it was sent.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::eventually;

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    /// By name, in small letters.
    pub headers: BTreeMap<String, String>,
    /// As it came.
    pub body: String,
}

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It answers with this status.
    Status(u16),
    /// It never answers.
    Silence,
}

#[derive(Default)]
struct Memory {
    received: Vec<Received>,
    replies: VecDeque<Reply>,
}

/// Listens on loopback, in the test's process.
pub struct Receiver {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    server: JoinHandle<()>,
}

impl Receiver {
    /// Starts one that answers with `replies` in their order, and then with 204.
    ///
    /// # Panics
    /// Where it cannot listen on loopback.
    pub async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let memory = Memory { replies: replies.iter().copied().collect(), ..Memory::default() };
        let memory = Arc::new(Mutex::new(memory));
        let shared = Arc::clone(&memory);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let memory = Arc::clone(&shared);
                // A sender that hangs up is no failure of the receiver.
                tokio::spawn(async move { serve(socket, &memory).await.ok() });
            }
        });
        Self { address, memory, server }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What has come so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).received.clone()
    }

    /// Waits for so many requests; what has come then.
    ///
    /// # Panics
    /// Where they do not come.
    pub async fn after(&self, count: usize) -> Vec<Received> {
        let what = format!("{count} requests at the receiver");
        eventually(&what, || async { Some(self.received()).filter(|received| received.len() >= count) }).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(socket: TcpStream, memory: &Mutex<Memory>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    loop {
        line.clear();
        socket.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    let reply = {
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.received.push(Received { headers, body: String::from_utf8_lossy(&body).into_owned() });
        memory.replies.pop_front().unwrap_or(Reply::Status(204))
    };
    match reply {
        Reply::Status(status) => {
            let answer = format!("HTTP/1.1 {status} Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            socket.write_all(answer.as_bytes()).await
        }
        // Until the sender hangs up.
        Reply::Silence => socket.read_to_end(&mut Vec::new()).await.map(drop),
    }
}
