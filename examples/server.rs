//! An HTTP service: the embeddings of photos, and what in an index is nearest to a photo or a text.
//!
//! ```sh
//! clip-vision index --model models/shapes photos -o photos.jsonl
//! cargo run --release --features tokio --example server -- models/shapes 127.0.0.1:8080 photos.jsonl
//! curl --data-binary @photo.jpg http://127.0.0.1:8080/embed
//! curl --data-binary @photo.jpg 'http://127.0.0.1:8080/search?top=5'
//! curl -G --data-urlencode 'text=a red heart' http://127.0.0.1:8080/search
//! curl http://127.0.0.1:8080/metrics
//! ```
//!
//! - **Back pressure**: a request takes one of `PLACES` places before its body is read, and a search one of as many until its
//!   answer. Where none is left it is answered with 503 and `Retry-After`, so memory is bounded whatever comes.
//! - **Batches**: photos are decoded on tokio's blocking threads, one for each core. One thread runs the model, each time on
//!   all that are ready then, up to `BATCH`.
//! - **Stopping**: on SIGTERM or Ctrl-C it takes no new connections, answers the requests that it has, and ends.
//!
//! It has no TLS and no limits for a single client: on the internet it stands behind a proxy that has.

// `main` waits for the server, on a thread that has nothing else to do.
#![allow(clippy::disallowed_methods)]

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clip_vision::image::PixelTensor;
use clip_vision::search::{Rows, top_k};
use clip_vision::{ClipVision, ErrorKind, Image, Options};
use prometheus::{
    Histogram, HistogramVec, IntCounterVec, IntGauge, Registry, TextEncoder, register_histogram_vec_with_registry,
    register_histogram_with_registry, register_int_counter_vec_with_registry, register_int_gauge_with_registry,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Requests that are being read, decoded or waiting for the model.
const PLACES: usize = 128;
/// Requests that the model answers together: more gain nothing on a CPU.
const BATCH: usize = 8;
/// Bytes that a photo may have. Times `PLACES` it is the memory that bodies can take.
const LARGEST_PHOTO: usize = 16 << 20;
/// How long a client may take to send its photo: it holds a place meanwhile.
const BODY_TIME: Duration = Duration::from_secs(30);
/// When a client that found no place may come again, in seconds.
const RETRY_AFTER: &str = "1";
/// How long requests have to end after the signal to stop.
const GRACE: Duration = Duration::from_secs(30);

/// What the model is asked for.
enum Input {
    Photo(PixelTensor),
    Text(String),
}

/// A request on its way to the model.
struct Job {
    input: Input,
    answer: oneshot::Sender<clip_vision::Result<Vec<f32>>>,
}

/// What all requests share.
struct Server {
    clip: Arc<ClipVision>,
    jobs: mpsc::Sender<Job>,
    index: Index,
    /// Places of searches, which come after the model.
    searches: Semaphore,
    metrics: Arc<Metrics>,
}

/// Embeddings to search among, one after the other, and their names.
#[derive(Default)]
struct Index {
    names: Vec<String>,
    rows: Vec<f32>,
}

impl Index {
    /// Reads what `clip-vision index -o FILE.jsonl` writes: a line `{"path": …, "embedding": […]}` for each photo.
    fn read(path: &str, dimension: usize) -> Result<Self, Box<dyn std::error::Error>> {
        #[derive(Deserialize)]
        struct Line {
            path: String,
            embedding: Vec<f32>,
        }
        let mut index = Self::default();
        for line in std::fs::read_to_string(path)?.lines() {
            let Line { path: name, embedding } = serde_json::from_str(line)?;
            if embedding.len() != dimension {
                let len = embedding.len();
                return Err(format!("{path}: {name} has {len} values, the model's embeddings {dimension}").into());
            }
            index.names.push(name);
            index.rows.extend(embedding);
        }
        Ok(index)
    }
}

/// What `/metrics` tells, in Prometheus' text format.
struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    batches: Histogram,
    places: IntGauge,
}

