//! Operations compose as documented: a queue of them is what one after the other gives, whatever is fused on the way;
//! and every impossible queue is refused, by name, with nothing read.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::{ErrorKind, Image, ResizeFilter};
use common::random::Random;
use common::sources::{pixels, rgb8};

const FILTERS: [ResizeFilter; 4] =
    [ResizeFilter::Nearest, ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];

/// A width or a height, mostly small.
fn size(random: &mut Random) -> usize {
    let most = [3, 20, 90][random.below(3)];
    1 + random.below(most)
}

/// An operation on 8-bit pixels.
type Step = Box<dyn Fn(Image) -> Image>;

fn geometry(random: &mut Random) -> (String, Step) {
    let (width, height, filter) = (size(random), size(random), FILTERS[random.below(4)]);
    match random.below(3) {
        0 => (
            format!("resize({width}, {height}, {filter:?})"),
            Box::new(move |image| image.resize(width, height, filter)),
        ),
        1 => (
            format!("resize_shortest_edge({width}, {filter:?})"),
            Box::new(move |image| image.resize_shortest_edge(width, filter)),
        ),
        _ => (format!("center_crop({width}, {height})"), Box::new(move |image| image.center_crop(width, height))),
    }
}

#[test]
fn a_queue_is_one_operation_after_the_other() {
    let mut random = Random(0x5eed);
    for round in 0..400 {
        let (width, height) = (size(&mut random), size(&mut random));
        let source = pixels(["noise", "bits"][round % 2], round, width, height);
        let start = || Image::from_rgb8(width, height, source.clone());
        let steps: Vec<_> = (0..1 + random.below(5)).map(|_| geometry(&mut random)).collect();
        let queued = rgb8(steps.iter().fold(start(), |image, (_, step)| step(image)));
        let mut stepwise = rgb8(start());
        for (_, step) in &steps {
            let (bytes, (height, width)) = stepwise;
            stepwise = rgb8(step(Image::from_rgb8(width, height, bytes)));
        }
        let names: Vec<_> = steps.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(queued.1, stepwise.1, "{width}x{height}: {names:?}");
        assert!(queued.0 == stepwise.0, "{width}x{height}: {names:?}");
    }
}

#[test]
fn values_go_through_the_operations_in_their_order() {
    let image = || Image::from_rgb8(16, 16, (0..768).map(|value| value as u8).collect());
    let mut random = Random(0xc11b);
    for _ in 0..200 {
        let number = |random: &mut Random| random.below(2001) as f32 / 500.0 - 2.0;
        let mut expected = image().to_pixel_tensor().unwrap().data;
        let mut queue = image();
        if random.below(2) == 0 {
            queue = queue.normalize_unsigned();
            expected.iter_mut().for_each(|value| *value /= 255.0);
        }
        for _ in 0..random.below(4) {
            let (a, b) = (number(&mut random), number(&mut random));
            if random.below(2) == 0 {
                queue = queue.clamp(a.min(b), a.max(b));
                expected.iter_mut().for_each(|value| *value = value.clamp(a.min(b), a.max(b)));
            } else {
                let std = if b == 0.0 { 1.0 } else { b };
                queue = queue.normalize_with([a, 0.0, -a], [std, 1.0, -std]);
                for (plane, (mean, std)) in expected.chunks_mut(256).zip([(a, std), (0.0, 1.0), (-a, -std)]) {
                    plane.iter_mut().for_each(|value| *value = (*value - mean) / std);
                }
            }
        }
        assert_eq!(queue.to_pixel_tensor().unwrap().data, expected);
    }
}

#[test]
fn what_is_done_already_changes_nothing() {
    let mut random = Random(7);
    for round in 0..100 {
        let (width, height, n) = (size(&mut random), size(&mut random), size(&mut random));
        let start = || Image::from_rgb8(width, height, pixels("noise", round, width, height));
        let filter = FILTERS[round % 4];
        let cropped = || start().center_crop(n, n + 1);
        assert_eq!(rgb8(cropped()), rgb8(cropped().center_crop(n, n + 1)));
        let resized = || start().resize(n, n + 2, filter);
        assert_eq!(rgb8(resized()), rgb8(resized().resize(n, n + 2, filter).resize_shortest_edge(n, filter)));
        let clamped = || start().normalize_signed().clamp(-0.5, 0.25);
        assert_eq!(clamped().to_pixel_tensor().unwrap(), clamped().clamp(-0.5, 0.25).to_pixel_tensor().unwrap());
        // Around whatever is smaller stand zeros, and the way back takes them off again, where they are even.
        let (wider, higher) = (width + 2 * random.below(9), height + 2 * random.below(9));
        assert_eq!(rgb8(start()), rgb8(start().center_crop(wider, higher).center_crop(width, height)));
    }
}

/// An impossible queue is told before anything is read: the file is not even there.
#[test]
fn impossible_queues_are_refused_before_anything_is_read() {
    let image = || Image::from_path("/no/such/picture.jpg");
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let filter = ResizeFilter::Nearest;
    let cases: Vec<(Image, &str)> = vec![
        (image().resize(0, 3, filter), "resize"),
        (image().resize(3, 0, filter), "resize"),
        (image().resize_shortest_edge(0, filter), "resize_shortest_edge"),
        (image().center_crop(0, 3), "center_crop"),
        (image().center_crop(3, 0), "center_crop"),
        (image().clamp(1.0, 0.0), "clamp"),
        (image().clamp(nan, 0.0), "clamp"),
        (image().clamp(0.0, nan), "clamp"),
        (image().normalize_with([nan, 0.0, 0.0], [1.0; 3]), "normalize_with"),
        (image().normalize_with([0.0, infinity, 0.0], [1.0; 3]), "normalize_with"),
        (image().normalize_with([0.0; 3], [1.0, 1.0, 0.0]), "normalize_with"),
        (image().normalize_with([0.0; 3], [1.0, -0.0, 1.0]), "normalize_with"),
        (image().normalize_with([0.0; 3], [1.0, nan, 1.0]), "normalize_with"),
        (image().normalize_with([0.0; 3], [1e-44; 3]), "normalize_with"),
        (image().normalize_unsigned().normalize_unsigned(), "normalize_unsigned"),
        (image().normalize_signed().normalize_unsigned(), "normalize_unsigned"),
        (image().normalize_with([0.0; 3], [2.0; 3]).normalize_signed(), "normalize_signed"),
        (image().normalize_unsigned().resize(3, 3, filter), "resize"),
        (image().clamp(0.0, 255.0).resize_shortest_edge(3, filter), "resize_shortest_edge"),
        (image().normalize_signed().center_crop(3, 3), "center_crop"),
        // The first mistake counts, wherever it stands.
        (image().resize(3, 3, filter).center_crop(0, 1).clamp(2.0, 1.0), "center_crop"),
    ];
    for (image, name) in cases {
        let error = image.clone().to_pixel_tensor().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(error.to_string().contains(&format!("{name}:")), "{name}: {error}");
        assert_eq!(image.decode_sync().unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
