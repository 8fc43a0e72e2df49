//! The tokio layer: the same embeddings as the synchronous façade, on every kind of runtime, and nobody waits for
//! anybody.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod common;

use clip_vision::image::UrlAccess;
use clip_vision::{
    ClipVision, ClipVisionEmbeddingModel, ErrorKind, Image, ImageEmbeddingCapable, LoadedClipVisionModel, Options,
    ResizeFilter,
};
use common::{golden, model_dir};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const MODEL: &str = "b32-tiny";

fn photo() -> String {
    golden("images/rgb-500x375.png").display().to_string()
}

fn synchronous(path: &str) -> Vec<f32> {
    ClipVision::from_dir(model_dir(MODEL), Options::default()).unwrap().embed(Image::from_path(path)).unwrap()
}

/// Every kind of runtime that the layer has to work on.
fn runtimes() -> Vec<(&'static str, Runtime)> {
    vec![
        ("current thread", Builder::new_current_thread().enable_all().build().unwrap()),
        ("multi thread", Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()),
        ("one blocking thread", Builder::new_multi_thread().max_blocking_threads(1).enable_all().build().unwrap()),
        (
            "current thread, one blocking thread",
            Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap(),
        ),
    ]
}

#[test]
fn agrees_with_the_synchronous_facade_on_every_runtime() {
    let path = photo();
    let expected = synchronous(&path);
    let base64 = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(std::fs::read(&path).unwrap())
    };
    for (name, runtime) in runtimes() {
        runtime.block_on(async {
            let options = Options::default().url_access(UrlAccess::default().file(true));
            let loaded = LoadedClipVisionModel::from_dir_with(model_dir(MODEL), options.clone()).await.unwrap();
            let lazy = ClipVisionEmbeddingModel::from_dir_with(model_dir(MODEL), options);
            let models: [&dyn ImageEmbeddingCapable; 2] = [&loaded, &lazy];
            for model in models {
                assert_eq!(model.embed_image(&path).await.unwrap(), expected, "{name}");
                let url = format!("file://{path}");
                assert_eq!(model.embed_image_url(&url).await.unwrap(), expected, "{name}");
                assert_eq!(model.embed_image_base64(&base64).await.unwrap(), expected, "{name}");
                assert_eq!(model.embedding_dimension(), expected.len());
                assert_eq!(model.supported_dimensions(), [expected.len()]);
            }
        });
    }
}

#[test]
#[cfg(feature = "text")]
fn texts_too() {
    let expected = ClipVision::from_dir(model_dir(MODEL), Options::default()).unwrap().embed_text("a dog").unwrap();
    for (name, runtime) in runtimes() {
        runtime.block_on(async {
            let loaded = LoadedClipVisionModel::from_dir(model_dir(MODEL)).await.unwrap();
            let lazy = ClipVisionEmbeddingModel::from_dir(model_dir(MODEL));
            let (one, other) = tokio::join!(loaded.embed_text("a dog"), lazy.embed_text("a dog"));
            assert_eq!([one.unwrap(), other.unwrap()], [expected.clone(), expected.clone()], "{name}");
        });
    }
}

#[test]
#[cfg(feature = "candle")]
fn an_image_with_its_own_operations_agrees_on_both_ways() {
    let mean = [0.4815, 0.4578, 0.4082];
    let std = [0.2686, 0.2613, 0.2758];
    let image = move || {
        Image::from_path(photo())
            .resize(224, 224, ResizeFilter::Triangle)
            .normalize_unsigned()
            .normalize_with(mean, std)
    };
    for (name, runtime) in runtimes() {
        runtime.block_on(async {
            let device = candle_core::Device::Cpu;
            let loaded = LoadedClipVisionModel::from_dir(model_dir(MODEL)).await.unwrap();
            let ours = image().to_tensor(&device).await.unwrap();
            // The caller's own spawn_blocking around the synchronous call: no runtime is entered twice.
            let theirs = tokio::task::spawn_blocking(move || image().to_tensor_sync(&device)).await.unwrap().unwrap();
            let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values(&ours), values(&theirs), "{name}");
            let through_image = loaded.embed(image()).await.unwrap();
            assert_eq!(through_image, loaded.clip().embed_tensor(&theirs).unwrap(), "{name}");
            assert_ne!(through_image, loaded.embed_image(&photo()).await.unwrap(), "a triangle is no bicubic");
        });
    }
}