impl Metrics {
    fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let sizes = (1..=BATCH).map(|size| size as f64).collect();
        Ok(Self {
            requests: register_int_counter_vec_with_registry!(
                "clip_vision_requests_total",
                "Requests that were answered",
                &["path", "status"],
                registry
            )?,
            seconds: register_histogram_vec_with_registry!(
                "clip_vision_request_seconds",
                "From a request's head to its answer",
                &["path"],
                registry
            )?,
            batches: register_histogram_with_registry!(
                "clip_vision_batch_size",
                "Requests that the model answered together",
                sizes,
                registry
            )?,
            places: register_int_gauge_with_registry!(
                "clip_vision_places_taken",
                "Requests that are being read, decoded or waiting for the model",
                registry
            )?,
            registry,
        })
    }
}

/// An answer that is none.
struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        match status {
            StatusCode::SERVICE_UNAVAILABLE => (status, [(header::RETRY_AFTER, RETRY_AFTER)], message).into_response(),
            _ => (status, message).into_response(),
        }
    }
}

impl From<clip_vision::Error> for Failure {
    fn from(error: clip_vision::Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Decode | ErrorKind::UnsupportedFormat => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, format!("{error:#}"))
    }
}

fn busy() -> Failure {
    Failure(StatusCode::SERVICE_UNAVAILABLE, "too many requests at a time".to_owned())
}

fn internal(what: &str) -> Failure {
    Failure(StatusCode::INTERNAL_SERVER_ERROR, what.to_owned())
}

impl Server {
    /// A place in the queue, if there is one.
    fn place(&self) -> Result<mpsc::OwnedPermit<Job>, Failure> {
        self.jobs.clone().try_reserve_owned().map_err(|error| match error {
            TrySendError::Full(_) => busy(),
            TrySendError::Closed(_) => internal("the model has stopped"),
        })
    }

    /// The embedding of the photo in a request's body. The place goes with the photo: a client that has gone frees it no
    /// earlier than its work has ended.
    async fn embed_photo(&self, request: Request) -> Result<Vec<f32>, Failure> {
        let place = self.place()?;
        let photo = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &()))
            .await
            .map_err(|_| Failure(StatusCode::REQUEST_TIMEOUT, "the photo took too long".to_owned()))?
            .map_err(|rejection| Failure(rejection.status(), rejection.body_text()))?;
        let clip = Arc::clone(&self.clip);
        let (answer, answered) = oneshot::channel();
        tokio::task::spawn_blocking(move || match clip.measured_pixels(Image::from_bytes(photo), || 0.0) {
            Ok(measured) => drop(place.send(Job { input: Input::Photo(measured.tensor), answer })),
            Err(error) => drop(answer.send(Err(error))),
        });
        Ok(answered.await.map_err(|_| internal("the model has stopped"))??)
    }

    async fn embed_text(&self, text: String) -> Result<Vec<f32>, Failure> {
        let (answer, answered) = oneshot::channel();
        self.place()?.send(Job { input: Input::Text(text), answer });
        Ok(answered.await.map_err(|_| internal("the model has stopped"))??)
    }
}

/// Runs the model, on a thread of its own, until all senders are gone.
fn run_model(clip: &ClipVision, mut jobs: mpsc::Receiver<Job>, metrics: &Metrics) {
    let mut batch = Vec::with_capacity(BATCH);
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        // Without those whose clients have gone.
        batch.retain(|job: &Job| !job.answer.is_closed());
        if batch.is_empty() {
            continue;
        }
        metrics.batches.observe(batch.len() as f64);
        let (mut photos, mut texts) = (Vec::new(), Vec::new());
        for Job { input, answer } in batch.drain(..) {
            match input {
                Input::Photo(pixels) => photos.push((pixels, answer)),
                Input::Text(text) => texts.push((text, answer)),
            }
        }
        answer(photos, |photos| clip.embed_pixels_batch(photos));
        // Should texts fail together, each is tried by itself, and has its own error.
        answer(texts, |texts| match clip.embed_texts(texts) {
            Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
            Err(_) => texts.iter().map(|text| clip.embed_text(text)).collect(),
        });
    }
}

/// Answers inputs that are embedded together.
fn answer<T>(
    jobs: Vec<(T, oneshot::Sender<clip_vision::Result<Vec<f32>>>)>,
    embed: impl Fn(&[&T]) -> Vec<clip_vision::Result<Vec<f32>>>,
) {
    if jobs.is_empty() {
        return;
    }
    let (inputs, clients): (Vec<T>, Vec<_>) = jobs.into_iter().unzip();
    for (embedding, client) in embed(&inputs.iter().collect::<Vec<_>>()).into_iter().zip(clients) {
        // An error says that the client has gone.
        let _ = client.send(embedding);
    }
}

