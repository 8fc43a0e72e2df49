//! ONNX files as trees of fields, to be changed without breaking the lengths that stand before each of them, and to be filled
//! with numbers. <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>

use crate::data;
use crate::parts::{self, Random};
use libfuzzer_sys::fuzzer_mutate;

/// Messages whose fields are looked at.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Entry,
}

impl Kind {
    fn inner(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5) => Self::Tensor,
            (Self::Node, 5) => Self::Attribute,
            (Self::Tensor, 13) => Self::Entry,
            _ => return None,
        })
    }
}

#[derive(Clone)]
enum Value {
    Number(u64),
    /// Four or eight bytes.
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
    Message(Kind, Vec<Field>),
}

#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

fn parse(kind: Kind, mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let number = tag >> 3;
        let mut take = |len: usize| {
            let (taken, rest) = bytes.split_at_checked(len)?;
            bytes = rest;
            Some(taken)
        };
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            1 => Value::Fixed(take(8)?.to_vec()),
            5 => Value::Fixed(take(4)?.to_vec()),
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                let (inner, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                let message = kind.inner(number).and_then(|kind| Some(Value::Message(kind, parse(kind, inner)?)));
                message.unwrap_or_else(|| Value::Bytes(inner.to_vec()))
            }
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 127) << (7 * at);
        if byte & 128 == 0 {
            return Some(number);
        }
    }
    None
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let mut tagged = |wire: u64, len: Option<usize>, content: &[u8]| {
            write_varint(&mut bytes, number << 3 | wire);
            len.into_iter().for_each(|len| write_varint(&mut bytes, len as u64));
            bytes.extend(content);
        };
        match value {
            Value::Number(value) => {
                let mut number = Vec::new();
                write_varint(&mut number, *value);
                tagged(0, None, &number);
            }
            Value::Fixed(fixed) => tagged(if fixed.len() == 8 { 1 } else { 5 }, None, fixed),
            Value::Bytes(content) => tagged(2, Some(content.len()), content),
            Value::Message(_, fields) => {
                let content = write(fields);
                tagged(2, Some(content.len()), &content);
            }
        }
    }
    bytes
}

fn write_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The file with as many bytes in each initializer as its shape and type say.
pub fn repaired(file: &[u8]) -> Vec<u8> {
    let Some(mut fields) = parse(Kind::Model, file) else { return file.to_vec() };
    fill(&mut fields);
    write(&fields)
}

fn fill(fields: &mut [Field]) {
    for field in fields {
        if let Value::Message(kind, fields) = &mut field.value {
            if *kind == Kind::Tensor { fill_tensor(fields) } else { fill(fields) }
        }
    }
}

fn fill_tensor(fields: &mut Vec<Field>) {
    let number = |field: &Field| if let Value::Number(number) = field.value { Some(number) } else { None };
    let has = |wanted: u64| fields.iter().any(|field| field.number == wanted);
    let kind = fields.iter().rev().find(|field| field.number == 2).and_then(number);
    let size = match kind {
        Some(1) => 4,
        Some(7) => 8,
        Some(2 | 3) => 1,
        _ => 2,
    };
    let dims = fields.iter().filter(|field| field.number == 1).filter_map(number);
    let values = dims.fold(1u64, u64::saturating_mul);
    if has(4) || has(5) || has(13) {
        return;
    }
    let len = usize::try_from(values.saturating_mul(size)).unwrap_or(usize::MAX);
    let is_data = |field: &Field| field.number == 9 && matches!(&field.value, Value::Bytes(_));
    if !fields.iter().any(is_data) {
        fields.push(Field { number: 9, value: Value::Bytes(Vec::new()) });
    }
    for field in fields.iter_mut().filter(|field| is_data(field)) {
        if let Value::Bytes(bytes) = &mut field.value {
            bytes.truncate(len);
            data::fill(bytes, len);
        }
    }
}

/// Changes one field of the tree, or once in a while bytes without regard to it.
pub fn change(part: usize, file: &mut Vec<u8>, most: usize, random: &mut Random) {
    let parsed = parse(Kind::Model, file).filter(|_| random.below(16) > 0);
    let Some(mut fields) = parsed else { return parts::change(part, file, most, random) };
    let texts = texts(&fields);
    for _ in 0..=random.below(3) {
        let mut at = random.below(count(&fields) as u32) as usize;
        change_one(&mut fields, &mut at, &texts, random);
    }
    let changed = write(&fields);
    if changed.len() <= most {
        *file = changed;
    }
}

/// All texts of a tree: names of values, operations, files.
fn texts(fields: &[Field]) -> Vec<Vec<u8>> {
    let of = |field: &Field| match &field.value {
        Value::Bytes(bytes) if bytes.len() < 64 => vec![bytes.clone()],
        Value::Message(_, fields) => texts(fields),
        _ => Vec::new(),
    };
    fields.iter().flat_map(of).collect()
}

fn count(fields: &[Field]) -> usize {
    let inner = |field: &Field| if let Value::Message(_, fields) = &field.value { count(fields) } else { 0 };
    fields.iter().map(|field| 1 + inner(field)).sum()
}

/// Changes field `at` of the tree in depth-first order; false where it is not in these.
fn change_one(fields: &mut Vec<Field>, at: &mut usize, texts: &[Vec<u8>], random: &mut Random) -> bool {
    for index in 0..fields.len() {
        if *at == 0 {
            change_field(fields, index, texts, random);
            return true;
        }
        *at -= 1;
        if let Value::Message(_, inner) = &mut fields[index].value
            && change_one(inner, at, texts, random)
        {
            return true;
        }
    }
    false
}

/// Numbers at the edge of something: types, lengths of axes, attributes.
const NUMBERS: [u64; 16] = [0, 1, 2, 3, 4, 5, 7, 8, 10, 16, 127, 255, 4096, 65536, 1 << 32, u64::MAX];

fn change_field(fields: &mut Vec<Field>, index: usize, texts: &[Vec<u8>], random: &mut Random) {
    match random.below(12) {
        0 => drop(fields.remove(index)),
        1 => fields.insert(index, fields[index].clone()),
        2 | 3 => {
            let other = random.below(fields.len() as u32) as usize;
            fields.swap(index, other);
        }
        4 => fields[index].number = u64::from(random.below(16)),
        _ => match &mut fields[index].value {
            Value::Number(number) => {
                *number = match random.below(4) {
                    0 => number.wrapping_add(1),
                    1 => number.wrapping_sub(1),
                    2 => number.wrapping_mul(2),
                    _ => NUMBERS[random.below(NUMBERS.len() as u32) as usize],
                }
            }
            Value::Fixed(fixed) => {
                let byte = random.below(fixed.len() as u32) as usize;
                fixed[byte] = random.next() as u8;
            }
            Value::Bytes(bytes) if random.below(3) > 0 && !texts.is_empty() => {
                bytes.clone_from(&texts[random.below(texts.len() as u32) as usize]);
            }
            Value::Bytes(bytes) => {
                let len = bytes.len();
                bytes.resize(len + 16, 0);
                let changed = fuzzer_mutate(bytes, len, len + 16);
                bytes.truncate(changed);
            }
            Value::Message(..) => fields.swap(0, index),
        },
    }
}
