use super::*;
use crate::pixels::{Layout, Orientation};
use crate::resize::BAND_ROWS;

/// A picture that is a header alone. It can be decoded at every scale.
struct Photo {
    header: Header,
    held: bool,
}

impl Describe for Photo {
    fn header(&self, scale: Scale) -> Header {
        let times = match scale {
            Scale::Full => 1,
            Scale::Half => 2,
            Scale::Quarter => 4,
            Scale::Eighth => 8,
        };
        let Header { width, height, .. } = self.header;
        Header { width: width.div_ceil(times), height: height.div_ceil(times), ..self.header }
    }

    fn memory(&self, scale: Scale) -> u64 {
        if self.held { 0 } else { self.header(scale).width as u64 * 100 }
    }

    fn scale_for(&self, width: usize, height: usize) -> Scale {
        let fits = |scale: &Scale| {
            let size = self.header(*scale).upright_size();
            size.0 >= width && size.1 >= height
        };
        [Scale::Eighth, Scale::Quarter, Scale::Half].into_iter().find(fits).unwrap_or(Scale::Full)
    }

    fn is_held(&self) -> bool {
        self.held
    }
}

fn photo(width: usize, height: usize, exif: u32) -> Photo {
    let orientation = Orientation::from_exif(exif);
    Photo { header: Header { width, height, layout: Layout::Rgb, orientation }, held: false }
}

fn settings(limits: &Limits, decode: Decode) -> Settings<'_> {
    Settings { background: None, limits, decode }
}

fn plan(photo: &Photo, operations: &[Operation], decode: Decode) -> Plan {
    Plan::new(photo, operations, settings(&Limits::default(), decode)).unwrap()
}

const EDGE: Operation = Operation::ResizeShortestEdge { edge: 224, filter: ResizeFilter::CatmullRom };
const CROP: Operation = Operation::CenterCrop { width: 224, height: 224, rounded: false };

#[test]
fn a_model_needs_one_pass_over_the_middle() {
    let plan = plan(&photo(4000, 2000, 1), &[EDGE, CROP], Decode::Exact);
    let [pass] = plan.passes.as_slice() else { panic!("{plan:?}") };
    assert_eq!(plan.scale, Scale::Full);
    assert_eq!((pass.horizontal.outputs(), pass.vertical.outputs()), (112..336, 0..224));
    assert_eq!(pass.area.rows, 0..2000);
    // The middle half, and what the filter reaches beyond it.
    assert!(pass.area.columns.start > 960 && pass.area.columns.start < 1000);
    assert!(pass.area.columns.end > 3000 && pass.area.columns.end < 3040);
    assert!(pass.horizontal_first);
    assert_eq!(pass.row_length(), 224 * 3);
    assert_eq!((plan.tensor.size(), plan.tensor.area().columns), ((224, 224), 0..224));
}

#[test]
fn a_lying_picture_is_planned_as_it_is_stored() {
    let plan = plan(&photo(2000, 4000, 6), &[EDGE, CROP], Decode::Exact);
    let pass = &plan.passes[0];
    // Upright it is 4000 wide: what is cut are stored rows.
    assert_eq!((pass.horizontal.outputs(), pass.vertical.outputs()), (0..224, 112..336));
    assert_eq!(pass.area.columns, 0..2000);
    assert!(pass.area.rows.start > 960 && pass.area.rows.end < 3040);
}

#[test]
fn only_a_resize_of_the_whole_picture_reduces_it() {
    let cases: [(&[Operation], Decode, Scale); 6] = [
        (&[EDGE], Decode::Exact, Scale::Full),
        (&[EDGE], Decode::Fast, Scale::Quarter),
        (&[EDGE, CROP], Decode::Fast, Scale::Quarter),
        (&[CROP, EDGE], Decode::Fast, Scale::Full),
        (&[CROP], Decode::Fast, Scale::Full),
        (&[], Decode::Fast, Scale::Full),
    ];
    for (operations, decode, scale) in cases {
        assert_eq!(plan(&photo(4000, 2000, 1), operations, decode).scale, scale, "{operations:?} {decode:?}");
    }
    // The size is that of the whole picture in proportion, whatever it is reduced to.
    let plan = plan(&photo(3001, 2001, 1), &[EDGE], Decode::Fast);
    assert_eq!((plan.scale, plan.tensor.size()), (Scale::Quarter, (335, 224)));
    assert_eq!((plan.passes[0].area.columns.clone(), plan.passes[0].area.rows.clone()), (0..751, 0..501));
}

