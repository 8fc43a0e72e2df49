//! `examples/server.rs`: what it answers, what it does when too much is asked of it, and how it stops.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(all(feature = "text", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use clip_vision::{ClipVision, Image, Options};
use common::programs::example;
use common::{golden, max_difference, root};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// As in the example.
const PLACES: usize = 128;

/// A server that runs; it ends when the test does.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it on a free port.
    fn start(index: Option<&Path>) -> Self {
        // It has as many files as this process may have.
        #[cfg(unix)]
        let _ = rlimit::increase_nofile_limit(8192);
        let arguments = [root().join("models/shapes").display().to_string(), "127.0.0.1:0".to_owned()];
        let mut child = example("server").args(arguments).args(index).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://").trim_end_matches("/embed").to_owned();
        Self { child, address }
    }

    async fn post(&self, path: &str, body: &[u8]) -> Answer {
        ask(&self.address, "POST", path, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        ask(&self.address, "GET", path, b"").await.unwrap()
    }

    /// A number of `/metrics`.
    async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.body;
        let line = text.lines().find(|line| line.starts_with(name));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Memory that it has of the machine's, in KiB, where that can be read.
    fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn head(address: &str, method: &str, path: &str, len: usize) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n")
}

async fn ask(address: &str, method: &str, path: &str, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&[head(address, method, path, body.len()).as_bytes(), body].concat()).await?;
    read(stream).await
}

async fn read(mut stream: TcpStream) -> std::io::Result<Answer> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let cut = || std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the answer is cut short");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    let len = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if len.is_some_and(|len| len.parse() != Ok(body.len())) {
        return Err(cut());
    }
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

fn model() -> ClipVision {
    ClipVision::from_dir(root().join("models/shapes"), Options::default()).unwrap()
}