#[test]
fn a_hundred_callers_of_a_lazy_model_get_one_model() {
    let path = photo();
    let expected = synchronous(&path);
    for (name, runtime) in runtimes() {
        let lazy = ClipVisionEmbeddingModel::from_dir(model_dir(MODEL));
        runtime.block_on(async {
            let calls: Vec<_> = (0..100).map(|_| tokio::spawn(lazy.embed_image(&path))).collect();
            for call in calls {
                assert_eq!(call.await.unwrap().unwrap(), expected, "{name}");
            }
        });
    }
}

#[test]
fn a_dropped_future_harms_nobody() {
    let path = photo();
    let expected = synchronous(&path);
    for (name, runtime) in runtimes() {
        let lazy = ClipVisionEmbeddingModel::from_dir(model_dir(MODEL));
        runtime.block_on(async {
            // Polled once, so that its task is started, then dropped.
            let dropped = tokio::time::timeout(Duration::ZERO, lazy.embed_image(&path)).await;
            drop(dropped);
            assert_eq!(lazy.embed_image(&path).await.unwrap(), expected, "{name}");
        });
    }
}

#[test]
fn a_bad_photo_spoils_no_other_and_an_empty_batch_is_empty() {
    let path = photo();
    let expected = synchronous(&path);
    let broken = golden("broken/not-an-image.jpg").display().to_string();
    for (name, runtime) in runtimes() {
        runtime.block_on(async {
            let loaded = LoadedClipVisionModel::from_dir(model_dir(MODEL)).await.unwrap();
            let results = loaded.batch_embed_images(vec![&path, &broken, "no/such/file.png", &path]).await.unwrap();
            let kinds: Vec<_> =
                results.iter().map(|result| result.as_ref().map_err(clip_vision::Error::kind)).collect();
            assert_eq!(kinds[1], Err(ErrorKind::UnsupportedFormat), "{name}");
            assert_eq!(kinds[2], Err(ErrorKind::Fetch), "{name}");
            for good in [0, 3] {
                let embedding = results[good].as_ref().unwrap();
                assert!(common::max_difference(embedding, &expected) < 1e-6, "{name}");
            }
            assert!(loaded.batch_embed_images(Vec::new()).await.unwrap().is_empty(), "{name}");
        });
    }
}

#[test]
fn a_model_that_is_not_there_is_an_error_at_use_and_can_come_later() {
    let dir = std::env::temp_dir().join(format!("clip-vision-late-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let lazy = ClipVisionEmbeddingModel::from_dir(&dir);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(lazy.embedding_dimension(), 0);
        assert!(lazy.supported_dimensions().is_empty());
        assert_eq!(lazy.embed_image(&photo()).await.unwrap_err().kind(), ErrorKind::Fetch);
        let outer = lazy.batch_embed_images(vec![&photo()]).await;
        assert_eq!(outer.unwrap_err().kind(), ErrorKind::Fetch);
        assert_eq!(LoadedClipVisionModel::from_dir(&dir).await.unwrap_err().kind(), ErrorKind::Fetch);
        std::fs::create_dir_all(&dir).unwrap();
        for file in std::fs::read_dir(model_dir(MODEL)).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), dir.join(file.file_name())).unwrap();
        }
        assert_eq!(lazy.embed_image(&photo()).await.unwrap(), synchronous(&photo()));
    });
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn other_tasks_keep_ticking_while_embeddings_run() {
    let path = photo();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let loaded = LoadedClipVisionModel::from_dir(model_dir(MODEL)).await.unwrap();
        let ticks = Arc::new(AtomicUsize::new(0));
        let ticking = tokio::spawn({
            let ticks = Arc::clone(&ticks);
            async move {
                loop {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    ticks.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            loaded.batch_embed_images(vec![&path; 8]).await.unwrap();
        }
        ticking.abort();
        // On a blocked runtime the sleeper would wake once a batch; an idle one ticks some 150 times.
        assert!(ticks.load(Ordering::Relaxed) > 20, "{ticks:?} ticks in {:?}", start.elapsed());
    });
}

#[test]
fn outside_a_runtime_a_call_is_an_error_not_a_panic() {
    let lazy = ClipVisionEmbeddingModel::from_dir(model_dir(MODEL));
    let mut future = lazy.embed_image(&photo());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Compute),
        other => panic!("{other:?}"),
    }
}