#[test]
fn zeros_are_made_for_a_resize_and_left_to_the_tensor() {
    let large = Operation::CenterCrop { width: 300, height: 300, rounded: false };
    let plan_of = |operations: &[Operation]| plan(&photo(100, 80, 1), operations, Decode::Exact);
    let padded = plan_of(&[large]);
    assert_eq!(padded.passes.len(), 1);
    assert_eq!(padded.passes[0].result, Canvas::whole((100, 80)));
    assert_eq!(
        (padded.tensor.size(), padded.tensor.horizontal.before, padded.tensor.vertical.before),
        ((300, 300), 100, 110)
    );
    let resized = plan_of(&[large, EDGE]);
    assert_eq!(resized.passes.len(), 2);
    assert_eq!((resized.passes[0].result.size(), resized.passes[0].area.columns.clone()), ((300, 300), 0..100));
    assert_eq!((resized.passes[1].area.columns.clone(), resized.tensor), (0..300, Canvas::whole((224, 224))));
}

#[test]
fn an_upright_image_in_memory_needs_no_pass() {
    let held = |exif| Photo { held: true, ..photo(10, 8, exif) };
    assert!(plan(&held(1), &[], Decode::Exact).passes.is_empty());
    assert_eq!(
        plan(&held(1), &[Operation::CenterCrop { width: 4, height: 4, rounded: false }], Decode::Exact)
            .tensor
            .area()
            .columns,
        3..7
    );
    assert_eq!(plan(&held(6), &[], Decode::Exact).tensor.size(), (8, 10));
    assert_eq!(plan(&held(6), &[], Decode::Exact).passes.len(), 1);
    assert_eq!(plan(&photo(10, 8, 1), &[], Decode::Exact).passes.len(), 1);
}

