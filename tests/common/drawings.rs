//! Photos that a test draws itself: another pen than that of `scripts/shapes`, which drew what the model learned from.

use clip_vision::Image;

/// Whether a point is in a shape of radius 1 about (0, 0); y downwards.
pub type Inside = fn(f32, f32) -> bool;

/// Shapes by the names that captions have.
pub const SHAPES: [(&str, Inside); 8] = [
    ("circle", |x, y| x.hypot(y) < 1.0),
    ("square", |x, y| x.abs().max(y.abs()) < 0.87),
    ("triangle", |x, y| y < 0.8 && y > -0.95 && x.abs() < (y + 0.95) * 0.53),
    ("star", star),
    ("heart", |x, y| {
        let (x, y) = (x * 1.2, 0.2 - y * 1.15);
        (x * x + y * y - 1.0).powi(3) < x * x * y * y * y
    }),
    ("cross", |x, y| x.abs().max(y.abs()) < 0.95 && x.abs().min(y.abs()) < 0.28),
    ("ring", |x, y| (0.62..1.0).contains(&x.hypot(y))),
    ("moon", |x, y| x.hypot(y) < 1.0 && (x - 0.5).hypot(y) > 0.85),
];

/// Colors by the names that captions have, each as the web's palettes know it.
pub const COLORS: [(&str, [u8; 3]); 11] = [
    ("red", [230, 30, 40]),
    ("orange", [255, 150, 0]),
    ("yellow", [250, 220, 40]),
    ("green", [40, 160, 70]),
    ("blue", [40, 100, 230]),
    ("purple", [135, 35, 165]),
    ("pink", [250, 135, 190]),
    ("brown", [125, 75, 45]),
    ("black", [16, 16, 20]),
    ("white", [250, 250, 250]),
    ("gray", [140, 140, 145]),
];

/// Five points: inside the pentagram's outer pentagon's arms, by the edges between an outer and an inner corner.
fn star(x: f32, y: f32) -> bool {
    let turn = std::f32::consts::TAU / 5.0;
    let angle = (x.atan2(-y).rem_euclid(turn) - turn / 2.0).abs(); // 0 midway between two points, turn / 2 at one
    let (inner, outer) = ((0.42f32, 0.0), ((turn / 2.0).cos(), (turn / 2.0).sin()));
    let (along, across) = (x.hypot(y) * angle.cos(), x.hypot(y) * angle.sin());
    // On the inner corner's side of the line from the inner to the outer corner.
    (outer.0 - inner.0) * (across - inner.1) - (outer.1 - inner.1) * (along - inner.0) > 0.0
}

/// One shape on a plain ground, with its edges smoothed: `at` is its center, as parts of the photo's middle square, and
/// `radius` a part of that square's edge.
pub fn draw(
    [width, height]: [usize; 2],
    inside: Inside,
    color: [u8; 3],
    ground: [u8; 3],
    at: [f32; 2],
    radius: f32,
) -> Image {
    const FINER: usize = 3;
    let edge = width.min(height) as f32;
    let left = (width as f32 - edge) / 2.0;
    let top = (height as f32 - edge) / 2.0;
    let step = |pixel: usize, part: usize| pixel as f32 + (part as f32 + 0.5) / FINER as f32;
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let covered = (0..FINER * FINER)
                .filter(|part| {
                    let (px, py) = (step(x, part % FINER) - left, step(y, part / FINER) - top);
                    inside((px / edge - at[0]) / radius, (py / edge - at[1]) / radius)
                })
                .count();
            let share = covered as f32 / (FINER * FINER) as f32;
            pixels.extend((0..3).map(|c| {
                let (from, to) = (f32::from(ground[c]), f32::from(color[c]));
                (from + (to - from) * share).round() as u8
            }));
        }
    }
    Image::from_rgb8(width, height, pixels)
}
