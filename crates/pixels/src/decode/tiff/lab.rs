//! CIELab of 8 bits to sRGB, by way of Little CMS, which Pillow converts it with (`ImageCms`, built-in profiles,
//! perceptual intent). It does not compute every color, but those of a grid of 33x33x33, and interpolates between
//! them in tetrahedra; so the same grid and the same roundings are needed (`cmsopt.c`, `cmsintrp.c`, `cmspcs.c` and
//! `cmsgamma.c` of <https://github.com/mm2/Little-CMS>).

/// Points of the grid, each way.
const POINTS: usize = 33;
/// From one point to the next along each axis.
const STEPS: [usize; 3] = [POINTS * POINTS, POINTS, 1];

/// The colors of the grid, of 16 bits.
pub(super) struct Grid {
    colors: Vec<[u16; 3]>,
}

/// The white point of the profile connection space (D50).
const WHITE: [f64; 3] = [0.9642, 1.0, 0.8249];
/// XYZ is kept as a part of the most that 1.15 fixed point can say.
const MOST: f64 = 1.0 + 32767.0 / 32768.0;
/// XYZ relative to D50, to linear sRGB: the inverse of the primaries adapted from D65, as the library computes them.
const TO_LINEAR: [[f64; 3]; 3] = [
    [6.268277080696411, -3.2343685646958003, -0.9813731532183343],
    [-1.957467139347446, 3.8322017178972456, 0.06686577801362018],
    [0.14392565943970462, -0.45798075856798304, 2.8114645655935195],
];

/// sRGB's curve, from linear.
fn encoded(linear: f64) -> f64 {
    let (gamma, factor, offset): (f64, f64, f64) = (2.4, 1.0 / 1.055, 0.055 / 1.055);
    let limit = (factor * 0.04045 + offset).powf(gamma);
    if linear >= limit { (linear.powf(1.0 / gamma) - offset) / factor } else { linear / (1.0 / 12.92) }
}

/// The inverse of Lab's curve.
fn inverse(t: f64) -> f64 {
    if t <= 24.0 / 116.0 { 108.0 / 841.0 * (t - 16.0 / 116.0) } else { t * t * t }
}

/// The color of Lab values of 16 bits. Between its steps the library keeps numbers of single precision.
fn color(lab: [u16; 3]) -> [u16; 3] {
    let [l, a, b] = lab.map(|value| f64::from(f32::from(value) / 65535.0));
    let y = (l * 100.0 + 16.0) / 116.0;
    let x = y + 0.002 * (a * 255.0 - 128.0);
    let z = y - 0.005 * (b * 255.0 - 128.0);
    let mut xyz = [x, y, z];
    for (value, white) in xyz.iter_mut().zip(WHITE) {
        *value = f64::from((inverse(*value) * white / MOST) as f32);
    }
    TO_LINEAR.map(|row| {
        let linear = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2];
        let value = encoded(f64::from(linear as f32)) as f32;
        (f64::from(value) * 65535.0 + 0.5).floor().clamp(0.0, 65535.0) as u16
    })
}

impl Grid {
    pub(super) fn new() -> Self {
        let level = |index: usize| (index as f64 * 65535.0 / (POINTS - 1) as f64 + 0.5).floor() as u16;
        let axes = || 0..POINTS;
        let colors = axes()
            .flat_map(|l| axes().flat_map(move |a| axes().map(move |b| color([level(l), level(a), level(b)]))))
            .collect();
        Self { colors }
    }

    /// Turns Lab pixels into RGB, in place.
    pub(super) fn convert(&self, data: &mut [u8]) {
        let mut known = ([0; 3], self.rgb([0; 3]));
        for pixel in data.as_chunks_mut::<3>().0 {
            if *pixel != known.0 {
                known = (*pixel, self.rgb(*pixel));
            }
            *pixel = known.1;
        }
    }

    /// Interpolated in the tetrahedron whose edges go along the axes, that of the greatest rest first.
    fn rgb(&self, lab: [u8; 3]) -> [u8; 3] {
        let mut first = 0;
        let mut edges = [(0i32, 0usize, 0usize); 3];
        for (axis, (edge, &value)) in edges.iter_mut().zip(&lab).enumerate() {
            let fixed = i32::from(value) * 257 * (POINTS as i32 - 1);
            let fixed = fixed + (fixed + 0x7fff) / 0xffff;
            first += (fixed >> 16) as usize * STEPS[axis];
            *edge = (fixed & 0xffff, axis, if value == 255 { 0 } else { STEPS[axis] });
        }
        // Of equal rests any order comes to the same: what lies between is not counted.
        edges.sort_by_key(|&(rest, ..)| -rest);
        let mut sums = [0x8001i32; 3];
        let start = self.colors[first];
        let (mut at, mut from) = (first, start);
        for (rest, _, step) in edges {
            at += step;
            let to = self.colors[at];
            for ((sum, to), from) in sums.iter_mut().zip(to).zip(from) {
                *sum = sum.wrapping_add((i32::from(to) - i32::from(from)).wrapping_mul(rest));
            }
            from = to;
        }
        let mut out = [0; 3];
        for ((out, start), sum) in out.iter_mut().zip(start).zip(sums) {
            let value = i32::from(start) + (sum.wrapping_add(sum >> 16) >> 16);
            *out = ((u32::from(value as u16) * 65281 + 8_388_608) >> 24) as u8;
        }
        out
    }
}
