use super::*;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::ops::Range;

/// Two wanted tensors (f16 and f32) with others of other types around them.
fn file() -> Vec<u8> {
    let half: Vec<u8> = (0..6).flat_map(|i| f16::from_f32(i as f32 / 4.0).to_le_bytes()).collect();
    let brain: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
    let full: Vec<u8> = [1f32, -2.5, 3.25].iter().flat_map(|v| v.to_le_bytes()).collect();
    let ids: Vec<u8> = (0..4i64).flat_map(i64::to_le_bytes).collect();
    let tensors = [
        ("ids", TensorView::new(Dtype::I64, vec![4], &ids).unwrap()),
        ("half", TensorView::new(Dtype::F16, vec![2, 3], &half).unwrap()),
        ("brain", TensorView::new(Dtype::BF16, vec![2], &brain).unwrap()),
        ("full", TensorView::new(Dtype::F32, vec![3], &full).unwrap()),
        ("other", TensorView::new(Dtype::F32, vec![1, 3], &full).unwrap()),
    ];
    safetensors::serialize(tensors, None).unwrap()
}

fn vector(name: &str, len: usize) -> TensorSpec {
    TensorSpec::new(name, [len], Use::Vector)
}

fn specs() -> Vec<TensorSpec> {
    vec![vector("full", 3), TensorSpec::new("half", [2, 3], Use::Table), vector("brain", 2)]
}

/// A plan for tests: what it is told.
struct Fixed(Vec<TensorSpec>, Target);

/// What the tests of floats read for.
const FLOATS: Target = Target::Candle { half: false };
const CPU: Target = Target::Cpu { int8: false };
const INT8: Target = Target::Cpu { int8: true };

impl Selection for Fixed {
    fn select(&mut self, _: &Header) -> Result<TensorRequest> {
        Ok(TensorRequest { specs: std::mem::take(&mut self.0), target: self.1 })
    }

    fn describe(&self) -> Stored {
        Stored { precision: "f32".to_owned(), source: "a \"test\"".to_owned(), ..Stored::default() }
    }
}

fn read(file: &[u8], piece: usize, specs: Vec<TensorSpec>) -> Result<Weights> {
    read_for(FLOATS, file, piece, specs)
}

fn read_for(target: Target, file: &[u8], piece: usize, specs: Vec<TensorSpec>) -> Result<Weights> {
    let mut reader = Reader::new(Fixed(specs, target));
    reader.set_size(file.len() as u64)?;
    for piece in file.chunks(piece) {
        reader.push(piece)?;
    }
    Ok(reader.finish()?.1)
}

/// Reads no more of a file than is asked for, and says which ranges that were.
fn read_wanted(file: &[u8], reader: &mut Reader<Fixed>) -> Result<Vec<Range<u64>>> {
    let mut ranges = Vec::new();
    while let Some(range) = reader.wanted() {
        let bytes = &file[range.start as usize..file.len().min(range.end as usize)];
        if bytes.is_empty() {
            reader.check_complete()?;
        }
        reader.push_at(range.start, bytes)?;
        ranges.push(range);
    }
    Ok(ranges)
}

fn values(weights: &mut Weights, name: &str) -> Vec<f32> {
    match weights.take(name).unwrap() {
        Value::Floats(values) => values,
        _ => panic!("{name} is not of floats"),
    }
}