/// A small drawing, another one for each number: a BMP of 24×24.
fn drawing(number: usize) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for value in [54 + 24 * 72, 0, 54, 40, 24, 24] {
        file.extend((value as u32).to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    file.resize(54, 0);
    file.extend(
        (0..24 * 72)
            .map(|at: usize| if (at / 3 + at / 72).is_multiple_of(number + 2) { 20 * number } else { 230 } as u8),
    );
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_with_embeddings_and_with_errors() {
    let server = Server::start(None);
    let photo = golden("images/rgb-500x375.png");
    let answer = server.post("/embed", &std::fs::read(&photo).unwrap()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let embedding: Vec<f32> = serde_json::from_str(&answer.body).unwrap();
    assert!(max_difference(&embedding, &model().embed(Image::from_path(photo)).unwrap()) < 1e-5);

    assert_eq!(server.post("/embed", b"no photo").await.status, 422);
    assert_eq!(server.post("/embed", &vec![0; (16 << 20) + 1]).await.status, 413);
    assert_eq!(server.get("/embed").await.status, 405);
    assert_eq!(server.get("/search?text=dog").await.status, 404, "it has no index");
    assert_eq!(server.get("/health").await.status, 200);
    assert_eq!(server.metric("clip_vision_requests_total{path=\"/embed\",status=\"422\"}").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_searches_by_a_photo_and_by_a_text() {
    let clip = model();
    let names = ["photo-420.jpg", "rgb-500x375.png", "gray.png"];
    let embeddings = names.map(|name| clip.embed(Image::from_path(golden(&format!("images/{name}")))).unwrap());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("server.jsonl");
    let mut out = std::fs::File::create(&file).unwrap();
    for (name, embedding) in names.iter().zip(&embeddings) {
        writeln!(out, "{}", json!({ "path": name, "embedding": embedding })).unwrap();
    }
    let server = Server::start(Some(&file));
    let photo = std::fs::read(golden("images/rgb-500x375.png")).unwrap();
    let found: Value = serde_json::from_str(&server.post("/search?top=1", &photo).await.body).unwrap();
    assert_eq!(found[0]["path"], "rgb-500x375.png", "{found}");
    assert!(found[0]["score"].as_f64().unwrap() > 0.99999 && found.as_array().unwrap().len() == 1, "{found}");

    let found: Value = serde_json::from_str(&server.get("/search?text=a%20red%20heart").await.body).unwrap();
    let text = clip.embed_text("a red heart").unwrap();
    let cosine = |embedding: &[f32]| text.iter().zip(embedding).map(|(a, b)| a * b).sum::<f32>();
    let mut expected: Vec<(&str, f32)> = names.into_iter().zip(embeddings.iter().map(|row| cosine(row))).collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (found, (name, score)) in found.as_array().unwrap().iter().zip(expected) {
        assert_eq!(found["path"], name, "{found}");
        assert!((found["score"].as_f64().unwrap() as f32 - score).abs() < 1e-5, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_places_it_says_when_to_come_back() {
    let server = Server::start(None);
    // Clients that take all places and send nothing.
    let mut slow = Vec::new();
    for _ in 0..PLACES {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(head(&server.address, "POST", "/embed", 1000).as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let taken = || server.metric("clip_vision_places_taken ");
    wait_until(async || taken().await == PLACES as f64).await;
    let answer = server.post("/embed", &drawing(1)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.head.lines().any(|line| line == "retry-after: 1"), "{answer:?}");
    assert_eq!(server.get("/health").await.status, 200);

    // They go: their places are free again.
    drop(slow);
    wait_until(async || taken().await == 0.0).await;
    assert_eq!(server.post("/embed", &drawing(1)).await.status, 200);
}

async fn wait_until(true_at_last: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !true_at_last().await {
        assert!(start.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client that comes back as often as it is told to: how often it asked, and how long its answer took.
async fn persist(address: &str, photo: &[u8], expected: &[f32], seed: u64) -> std::io::Result<(u64, Duration)> {
    let start = Instant::now();
    for times in 1.. {
        let answer = ask(address, "POST", "/embed", photo).await?;
        if answer.status == 200 {
            let embedding: Vec<f32> = serde_json::from_str(&answer.body)?;
            assert!(max_difference(&embedding, expected) < 1e-5, "the answer is another client's");
            return Ok((times, start.elapsed()));
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        // As a client should: no earlier than it was told, and not all at once.
        tokio::time::sleep(Duration::from_millis(1000 + (seed * 7919 + times * 104_729) % 1000)).await;
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_at_a_time_are_all_answered() {
    const CLIENTS: u64 = 1000;
    let server = Server::start(None);
    let clip = model();
    let photos: Vec<(Vec<u8>, Vec<f32>)> =
        (0..12).map(|number| (drawing(number), clip.embed(Image::from_bytes(drawing(number))).unwrap())).collect();
    let (address, photos) = (Arc::<str>::from(server.address.as_str()), Arc::new(photos));
    let mut asked = 0;
    let mut times = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..3 {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (address, photos) = (Arc::clone(&address), Arc::clone(&photos));
            clients.spawn(async move {
                let (photo, expected) = &photos[client as usize % photos.len()];
                persist(&address, photo, expected, client).await
            });
        }
        while let Some(client) = clients.join_next().await {
            let (times_asked, time) = client.unwrap().unwrap();
            asked += times_asked;
            times.push(time);
        }
        resident.extend(server.resident());
    }
    assert_eq!(times.len() as u64, 3 * CLIENTS);
    let counted = |status: u32| {
        let name = format!("clip_vision_requests_total{{path=\"/embed\",status=\"{status}\"}}");
        let server = &server;
        async move { server.metric(&name).await as u64 }
    };
    let (answered, refused) = (counted(200).await, counted(503).await);
    assert_eq!((answered, answered + refused), (3 * CLIENTS, asked), "no request is lost");
    let batches = server.metric("clip_vision_batch_size_count").await;
    assert!(batches < answered as f64 / 2.0, "{batches} batches for {answered} requests");

    times.sort_unstable();
    let [median, p99] = [50, 99].map(|percent| times[times.len() * percent / 100].as_millis());
    // Past the test harness, which keeps what a test prints to itself.
    let _ = writeln!(
        std::io::stderr(),
        "server: {answered} answers to {CLIENTS} clients at a time, {refused} times told to come back; median {median} ms, \
         p99 {p99} ms, the waits among it; {:.1} in a batch; RSS in KiB after each thousand: {resident:?}",
        answered as f64 / batches,
    );
    if let [first, .., last] = resident.as_slice() {
        assert!(*last < first + 32 * 1024, "memory grows: {resident:?} KiB");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_all_that_it_took_is_answered() {
    let mut server = Server::start(None);
    let mut clients = JoinSet::new();
    for number in 0..100 {
        let address = server.address.clone();
        clients.spawn(async move { ask(&address, "POST", "/embed", &drawing(number % 12)).await });
    }
    // One that the signal finds in the middle of its photo.
    let mut slow = TcpStream::connect(&server.address).await.unwrap();
    slow.write_all(head(&server.address, "POST", "/embed", drawing(1).len()).as_bytes()).await.unwrap();
    wait_until(async || server.metric("clip_vision_places_taken ").await >= 1.0).await;
    let mut answered =
        clients.join_next().await.map(|client| client.unwrap().unwrap().status).into_iter().collect::<Vec<_>>();

    let kill = std::process::Command::new("kill").arg(server.child.id().to_string()).status().unwrap();
    assert!(kill.success());
    wait_until(async || TcpStream::connect(&server.address).await.is_err()).await;
    assert!(server.child.try_wait().unwrap().is_none(), "it still has a request");
    slow.write_all(&drawing(1)).await.unwrap();
    assert_eq!(read(slow).await.unwrap().status, 200);
    while let Some(client) = clients.join_next().await {
        // Those that it had not taken yet are refused or cut off by the system, and know that.
        answered.extend(client.unwrap().ok().map(|answer| answer.status));
    }
    assert!(answered.iter().all(|status| *status == 200), "{answered:?}");
    assert!(server.child.wait().unwrap().success());
}
