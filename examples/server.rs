//! An HTTP endpoint that answers a photo's bytes with its embedding. Its runtime is never blocked: decoding and the model run
//! on tokio's blocking threads.
//!
//! ```sh
//! cargo run --release --features tokio --example server -- models/shapes 127.0.0.1:8080
//! curl --data-binary @photo.jpg http://127.0.0.1:8080/embed
//! ```

// What tokio makes of `main` waits for it, on a thread that has nothing else to do.
#![allow(clippy::disallowed_methods)]

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clip_vision::{ErrorKind, Image, LoadedClipVisionModel};
use std::error::Error;

/// Bytes that a photo may have.
const LARGEST_PHOTO: usize = 32 << 20;

async fn embed(
    State(model): State<LoadedClipVisionModel>,
    photo: Bytes,
) -> Result<Json<Vec<f32>>, (StatusCode, String)> {
    model.embed(Image::from_bytes(photo)).await.map(Json).map_err(|error| {
        let status = match error.kind() {
            ErrorKind::Decode | ErrorKind::UnsupportedFormat => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, format!("{error:#}"))
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| "models/shapes".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());

    let model = LoadedClipVisionModel::from_dir(model).await?;
    let app = Router::new().route("/embed", post(embed)).layer(DefaultBodyLimit::max(LARGEST_PHOTO)).with_state(model);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}/embed", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