#[test]
fn pieces_of_any_size_give_the_same_tensors() {
    let file = file();
    for piece in (1..40).chain([file.len()]) {
        let mut weights = read(&file, piece, specs()).unwrap();
        assert_eq!(values(&mut weights, "half"), [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
        assert_eq!(values(&mut weights, "brain"), [1.5, -2.0]);
        assert_eq!(values(&mut weights, "full"), [1.0, -2.5, 3.25]);
    }
}

#[test]
fn every_cut_is_an_error_and_every_surplus_too() {
    let file = file();
    for len in 0..file.len() {
        let error = read(&file[..len], 7, specs()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Weights, "{len}");
    }
    for more in 1..20 {
        let longer = [file.as_slice(), &vec![0; more]].concat();
        assert!(read(&longer, 5, specs()).is_err(), "{more}");
    }
}

#[test]
fn reading_can_end_with_the_last_tensor_that_is_wanted() {
    let file = file();
    let mut reader = Reader::new(Fixed(vec![vector("full", 3)], FLOATS));
    let enough = file.iter().position(|byte| reader.push(&[*byte]).is_ok() && reader.wanted().is_none()).unwrap();
    assert!(enough + 1 < file.len());
    assert_eq!(reader.left(), Some(0));
    assert_eq!(values(&mut reader.finish().unwrap().1, "full"), [1.0, -2.5, 3.25]);
    let mut reader = Reader::new(Fixed(vec![vector("full", 3)], FLOATS));
    reader.push(&file[..enough]).unwrap();
    let error = reader.finish().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Weights);
    assert!(error.to_string().contains("inside tensor full"), "{error}");
}

/// Three tensors, the middle one so large that it is worth leaving out.
fn wide_file() -> Vec<u8> {
    let (ends, middle) = ([[1f32, 2.0], [3.0, 4.0]], vec![0u8; 1 << 20]);
    let bytes = ends.map(|values| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    let tensors = [
        ("a", TensorView::new(Dtype::F32, vec![2], &bytes[0]).unwrap()),
        ("b", TensorView::new(Dtype::F32, vec![1 << 18], &middle).unwrap()),
        ("c", TensorView::new(Dtype::F32, vec![2], &bytes[1]).unwrap()),
    ];
    safetensors::serialize(tensors, None).unwrap()
}

#[test]
fn ranges_leave_out_what_is_not_wanted() {
    let file = wide_file();
    let mut reader = Reader::new(Fixed(vec![vector("c", 2), vector("a", 2)], FLOATS));
    let ranges = read_wanted(&file, &mut reader).unwrap();
    let mut weights = reader.finish().unwrap().1;
    assert_eq!((values(&mut weights, "a"), values(&mut weights, "c")), (vec![1.0, 2.0], vec![3.0, 4.0]));
    // The first range, which is long, had the header and the first tensor.
    assert_eq!(ranges.len(), 2);
    assert_eq!(ranges[1], file.len() as u64 - 8..file.len() as u64);
}

#[test]
fn what_is_wanted_can_not_be_left_out() {
    let file = wide_file();
    for (at, kind) in [(file.len() - 4, ErrorKind::InvalidArgument), (20, ErrorKind::InvalidArgument)] {
        let mut reader = Reader::new(Fixed(vec![vector("c", 2)], FLOATS));
        reader.push(&file[..1000]).unwrap();
        let error = reader.push_at(at as u64, &file[at..at + 4]).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(reader.push(&[]).is_err() && reader.wanted().is_none() && reader.finish().is_err());
    }
    let mut reader = Reader::new(Fixed(vec![vector("a", 2)], FLOATS));
    assert!(reader.push_at(1, &file[1..]).is_err());
}

/// Rows of a layer's weight and all that a file has beside them.
fn layer() -> (Vec<f32>, Vec<u8>) {
    let weight: Vec<f32> = (0..12 * 32).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect();
    let bytes: Vec<u8> = weight.iter().flat_map(|v| v.to_le_bytes()).collect();
    let bias: Vec<u8> = (0..12).flat_map(|i| f16::from_f32(i as f32).to_le_bytes()).collect();
    let tensors = [
        ("bias", TensorView::new(Dtype::F16, vec![12], &bias).unwrap()),
        ("weight", TensorView::new(Dtype::F32, vec![12, 32], &bytes).unwrap()),
    ];
    (weight, safetensors::serialize(tensors, None).unwrap())
}

fn layer_specs() -> Vec<TensorSpec> {
    vec![TensorSpec::new("weight", [12, 32], Use::Hidden), vector("bias", 12)]
}

/// The file that a recording of `file`, read for `target`, becomes.
fn recorded_for(
    target: Target,
    file: &[u8],
    piece: usize,
    into: Option<Format>,
    files: Vec<(&'static str, Vec<u8>)>,
) -> Vec<u8> {
    let mut reader = Reader::new(Fixed(layer_specs(), target));
    reader.record(into, files);
    let mut data = Vec::new();
    for piece in file.chunks(piece) {
        reader.push(piece).unwrap();
        data.extend(reader.take_recorded());
    }
    let Recorded { header, checksum } = reader.finish_recording().unwrap().unwrap();
    let whole = [header, data].concat();
    assert_eq!(crc32fast::hash(&whole), checksum);
    whole
}

#[test]
fn a_recording_is_a_file_that_reads_the_same() {
    let (weight, file) = layer();
    for piece in [1, 7, 1000, file.len()] {
        let copy = recorded_for(FLOATS, &file, piece, None, Vec::new());
        let mut weights = read(&copy, 11, layer_specs()).unwrap();
        assert_eq!(values(&mut weights, "weight"), weight);
        assert_eq!(values(&mut weights, "bias"), (0..12).map(|i| i as f32).collect::<Vec<_>>());

        let small = recorded_for(INT8, &file, piece, None, Vec::new());
        for target in [CPU, INT8, FLOATS, Target::Recording] {
            let into_int8 = recorded_for(target, &file, 64, Some(Format::Int8), Vec::new());
            assert_eq!(small, into_int8, "packed in 8 bits or not, kept or not: {target:?}");
            // And a recording of the recording is the recording.
            assert_eq!(small, recorded_for(target, &small, piece, None, Vec::new()), "{target:?}");
        }
        let mut weights = read(&small, piece, layer_specs()).unwrap();
        let most = values(&mut weights, "weight").iter().zip(&weight).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most > 0.0 && most < 0.05, "{most}");
        for target in [CPU, INT8] {
            let mut weights = read_for(target, &small, piece, layer_specs()).unwrap();
            assert!(matches!(weights.take("weight").unwrap(), Value::Packed(_)));
            assert!(weights.take("weight").is_err(), "it is gone");
        }
    }
}

/// The steps may stand before the rows, as other programs write them.
#[test]
fn steps_that_come_first_are_kept_for_their_rows() {
    let small = recorded_for(INT8, &layer().1, 64, None, Vec::new());
    let tensors = safetensors::SafeTensors::deserialize(&small).unwrap();
    // By type, from the largest.
    let sorted = safetensors::serialize(tensors.iter(), None).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&sorted).unwrap();
    let begin = |name: &str| metadata.info(name).unwrap().data_offsets.0;
    assert!(begin("weight_step") < begin("weight"));
    for piece in [5, sorted.len()] {
        assert_eq!(
            values(&mut read(&sorted, piece, layer_specs()).unwrap(), "weight"),
            values(&mut read(&small, piece, layer_specs()).unwrap(), "weight")
        );
        assert!(read_for(INT8, &sorted, piece, layer_specs()).is_ok());
    }
}

#[test]
fn half_precision_refuses_what_does_not_fit() {
    let (weight, file) = layer();
    let half = recorded_for(FLOATS, &file, 99, Some(Format::F16), Vec::new());
    let expected: Vec<f32> = weight.iter().map(|v| f16::from_f32(*v).to_f32()).collect();
    assert_eq!(values(&mut read(&half, 99, layer_specs()).unwrap(), "weight"), expected);

    let large = 1e5f32.to_le_bytes();
    let file = safetensors::serialize([("w", TensorView::new(Dtype::F32, vec![1], &large).unwrap())], None).unwrap();
    let mut reader = Reader::new(Fixed(vec![vector("w", 1)], FLOATS));
    reader.record(Some(Format::F16), Vec::new());
    let error = reader.push(&file).unwrap_err().to_string();
    assert!(error.contains("tensor w") && error.contains("100000"), "{error}");
}

#[test]
fn a_recording_carries_files_along_and_says_what_it_is() {
    let (_, file) = layer();
    let files = vec![("vocab.json", b"{}".to_vec()), ("merges.txt", Vec::new())];
    let copy = recorded_for(FLOATS, &file, 64, None, files);
    let (len, metadata) = safetensors::SafeTensors::read_metadata(&copy).unwrap();
    assert_eq!((len + 8) % 8, 0);
    assert_eq!(metadata.metadata().as_ref().unwrap()["clip_vision.source"], "a \"test\"");
    let specs = [layer_specs(), ["vocab.json", "merges.txt"].map(|name| TensorSpec::new(name, [], Use::File)).to_vec()]
        .concat();
    let mut weights = read(&copy, 3, specs).unwrap();
    assert_eq!(weights.take_file("vocab.json").unwrap(), b"{}");
    assert_eq!(weights.take_file("merges.txt").unwrap(), b"");

    struct Look;
    impl Selection for Look {
        fn select(&mut self, header: &Header) -> Result<TensorRequest> {
            assert_eq!(header.stored().unwrap().precision, "f32");
            Ok(TensorRequest { specs: Vec::new(), target: Target::Recording })
        }
        fn describe(&self) -> Stored {
            Stored::default()
        }
    }
    Reader::new(Look).push(&copy).unwrap();
    let header = std::str::from_utf8(&copy[8..len + 8]).unwrap().replace("version\":\"1\"", "version\":\"9\"");
    let newer = [&copy[..8], header.as_bytes()].concat();
    let error = Reader::new(Look).push(&newer).unwrap_err().to_string();
    assert!(error.contains("version \"9\""), "{error}");
}

#[test]
fn rows_in_8_bits_need_their_steps_and_a_layer() {
    let rows = [1u8; 64];
    let steps = [0u8; 8];
    let view = |dtype, shape: &[usize], data| TensorView::new(dtype, shape.to_vec(), data).unwrap();
    let spec = || TensorSpec::new("w", [2, 32], Use::Hidden);
    let file = |steps: TensorView<'_>| {
        safetensors::serialize([("w", view(Dtype::I8, &[2, 32], &rows)), ("w_step", steps)], None).unwrap()
    };
    let good = file(view(Dtype::F32, &[2], &steps));
    assert!(matches!(read_for(INT8, &good, 5, vec![spec()]).unwrap().take("w").unwrap(), Value::Packed(_)));
    let error = read(&good, 5, vec![TensorSpec::new("w", [2, 32], Use::Table)]).err().unwrap().to_string();
    assert!(error.contains("w is I8"), "{error}");
    let half = file(view(Dtype::F16, &[4], &steps));
    assert!(read(&half, 5, vec![spec()]).err().unwrap().to_string().contains("w_step is F16"));
    let none = safetensors::serialize([("w", view(Dtype::I8, &[2, 32], &rows))], None).unwrap();
    assert!(read(&none, 5, vec![spec()]).err().unwrap().to_string().contains("no tensor w_step"));
}