/// The least memory that a plan is content with.
fn least(photo: &Photo, operations: &[Operation]) -> u64 {
    let refused = |max_alloc: &u64| {
        let limits = Limits { max_alloc: *max_alloc, ..Limits::default() };
        let plan = Plan::new(photo, operations, settings(&limits, Decode::Exact));
        plan.is_err_and(|error| error.kind() == ErrorKind::TooLarge)
    };
    let (mut low, mut high) = (0, 1 << 40);
    while low < high {
        let middle = (low + high) / 2;
        if refused(&middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[test]
fn of_a_long_picture_little_is_held() {
    let held = Photo { held: true, ..photo(300, 20_000, 1) };
    let plan = plan(&held, &[EDGE, CROP], Decode::Exact);
    let fits = |decoder, max_alloc| plan.passes[0].check_memory(decoder, &Limits { max_alloc, ..Limits::default() });
    // The result, and a few rows as they come, for here columns go first: those held, and the one between the changes.
    let needed = 224 * 224 * 3 + (2 * 7 + BAND_ROWS as u64 + 1) * 300 * 3;
    assert!(fits(0, needed).is_ok());
    assert_eq!(fits(0, needed - 300 * 3).unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(fits(1, needed).is_err() && fits(1, needed + 1).is_ok());
    // What the decoder takes counts.
    let wide = photo(40_000, 300, 1);
    assert!(least(&wide, &[EDGE, CROP]) > wide.memory(Scale::Full));
    assert!(least(&Photo { held: true, ..wide }, &[EDGE, CROP]) < 1 << 20);
}

#[test]
fn the_tensor_counts_before_anything_is_decoded() {
    let (small, held) = (photo(30, 20, 1), Photo { held: true, ..photo(30, 20, 1) });
    assert_eq!(least(&held, &[]), 30 * 20 * (12 + 3));
    let edge = |edge| Operation::ResizeShortestEdge { edge, filter: ResizeFilter::CatmullRom };
    assert_eq!(least(&small, &[edge(2000)]), 3000 * 2000 * (12 + 3));
    let around = Operation::CenterCrop { width: 1000, height: 1000, rounded: false };
    assert_eq!(least(&held, &[around]), 1000 * 1000 * 12 + 30 * 20 * 3, "zeros are in the tensor alone");
    let limits = Limits::default();
    let error = Plan::new(&small, &[edge(20_000)], settings(&limits, Decode::Exact)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.context().starts_with("a tensor of 30000x20000 pixels takes 9000000000 bytes"), "{error}");
}

#[test]
fn sides_have_a_limit() {
    let limits = Limits::none();
    let resize = Operation::Resize { width: 1 << 30, height: 1, filter: ResizeFilter::Nearest };
    let error = Plan::new(&photo(3, 3, 1), &[resize, CROP], settings(&limits, Decode::Exact)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn every_shortest_edge_is_transformers() {
    let goldens: serde_json::Value = serde_json::from_str(include_str!("../../../../tests/golden/sizes.json")).unwrap();
    let rows = goldens["rows"].as_array().unwrap();
    assert!(rows.len() > 500);
    for row in rows {
        let [width, height, edge, new_width, new_height] = [0, 1, 2, 3, 4].map(|at| row[at].as_u64().unwrap() as usize);
        assert_eq!(shortest_edge((width, height), edge).unwrap(), (new_width, new_height), "{row}");
    }
}

#[test]
fn shortest_edges_are_rounded_as_transformers_rounds() {
    let cases = [
        ((500, 375), 224, (298, 224)),
        ((375, 500), 224, (224, 298)),
        ((640, 427), 224, (335, 224)),
        ((3, 500), 224, (224, 37333)),
        ((1, 100_000), 224, (224, 22_400_000)),
        ((224, 224), 224, (224, 224)),
        ((1, 1), 7, (7, 7)),
    ];
    for (size, edge, expected) in cases {
        assert_eq!(shortest_edge(size, edge).unwrap(), expected, "{size:?} to {edge}");
    }
    assert_eq!(shortest_edge((1, 100_000_000), 224).unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(shortest_edge((usize::MAX, usize::MAX), usize::MAX).unwrap_err().kind(), ErrorKind::TooLarge);
}

/// As open_clip's `ResizeKeepRatio` has it; of no height it makes an error, and this one pixel.
#[test]
fn the_longest_edge_leaves_the_other_in_proportion() {
    let rows = [
        ((640, 480), 224, (224, 168)),
        ((480, 640), 224, (168, 224)),
        ((31, 29), 30, (30, 28)),
        ((1000, 3), 224, (224, 1)),
        ((3, 1000), 64, (1, 64)),
        ((224, 224), 224, (224, 224)),
        ((100, 75), 30, (30, 22)),
        ((60, 25), 30, (30, 12)),
        ((60, 35), 30, (30, 18)),
        ((7, 5), 224, (224, 160)),
        ((4000, 1125), 256, (256, 72)),
        ((333, 250), 336, (336, 252)),
    ];
    for (size, edge, expected) in rows {
        assert_eq!(longest_edge(size, edge), expected, "{size:?} to {edge}");
    }
}

#[test]
fn what_pads_an_image_to_a_square_stands_around_it() {
    let pad = Operation::ResizeAndPad { edge: 30, filter: ResizeFilter::CatmullRom, fill: [9, 8, 7] };
    let Plan { tensor, .. } = plan(&photo(100, 75, 1), &[pad], Decode::Exact);
    assert_eq!((tensor.size(), tensor.fill), ((30, 30), [9, 8, 7]));
    assert_eq!((tensor.horizontal.before, tensor.vertical.before, tensor.vertical.pixels), (0, 4, 0..22));
    let Plan { tensor, .. } = plan(&photo(60, 35, 6), &[pad], Decode::Exact);
    assert_eq!((tensor.horizontal.before, tensor.horizontal.pixels, tensor.vertical.pixels), (6, 0..18, 0..30));
}
