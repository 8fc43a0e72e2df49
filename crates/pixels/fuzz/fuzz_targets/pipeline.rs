//! Operations chosen by the first bytes, over the picture in the rest: a tensor of finite values or an error.
#![no_main]

mod choices;
mod time;

use choices::Choices;
use libfuzzer_sys::fuzz_target;
use pixels::{Decode, Image, Limits, ResizeFilter};

fn size(choices: &mut Choices<'_>) -> usize {
    let [high, low] = choices.u16().to_be_bytes();
    // Mostly small; now and then as large as it gets.
    if high == 0xff { usize::from(low) << 24 } else { usize::from(high & 1) << 8 | usize::from(low) }
}

fn value(choices: &mut Choices<'_>) -> f32 {
    choices.one_of(&[0.0, 1.0, -1.0, 0.5, 255.0, f32::NAN, f32::INFINITY, 1e-44])
}

fn filter(choices: &mut Choices<'_>) -> ResizeFilter {
    choices.one_of(&[ResizeFilter::Nearest, ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3])
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes);
    let first = choices.byte();
    let (count, decode) = (first & 7, if first & 8 == 0 { Decode::Exact } else { Decode::Fast });
    let mut queue: Vec<Box<dyn Fn(Image) -> Image>> = Vec::new();
    for _ in 0..count {
        queue.push(match choices.byte() % 8 {
            0 => {
                let (width, height, filter) = (size(&mut choices), size(&mut choices), filter(&mut choices));
                Box::new(move |image| image.resize(width, height, filter))
            }
            1 => {
                let (edge, filter) = (size(&mut choices), filter(&mut choices));
                Box::new(move |image| image.resize_shortest_edge(edge, filter))
            }
            2 => {
                let (width, height) = (size(&mut choices), size(&mut choices));
                Box::new(move |image| image.center_crop(width, height))
            }
            3 => Box::new(Image::normalize_unsigned),
            4 => Box::new(Image::normalize_signed),
            5 => {
                let (mean, std) = (value(&mut choices), value(&mut choices));
                Box::new(move |image| image.normalize_with([mean; 3], [std, 1.0, 2.0]))
            }
            6 => {
                let (min, max) = (value(&mut choices), value(&mut choices));
                Box::new(move |image| image.clamp(min, max))
            }
            _ => {
                let gray = choices.byte();
                Box::new(move |image| image.background([gray, 1, 2]))
            }
        });
    }
    // Encoded bytes, or raw pixels of two sizes.
    let image = match choices.byte() & 3 {
        0 => {
            let width = usize::from(choices.byte());
            Image::from_rgb8(
                width,
                choices.0.len() / (3 * width.max(1)),
                choices.0[..choices.0.len() / (3 * width.max(1)) * 3 * width].to_vec(),
            )
        }
        1 => Image::from_base64(String::from_utf8_lossy(choices.0)),
        _ => Image::from_bytes(choices.0),
    };
    let limits = Limits { max_pixels: 1 << 14, max_alloc: 1 << 20, ..Limits::default() };
    let image = queue.iter().fold(image.limits(limits).decode(decode), |image, operation| operation(image));
    if let Ok(tensor) = time::bounded(bytes, || image.to_pixel_tensor()) {
        let values = tensor.width * tensor.height * 3;
        assert!(values > 0 && values <= 1 << 18 && tensor.data.len() == values);
        assert!(tensor.data.iter().all(|value| value.is_finite()));
    }
});