#[test]
fn several_files_are_read_one_after_the_other() {
    let one = |name, value: f32| {
        let bytes = value.to_le_bytes();
        safetensors::serialize([(name, TensorView::new(Dtype::F32, vec![1], &bytes).unwrap())], None).unwrap()
    };
    let files = [("w-1", one("a", 1.0)), ("w-2", one("b", 2.0)), ("w-3", one("c", 3.0))];
    let index = br#"{"metadata":{},"weight_map":{"a":"w-1","b":"w-2","c":"w-3"}}"#;
    let wanted = || Fixed(vec![vector("c", 1), vector("a", 1)], FLOATS);
    let mut reader = Reader::new(wanted());
    reader.record(None, Vec::new());
    reader.set_index("", index).unwrap();
    let mut asked = Vec::new();
    loop {
        asked.push(reader.file().to_owned());
        let file = &files.iter().find(|(name, _)| *name == reader.file()).unwrap().1;
        read_wanted(file, &mut reader).unwrap();
        if !reader.next_file().unwrap() {
            break;
        }
    }
    assert_eq!(asked, ["w-1", "w-3"]);
    let data = reader.take_recorded();
    let copy = [reader.finish_recording().unwrap().unwrap().header, data].concat();
    for mut weights in [reader.finish().unwrap().1, read(&copy, 9, wanted().0).unwrap()] {
        assert_eq!((values(&mut weights, "a"), values(&mut weights, "c")), (vec![1.0], vec![3.0]));
    }

    let mut unfinished = Reader::new(wanted());
    unfinished.set_index("", index).unwrap();
    read_wanted(&files[0].1, &mut unfinished).unwrap();
    assert!(unfinished.finish().err().unwrap().to_string().contains("w-3"));
    let long = vec![b' '; LONGEST_FILE + 1];
    let wrong: [&[u8]; 5] =
        [b"{}", b"<html>", br#"{"weight_map":{"a":"w-1"}}"#, br#"{"weight_map":{"a":"../w","c":"w-3"}}"#, &long];
    for index in wrong {
        let error = Reader::new(wanted()).set_index("", index).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Weights, "{error}");
    }
}