async fn embed(State(server): State<Arc<Server>>, request: Request) -> Result<Json<Vec<f32>>, Failure> {
    server.embed_photo(request).await.map(Json)
}

/// What follows the `?` of `/search`.
#[derive(Deserialize)]
struct Asked {
    text: Option<String>,
    #[serde(default = "ten")]
    top: usize,
}

fn ten() -> usize {
    10
}

#[derive(Serialize)]
struct Found {
    path: String,
    score: f32,
}

async fn search(
    State(server): State<Arc<Server>>,
    Query(Asked { text, top }): Query<Asked>,
    request: Request,
) -> Result<Json<Vec<Found>>, Failure> {
    if server.index.names.is_empty() {
        return Err(Failure(StatusCode::NOT_FOUND, "the server was started without an index".to_owned()));
    }
    // Held until the answer: a search may take longer than the model.
    let _place = server.searches.try_acquire().map_err(|_| busy())?;
    let query = match text {
        Some(text) => server.embed_text(text).await?,
        None => server.embed_photo(request).await?,
    };
    // A large index takes a while, too.
    let searched = Arc::clone(&server);
    let search = move || {
        let found = top_k(&query, Rows::F32(&searched.index.rows), top)?;
        let named = found.into_iter().map(|found| Found {
            path: searched.index.names.get(found.row as usize).cloned().unwrap_or_default(),
            score: found.score,
        });
        Ok::<_, clip_vision::search::Error>(Json(named.collect()))
    };
    let found = tokio::task::spawn_blocking(search).await.map_err(|_| internal("the search has stopped"))?;
    found.map_err(|error| internal(&error.to_string()))
}

/// For a load balancer: 200 as long as the model runs.
async fn health(State(server): State<Arc<Server>>) -> StatusCode {
    if server.jobs.is_closed() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

async fn metrics(State(server): State<Arc<Server>>) -> Result<String, Failure> {
    let Metrics { registry, places, .. } = &*server.metrics;
    places.set((server.jobs.max_capacity() - server.jobs.capacity()) as i64);
    TextEncoder::new().encode_to_string(&registry.gather()).map_err(|error| internal(&error.to_string()))
}

/// Counts requests, and takes their time.
async fn measure(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    server.metrics.requests.with_label_values(&[path.as_str(), response.status().as_str()]).inc();
    server.metrics.seconds.with_label_values(&[path.as_str()]).observe(start.elapsed().as_secs_f64());
    response
}

/// Ends when the process is told to.
async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = interrupt.await;
}

async fn serve(clip: ClipVision, address: String, index: Index) -> Result<(), Box<dyn std::error::Error>> {
    let (clip, metrics) = (Arc::new(clip), Arc::new(Metrics::new()?));
    let (jobs, received) = mpsc::channel(PLACES);
    std::thread::spawn({
        let (clip, metrics) = (Arc::clone(&clip), Arc::clone(&metrics));
        move || run_model(&clip, received, &metrics)
    });
    let server =
        Arc::new(Server { clip, jobs, index, searches: Semaphore::new(PLACES), metrics: Arc::clone(&metrics) });
    let app = Router::new()
        .route("/embed", post(embed))
        .route("/search", get(search).post(search))
        // Of these paths alone: whoever asks for others makes no new lines in the metrics.
        .route_layer(middleware::from_fn_with_state(Arc::clone(&server), measure))
        .route("/health", get(health))
        .route("/metrics", get(self::metrics))
        .layer(DefaultBodyLimit::max(LARGEST_PHOTO))
        .with_state(server);

    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}/embed", listener.local_addr()?);
    let too_long = async {
        told_to_stop().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = axum::serve(listener, app).with_graceful_shutdown(told_to_stop()) => result?,
        () = too_long => eprintln!("some requests did not end in {} s", GRACE.as_secs()),
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| "models/shapes".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let clip = ClipVision::from_dir(model, Options::default())?;
    let index = arguments.next().map_or(Ok(Index::default()), |path| Index::read(&path, clip.dimension()))?;

    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(cores).build()?;
    runtime.block_on(serve(clip, address, index))
}
