//! Asks one pod as fast as it answers, over a new connection each time, from a few clients at once.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::report::Requests;
use super::statistics::percentile;

/// How many ask at once.
const CLIENTS: usize = 4;
/// How long they ask.
const ASKED: Duration = Duration::from_secs(3);
/// What is not counted before.
const WARM_UP: Duration = Duration::from_millis(500);
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n";
const ANSWER_BYTES_MAX: u64 = 4096;

/// What the pod at `address` answers.
///
/// # Errors
/// It answers nothing.
pub(crate) async fn measure(address: SocketAddr) -> Result<Requests> {
    ask_for(address, WARM_UP).await;
    let started = Instant::now();
    let (times, failed) = ask_for(address, ASKED).await;
    let seconds = started.elapsed().as_secs_f64();
    let p50_us = percentile(&times, 50.0).with_context(|| format!("the pod at {address} answers nothing"))?;
    let p99_us = percentile(&times, 99.0).unwrap_or(p50_us);
    Ok(Requests { per_second: times.len() as f64 / seconds, p50_us, p99_us, failed })
}

/// The microseconds of each request that was answered, and how many were not.
async fn ask_for(address: SocketAddr, duration: Duration) -> (Vec<f64>, u64) {
    let deadline = Instant::now() + duration;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(async move {
            let (mut times, mut failed) = (Vec::new(), 0);
            while Instant::now() < deadline {
                let started = Instant::now();
                match tokio::time::timeout(PATIENCE, ask(address)).await {
                    Ok(Ok(())) => times.push(started.elapsed().as_secs_f64() * 1e6),
                    Ok(Err(_)) | Err(_) => failed += 1,
                }
            }
            (times, failed)
        });
    }
    let all = clients.join_all().await;
    let failed = all.iter().map(|(_, failed)| failed).sum();
    (all.into_iter().flat_map(|(times, _)| times).collect(), failed)
}

async fn ask(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    (&mut stream).take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 200") || !answer.ends_with(b"hello\n") {
        bail!("this is no greeting");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn only_whole_greetings_count() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            for answer in
                ["HTTP/1.1 200 OK\r\n\r\nhello\n", "HTTP/1.1 500 No\r\n\r\nhello\n", "HTTP/1.1 200 OK\r\n\r\nhel"]
            {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; REQUEST.len()];
                stream.read_exact(&mut request).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        assert!(ask(address).await.is_ok());
        assert!(ask(address).await.is_err());
        assert!(ask(address).await.is_err());
        server.await.unwrap();
        assert!(measure(address).await.is_err(), "nobody is there");
    }
}