#[test]
fn errors_name_the_tensor() {
    let nan: Vec<u8> = [0f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
    let not_finite =
        safetensors::serialize([("w", TensorView::new(Dtype::F32, vec![2], &nan).unwrap())], None).unwrap();
    let file = file();
    let cases: [(&[u8], TensorSpec, &[&str]); 5] = [
        (&file, vector("absent", 1), &["no tensor absent"]),
        (&file, TensorSpec::new("half", [3, 2], Use::Table), &["half", "[2, 3]", "[3, 2]"]),
        (&file, vector("ids", 4), &["ids", "I64"]),
        (&not_finite, vector("w", 2), &["tensor w", "value 1 is NaN"]),
        (b"<!doctype html><html>", vector("w", 2), &["HTML"]),
    ];
    for (file, spec, parts) in cases {
        let error = read(file, 3, vec![spec]).err().unwrap().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn a_header_that_lies_is_refused() {
    let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let cases = [
        header("{"),
        header(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#),
        header(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#),
        header(r#"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#),
        vec![0xff; 32],
    ];
    for file in cases {
        assert!(read(&file, 4, vec![vector("w", 2)]).is_err(), "{file:?}");
    }
}

#[test]
fn the_memory_of_a_shape_does_not_wrap() {
    let half = 1usize << (usize::BITS / 2);
    for usage in [Use::Table, Use::Vector, Use::Hidden, Use::Projection] {
        for target in [FLOATS, Target::Cpu { int8: true }, Target::Cpu { int8: false }] {
            assert_eq!(
                TensorSpec::new("w", [half, half, half], usage).bytes(target),
                usize::MAX,
                "{usage:?} {target:?}"
            );
        }
    }
    assert_eq!(TensorSpec::new("w", [2, 3], Use::Table).bytes(FLOATS), 24);
    assert_eq!(TensorSpec::new("w", [2, 3], Use::Table).bytes(Target::Candle { half: true }), 12);
}
